"""From a model to the settings of a task: energy scale and thresholds, all from one number the training data gave.

That number is the median squared change of a latent in one model step. What counts as "at the goal" and as "surprised"
follows from it without labels, in proportions that were chosen on the dev manifest (docs/decisions/0007).
"""

from __future__ import annotations

from dataclasses import dataclass

from gedanken.agent.config import AgentConfig
from gedanken.contracts import Energy
from gedanken.energies import Doubt, TimeToGoal, weighted
from gedanken.errors import BadInput


@dataclass(frozen=True)
class Thresholds:
    """Squared latent distances (mean over P and D).

    Args:
        hold: nearer to the goal than this, the agent stays.
        surprise: further from what was expected than this, it searches cold.
        apart: places nearer than this count as one in a tree of imagined places.
    """

    hold: float
    surprise: float
    apart: float = 1.0


def configure(
    step_change: float, config: AgentConfig | None = None, *, neighbourhood: float = 8.0, terminal: float = 30.0
) -> tuple[Energy, Thresholds]:
    """Energy and thresholds for going to a goal.

    Args:
        step_change: median squared latent change of one model step in the training data.
        config: gives the thresholds in step changes, and how much doubt weighs.
        neighbourhood: scale of the running energy, in step changes.
        terminal: weight of the distance at the end of the horizon.
    Raises:
        BadInput: `step_change` is not above 0, as in a model that was never calibrated.
    """
    if not step_change > 0:
        raise BadInput(f"step_change={step_change} must be above 0; calibrate the model on its training windows first.")
    config = config or AgentConfig()
    thresholds = Thresholds(*(step_change * each for each in (config.hold, config.surprise, config.apart)))
    goal = TimeToGoal(neighbourhood * step_change, terminal)
    return (weighted((1.0, goal), (config.doubt, Doubt())) if config.doubt else goal), thresholds

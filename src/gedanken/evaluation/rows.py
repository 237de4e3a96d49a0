"""The rows that stand beside every success rate, measured on the same pairs.

A rate alone says little: standing still and chance show what the task gives away, behaviour cloning what the data gives
without planning, and true dynamics under three energies whether a failure belongs to the model or to its energy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gedanken.agent import AgentConfig
from gedanken.contracts import Energy, Episodes, World, WorldModel
from gedanken.evaluation.baselines import NoOp, RandomPolicy, fit_behaviour_cloning
from gedanken.evaluation.intervals import Interval, success_interval
from gedanken.evaluation.manifest import Manifest
from gedanken.evaluation.oracle import ORACLE_SEARCH, SeenEnergy, TrueDynamics, TrueTimeToGoal, oracle
from gedanken.evaluation.planning import Pairs, PlanningResult, evaluate_planning
from gedanken.evaluation.policy import Policy
from gedanken.evaluation.true_state import rows_of


@dataclass(frozen=True)
class Row:
    """One line of a success table.

    Args:
        name: what was measured.
        at_end: share at the goal at the last step.
        ever: share at the goal at any time.
        pairs: n.
        core_seconds: of decisions, an episode.
    """

    name: str
    at_end: Interval
    ever: Interval
    pairs: int
    core_seconds: float


def row(name: str, result: PlanningResult) -> Row:
    """A result of one seed as a line of the table."""
    return Row(
        name,
        success_interval(result.success),
        success_interval(result.ever),
        len(result.success),
        result.core_seconds,
    )


def baseline_rows(
    world: World,
    pairs: Pairs,
    model: WorldModel,
    energy: Energy,
    episodes: Episodes,
    *,
    env_steps: int = 200,
    seed: int = 0,
    search: AgentConfig = ORACLE_SEARCH,
    seen_pairs: int | None = None,
) -> Iterator[Row]:
    """All baselines and oracles, one after the other, each when it is done.

    Args:
        world: where the pairs lie.
        pairs: what the model itself was measured on.
        model: lends its encoder to behaviour cloning, and its eyes to the oracle that uses its energy.
        energy: what the model's own agent minimises.
        episodes: what the model was trained on.
        env_steps: length of an episode.
        seed: of all chance.
        search: how hard the oracles search.
        seen_pairs: pairs of the slowest row, the model's energy of true states; all by default.
    """
    both = pairs.pairs(world) if isinstance(pairs, Manifest) else pairs
    some = rows_of(both[0], slice(seen_pairs)), rows_of(both[1], slice(seen_pairs))
    skip, dynamics = model.frame_skip, TrueDynamics(world, model.frame_skip)

    def knowing(energy: Energy) -> Policy:
        return oracle(dynamics, energy, search, seed=seed)

    policies: list[tuple[str, Callable[[], Policy], Pairs]] = [
        ("no-op", lambda: NoOp(world, skip), both),
        ("random", lambda: RandomPolicy(world, skip, seed), both),
        ("behaviour cloning", lambda: fit_behaviour_cloning(model, episodes, seed=seed), both),
        ("true dynamics, geodesic energy", lambda: knowing(TrueTimeToGoal(dynamics)), both),
        ("true dynamics, model's energy", lambda: knowing(SeenEnergy(dynamics, model, energy)), some),
        ("true dynamics, Euclidean energy", lambda: knowing(TrueTimeToGoal(dynamics, "straight")), both),
    ]
    for name, made, these in policies:
        yield row(name, evaluate_planning(world, made(), these, env_steps))

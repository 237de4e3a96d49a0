"""How an agent plans: plain values, as a recipe and a model file keep them."""

from __future__ import annotations

from dataclasses import dataclass, field

from gedanken.errors import BadInput
from gedanken.planners import MPPIConfig, PlannerConfig, TreeConfig, planner_of


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """How the agent plans.

    Args:
        horizon: H, model steps ahead.
        warm: the search from the last plan, moved on by a step; the configuration of any registered planner.
        cold: the search from nothing, at the start and after a surprise; likewise.
        restless: model steps after a cold search in which another surprise leads to a drawn step, not to a search; 0 never
            draws.
        idle: model steps in one place, away from the goal, after which it searches cold; 0 waits for ever.
        spread: deviation of the first samples, in units of the action's largest norm or half range.
        past: T, latents kept in working memory; never fewer than the model says it uses.
        patience: model steps for which a plan is followed as long as nothing surprises; 1 searches at every step.
        tree: how large a tree of imagined places looks for a way before each cold search, which then starts from it; None
            leaves it out. For long detours.
        doubt: weight of `Doubt` in the energy: steps of going round that one doubtful step is worth; 0 leaves it out, and a
            model without an error head needs 0.
        near: model steps ahead that are searched for a landmark on the way; 0 searches the whole horizon.
        hold: nearer to the goal than this, the agent stays; in step changes of the model, like the next two.
        surprise: further from what was expected than this, it searches cold.
        apart: places of a tree nearer than this count as one.
    """

    horizon: int = 16
    warm: PlannerConfig = field(default_factory=lambda: MPPIConfig(candidates=128, rounds=2))
    cold: PlannerConfig = field(default_factory=lambda: MPPIConfig(candidates=256, rounds=6))
    restless: int = 3
    idle: int = 0
    spread: float = 0.67
    past: int = 1
    patience: int = 2
    tree: TreeConfig | None = None
    doubt: float = 0.0
    near: int = 0
    hold: float = 0.5
    surprise: float = 2.0
    apart: float = 4.0

    def __post_init__(self) -> None:
        if min(self.horizon, self.past, self.patience) < 1 or min(self.restless, self.idle) < 0 or not self.spread > 0:
            raise BadInput(
                f"horizon={self.horizon}, past={self.past} and patience={self.patience} must be at least 1, "
                f"restless={self.restless} and idle={self.idle} at least 0, and spread={self.spread} above 0."
            )
        if not min(self.hold, self.surprise, self.apart) > 0 or not 0 <= self.doubt < float("inf"):
            raise BadInput(
                f"hold={self.hold}, surprise={self.surprise} and apart={self.apart} must all be above 0, and doubt={self.doubt} "
                "at least 0."
            )
        if not 0 <= self.near <= self.horizon:
            raise BadInput(f"near={self.near} must lie between 0 and horizon={self.horizon}.")
        for search in (self.warm, self.cold):
            planner_of(search)

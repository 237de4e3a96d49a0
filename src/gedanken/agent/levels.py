"""Plan in levels: macro-actions of a slow clock are searched for, and where the first of them leads is the next sub-goal.

After hierarchical planning with latent world models (HWM, arXiv:2604.03208). Both levels think in one latent space, so what the
upper one hands down is a goal like any other. Depth is not free: a goal within reach is handed down itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from gedanken.contracts import Energy, Landmarks, Wayfinder
from gedanken.errors import BadInput
from gedanken.planners import MPPIConfig, PlannerConfig, planner_of
from gedanken.types import IMAGINED, Goal, Rollout, Route, Search

StepsBetween = Callable[[Tensor, Tensor], Tensor]
_SPREAD = 0.67


@dataclass(frozen=True, kw_only=True)
class UpperSearchConfig:
    """How the upper level searches.

    Args:
        horizon: macro-actions ahead.
        search: the configuration of any registered planner.
        direct: a goal within so many model steps, as they are predicted, is handed down itself; 0 always searches.
    """

    horizon: int = 8
    search: PlannerConfig = field(default_factory=lambda: MPPIConfig(candidates=256, rounds=3))
    direct: float = 5.0

    def __post_init__(self) -> None:
        if self.horizon < 1 or not self.direct >= 0:
            raise BadInput(
                f"horizon={self.horizon} must be at least 1 macro-action, and direct={self.direct} at least 0."
            )
        planner_of(self.search)


@dataclass(frozen=True)
class Levels:
    """A `contracts.Wayfinder` without a memory.

    Args:
        imagine: latents `[B, P, D]` and macro-actions `[B, N, H, M]` → latents `[B, N, H, P, D]`, a macro-action apart.
        low, high: `[M]` the range of macro-actions that were ever done.
        stride: model steps of a macro-action.
        energy: what the upper level minimises; its steps are macro-actions.
        steps: model steps predicted between latents `[n, P, D]` and `[m, P, D]`, `[n, m]`.
        config: how it searches.
        generator: source of its randomness.
    """

    imagine: Callable[[Tensor, Tensor], Tensor]
    low: Tensor
    high: Tensor
    stride: int
    energy: Energy
    steps: StepsBetween
    config: UpperSearchConfig
    generator: Generator

    def route(self, now: Tensor, goal: Tensor, missed: Tensor | None = None, keep: Tensor | None = None) -> Route:
        """The goal itself where it is within reach, else where the first macro-action of the best plan is imagined to lead.

        Args:
            now, goal: latents `[B, P, D]`.
            missed: `IMAGINED` for each time that heading straight for the goal failed `[B, M]`; it is not trusted again.
            keep: rows that are not searched.
        """
        direct = torch.stack([self.steps(now[row, None], goal[row, None])[0, 0] for row in range(len(now))])
        itself = direct <= self.config.direct
        if missed is not None:
            itself = itself & ~(missed == IMAGINED).any(dim=1)
        rows = (~itself if keep is None else ~itself & ~keep).nonzero()[:, 0]
        aims = goal.index_copy(0, rows, self._first(now[rows], goal[rows])) if len(rows) else goal
        return Route(
            aims=aims,
            target=torch.where(itself, -1, IMAGINED),
            source=torch.full((len(now),), IMAGINED),
            steps=torch.where(itself, direct, float(self.stride)),
            left=direct,
        )

    def judge(self, source: int, target: int, arrived: bool) -> None:
        """Nothing is learned of an imagined place: the next one is imagined from wherever the agent then is."""

    def _first(self, now: Tensor, goal: Tensor) -> Tensor:
        middle = ((self.low + self.high) / 2).expand(len(now), self.config.horizon, -1)
        start = Search(middle, (_SPREAD * (self.high - self.low) / 2).expand_as(middle), self.low, self.high)

        def energy_of(macros: Tensor) -> Tensor:
            return self.energy(Rollout(self.imagine(now, macros)), Goal(goal), macros)

        search = self.config.search
        plan = planner_of(search).plan(energy_of, start, config=search, generator=self.generator)
        return self.imagine(now, plan.actions[:, None, :1])[:, 0, 0]


@dataclass(frozen=True)
class Deepest:
    """Auto-depth: landmarks where they know a way, the upper level where they know none, the goal itself within reach."""

    landmarks: Landmarks
    levels: Levels

    def route(self, now: Tensor, goal: Tensor, missed: Tensor | None = None, keep: Tensor | None = None) -> Route:
        """As `Landmarks.route`, and as `Levels.route` where that would head straight for a goal out of reach."""
        known = self.landmarks.route(now, goal, missed)
        lost = (known.target < 0) & (known.steps > self.levels.config.direct)
        if not bool(lost.any()):
            return known
        imagined = self.levels.route(now, goal, missed, ~lost if keep is None else keep | ~lost)
        return replace(
            known,
            aims=torch.where(lost[:, None, None], imagined.aims, known.aims),
            target=torch.where(lost, imagined.target, known.target),
            source=torch.where(lost, imagined.source, known.source),
            steps=torch.where(lost, imagined.steps.double(), known.steps.double()),
        )

    def judge(self, source: int, target: int, arrived: bool) -> None:
        """Only landmarks learn."""
        if target != IMAGINED:
            self.landmarks.judge(source, target, arrived)


def ways_of(landmarks: Landmarks | None, levels: Levels | None) -> Wayfinder | None:
    """What an agent goes by; None where it plans for every goal directly."""
    return Deepest(landmarks, levels) if landmarks is not None and levels is not None else landmarks or levels

"""A search that ends when its time is up, with the best of what it imagined until then.

Every planner scores its candidates in rounds. Between two rounds it is asked whether that is enough; a round that has begun
is finished, and one is always made, so a search takes at least a round and overruns by less than one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.planners.registry import PlannerConfig, planner_of
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace

Given = ParamSpec("Given")
Found = TypeVar("Found")
Enough = Callable[[], bool]
"""Whether a search should end now."""


class EnoughImagined(Exception):
    """Ends a search from within the function it asks."""


def anytime(
    energy_of: EnergyOf, start: Search, config: PlannerConfig, generator: Generator, enough: Enough
) -> tuple[Plan, bool]:
    """The planner's plan and False; or, once `enough` says so, the best plan imagined so far and True.

    Args:
        energy_of: actions `[B, N, H, A]` → energies `[B, N]`.
        start: where to look.
        config: the planner and how hard it looks.
        generator: source of all randomness.
        enough: asked after each round; the last round's answer comes too late to change anything.
    Raises:
        ShapeError, NonFinite, BadInput: as the planner does.
    """
    rounds = _Rounds(energy_of, enough)
    try:
        return planner_of(config).plan(rounds, start, config=config, generator=generator), False
    except EnoughImagined:
        return rounds.plan(), True


def until_enough(imagine: Callable[Given, Found], enough: Enough) -> Callable[Given, Found]:
    """The same function, which ends the search it is asked in once that is enough."""

    def of(*given: Given.args, **named: Given.kwargs) -> Found:
        if enough():
            raise EnoughImagined
        return imagine(*given, **named)

    return of


class _Rounds:
    """An energy function that keeps each row's best candidate."""

    def __init__(self, energy_of: EnergyOf, enough: Enough) -> None:
        self.energy_of, self.enough = energy_of, enough
        self.best: list[Tensor] = []
        self.mean: list[Tensor] = []
        self.actions: Tensor | None = None

    def __call__(self, actions: Tensor) -> Tensor:
        energies = scored(self.energy_of, actions, len(self.best) + 1)
        self._keep(actions.detach(), energies.detach())
        if self.enough():
            raise EnoughImagined
        return energies

    def plan(self) -> Plan:
        assert self.actions is not None  # raised after a round only
        energy = self.best[-1]
        trace = Trace(torch.stack(self.best), torch.stack(self.mean))
        return Plan(self.actions, energy, torch.ones_like(energy, dtype=torch.bool), trace)

    def _keep(self, actions: Tensor, energies: Tensor) -> None:
        least, index = energies.min(dim=1)
        found = actions[torch.arange(len(actions)), index]
        if self.actions is not None:
            better = least < self.best[-1]
            least = torch.where(better, least, self.best[-1])
            found = torch.where(better[:, None, None], found, self.actions)
        self.actions = found
        self.best.append(least)
        self.mean.append(energies.mean(dim=1))

"""Draw many action sequences once and keep the best: the baseline any search that refines must beat."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import check_start, limited
from gedanken.planners.sampling import around, coloured_noise
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace


@dataclass(frozen=True, kw_only=True)
class RandomShootingConfig:
    """How hard `random_shooting` looks.

    Args:
        kind: name of the planner, by which a file says which this is.
        candidates: action sequences imagined, for each problem.
        rho: correlation of neighbouring steps' noise, in [0, 1).
    """

    kind: Literal["random-shooting"] = "random-shooting"
    candidates: int = 1024
    rho: float = 0.0

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise BadInput(f"candidates={self.candidates} must be at least 1.")
        if not 0 <= self.rho < 1:
            raise BadInput(f"rho={self.rho} is a correlation in [0, 1).")


_USUAL = RandomShootingConfig()


@torch.no_grad()
def random_shooting(
    energy_of: EnergyOf, start: Search, config: RandomShootingConfig = _USUAL, *, generator: Generator
) -> Plan:
    """The best of `config.candidates` samples of the start's Gaussian, its mean among them.

    Args:
        energy_of: actions `[B, N, H, A]` → energies `[B, N]`.
        start: where to look, in the environment's own units.
        config: how hard to look.
        generator: source of all randomness; the same seed gives the same plan.
    Raises:
        ShapeError, NonFinite, BadInput: a start or an energy that does not fit, see `check_start` and `scored`.
    """
    check_start(start)
    actions = around(start.mean, start.std, coloured_noise(start.mean, config.candidates, config.rho, generator))
    actions[:, 0] = start.mean
    actions = limited(actions, start)
    energies = scored(energy_of, actions, 1)
    energy, index = energies.min(dim=1)
    chosen = actions[torch.arange(len(actions), device=actions.device), index]
    trace = Trace(energy[None], energies.mean(dim=1)[None])
    return Plan(chosen, energy, torch.ones_like(energy, dtype=torch.bool), trace)

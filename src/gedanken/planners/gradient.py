"""Follow the energy's own gradient: Adam (arXiv:1412.6980) on whole action sequences, from several beginnings at once.

A gradient sees every number of a long plan at once, where a sampling search sees one energy; but it ends at the bottom of
whatever valley it begins in. So the warm start is refined together with the best few of a first round of random plans.
"""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

import torch
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput, NonFinite
from gedanken.planners.bounds import centre, check_start, limited
from gedanken.planners.sampling import around, coloured_noise, piecewise_constant
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace

_PIECES, _REACH, _STOP = 3, (1 / 3, 1.0), 0.3  # as in `mppi`
_MEMORY = (0.7, 0.95)
"""How much Adam keeps of its averages of slopes and squared slopes at each step: less than the usual (0.9, 0.999), since a
search has tens of steps and not thousands; on quadratic energies the error left after 60 steps is many times smaller so."""


@dataclass(frozen=True, kw_only=True)
class GradientConfig:
    """How hard `gradient` searches. Scales are relative, so one setting serves any environment's units.

    Args:
        kind: name of the planner, by which a file says which this is.
        candidates: action sequences imagined once, without gradients, to find beginnings, for each problem.
        restarts: beginnings that are refined: the start's mean, and the best of the other candidates.
        rounds: steps of Adam.
        step: length of the first steps, in units of the start's spread; it falls to 0 by half a cosine.
        noise: spread of the noise added to the first steps, in units of the start's spread; it falls likewise.
        rho: correlation of neighbouring steps in the random plans, in [0, 1).
        piecewise_share: share of the random plans that hold a few values one after another.
    """

    kind: Literal["gradient"] = "gradient"
    candidates: int = 64
    restarts: int = 8
    rounds: int = 30
    step: float = 0.2
    noise: float = 0.05
    rho: float = 0.85
    piecewise_share: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.restarts <= self.candidates:
            raise BadInput(
                f"restarts={self.restarts} must lie between 1 and candidates={self.candidates}, among which they are found."
            )
        if self.rounds < 1:
            raise BadInput(f"rounds={self.rounds} must be at least 1; 30 is a usual choice.")
        if not (self.step > 0 and self.noise >= 0):
            raise BadInput(f"step={self.step} must be above 0 and noise={self.noise} at least 0.")
        if not 0 <= self.rho < 1 or not 0 <= self.piecewise_share <= 1:
            raise BadInput(
                f"rho={self.rho} is a correlation in [0, 1), and piecewise_share={self.piecewise_share} lies in [0, 1]."
            )

    @property
    def piecewise(self) -> int:
        """Candidates that hold a few values; the start's mean is never one of them."""
        return min(round(self.piecewise_share * self.candidates), self.candidates - 1)


_USUAL = GradientConfig()


@torch.no_grad()
def gradient(energy_of: EnergyOf, start: Search, config: GradientConfig = _USUAL, *, generator: Generator) -> Plan:
    """The best action sequence met on the way down from several beginnings.

    The best of all rounds is returned, so the best energy never rises from one to the next, and a warm start in
    `start.mean` is only ever improved on. Gradients are taken even under `torch.no_grad`, and none reaches a model's weights.

    Args:
        energy_of: actions `[B, N, H, A]` → energies `[B, N]`, differentiable; called with N = candidates once, then with
            N = restarts.
        start: where to look, in the environment's own units; `B` problems are solved side by side.
        config: how hard to look.
        generator: source of all randomness; the same seed gives the same plan.
    Returns:
        the sequence of least energy among all that were imagined, with that energy.
    Raises:
        ShapeError, NonFinite, BadInput: a start or an energy that does not fit, see `check_start` and `scored`; or an
            energy without a gradient, or with one that is not finite.
    """
    check_start(start)
    actions = _samples(start, config, generator)
    energies = scored(energy_of, actions, 1)
    chosen, energy = _better(actions[:, 0], energies[:, 0], actions, energies)
    best, average = [energy], [energies.mean(dim=1)]
    actions = _beginnings(actions, energies, config.restarts)
    slope, square = torch.zeros_like(actions), torch.zeros_like(actions)
    for number in range(1, config.rounds + 1):
        energies, slopes = _slopes(energy_of, actions, number + 1)
        chosen, energy = _better(chosen, energy, actions, energies)
        best.append(energy)
        average.append(energies.mean(dim=1))
        slope, square = slope.lerp(slopes, 1 - _MEMORY[0]), square.lerp(slopes.square(), 1 - _MEMORY[1])
        move = config.step * _direction(slope, square, number)
        if config.noise:
            move += config.noise * coloured_noise(start.mean, config.restarts, 0.0, generator)
        share = (1 + cos(pi * (number - 1) / config.rounds)) / 2
        actions = limited(actions + share * start.std[:, None] * move, start)
    energies = scored(energy_of, actions, config.rounds + 2)
    chosen, energy = _better(chosen, energy, actions, energies)
    best.append(energy)
    average.append(energies.mean(dim=1))
    feasible = torch.ones_like(energy, dtype=torch.bool)
    return Plan(chosen, energy, feasible, Trace(torch.stack(best), torch.stack(average)))


def _samples(start: Search, config: GradientConfig, generator: Generator) -> Tensor:
    """The mean, coloured noise around the box's centre, and plans of a few pieces: `[B, candidates, H, A]` in bounds."""
    noise = coloured_noise(start.mean, config.candidates - config.piecewise - 1, config.rho, generator)
    pieces = piecewise_constant(start, config.piecewise, generator, pieces=_PIECES, reach=_REACH, stop=_STOP)
    return limited(torch.cat([start.mean[:, None], around(centre(start), start.std, noise), pieces], dim=1), start)


def _beginnings(actions: Tensor, energies: Tensor, count: int) -> Tensor:
    """The first of the candidates, and the best of the others: `[B, count, H, A]`."""
    others = 1 + energies[:, 1:].topk(count - 1, dim=1, largest=False).indices
    index = torch.cat([others.new_zeros(len(others), 1), others], dim=1)
    return actions.gather(1, index[:, :, None, None].expand(-1, -1, *actions.shape[2:]))


def _slopes(energy_of: EnergyOf, actions: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Energies `[B, R]` and their gradient `[B, R, H, A]`, as constants."""
    with torch.enable_grad():
        leaves = actions.detach().requires_grad_()
        energies = scored(energy_of, leaves, number)
        (slopes,) = (
            torch.autograd.grad(energies.sum(), leaves, allow_unused=True) if energies.requires_grad else (None,)
        )
    if slopes is None:
        raise BadInput(
            "the energy has no gradient with respect to the actions; something on its way detaches, rounds or runs under "
            "torch.no_grad or torch.inference_mode. Mend that, or take a planner that only samples, such as mppi."
        )
    if not torch.isfinite(slopes).all():
        raise NonFinite(
            f"the energy's gradient holds NaN or infinity in round {number} of the search; a square root or a division "
            "at zero needs a small constant under it."
        )
    return energies.detach(), slopes


def _direction(slope: Tensor, square: Tensor, number: int) -> Tensor:
    """Adam's step, downwards and about 1 long in each number; both averages are corrected for having begun at zero."""
    slope, square = slope / (1 - _MEMORY[0] ** number), square / (1 - _MEMORY[1] ** number)
    return -slope / square.sqrt().clamp_min(torch.finfo(square.dtype).tiny)


def _better(chosen: Tensor, energy: Tensor, actions: Tensor, energies: Tensor) -> tuple[Tensor, Tensor]:
    """The sequence `[B, H, A]` and energy `[B]` so far, or the best of these candidates where it is better."""
    least, index = energies.min(dim=1)
    better = least < energy
    found = actions[torch.arange(len(actions), device=actions.device), index]
    return torch.where(better[:, None, None], found, chosen), torch.where(better, least, energy)

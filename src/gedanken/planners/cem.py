"""The cross-entropy method (Rubinstein 1999): sample a Gaussian, keep the best few, refit the Gaussian to them, repeat."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import check_start, limited
from gedanken.planners.sampling import around, coloured_noise
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace


@dataclass(frozen=True, kw_only=True)
class CEMConfig:
    """How hard `cem` searches.

    Args:
        kind: name of the planner, by which a file says which this is.
        candidates: action sequences imagined in a round, for each problem.
        elites: of these, how many the Gaussian is refitted to.
        rounds: sample, score, refit.
        momentum: share of the old mean and spread that a refit keeps, in [0, 1).
        min_std: smallest spread after a refit, in units of the start's; 0 lets the search converge fully.
        returns: `best` sequence imagined, or the final `mean`, which is smoother and costs one more evaluation.
        plain: as LeWM and DINO-WM search: the best sequence so far is not imagined again, and the spread is the sample
            deviation of the elites (n − 1).
    """

    kind: Literal["cem"] = "cem"
    candidates: int = 256
    elites: int = 32
    rounds: int = 10
    momentum: float = 0.1
    min_std: float = 0.0
    returns: Literal["best", "mean"] = "best"
    plain: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.elites <= self.candidates:
            raise BadInput(
                f"elites={self.elites} must lie between 2 and candidates={self.candidates}; "
                f"an eighth ({max(2, self.candidates // 8)}) is a usual choice."
            )
        if self.rounds < 1:
            raise BadInput(f"rounds={self.rounds} must be at least 1; 10 is a usual choice.")
        if not 0 <= self.momentum < 1:
            raise BadInput(f"momentum={self.momentum} must lie in [0, 1); at 1 the search would never move.")
        if not 0 <= self.min_std <= 1:
            raise BadInput(f"min_std={self.min_std} is a share of the start's spread, between 0 and 1.")
        if self.returns not in ("best", "mean"):
            raise BadInput(
                f"returns={self.returns!r}; expected 'best' (sequence imagined) or 'mean' (of the Gaussian)."
            )


_USUAL = CEMConfig()


@torch.no_grad()
def cem(energy_of: EnergyOf, start: Search, config: CEMConfig = _USUAL, *, generator: Generator) -> Plan:
    """The best action sequence found by the cross-entropy method.

    The first candidate of a round is the mean; the second, but for a plain search, is the best sequence so far, so that the best
    energy never rises.

    Args:
        energy_of: actions `[B, N, H, A]` → energies `[B, N]`.
        start: where to look, in the environment's own units; `B` problems are solved side by side.
        config: how hard to look.
        generator: source of all randomness; the same seed gives the same plan.
    Returns:
        the sequence `config.returns` asks for, with its own energy.
    Raises:
        ShapeError, NonFinite, BadInput: a start or an energy that does not fit, see `check_start` and `scored`.
    """
    check_start(start)
    mean, std = start.mean, start.std
    chosen, best, average = mean, [], []
    for number in range(1, config.rounds + 1):
        actions = around(mean, std, coloured_noise(mean, config.candidates, 0.0, generator))
        actions[:, 0] = mean
        if not config.plain:
            actions[:, 1] = chosen
        actions = limited(actions, start)
        energies = scored(energy_of, actions, number)
        elite_energies, index = energies.topk(config.elites, dim=1, largest=False)
        elites = actions.gather(1, index[:, :, None, None].expand(-1, -1, *actions.shape[2:]))
        chosen = elites[:, 0]
        best.append(elite_energies[:, 0])
        average.append(energies.mean(dim=1))
        mean, std = _refit(mean, std, elites, start, config)
    energy = best[-1]
    if config.returns == "mean":
        candidate = limited(mean[:, None], start)
        chosen, energy = candidate[:, 0], scored(energy_of, candidate, config.rounds + 1)[:, 0]
    feasible = torch.ones_like(energy, dtype=torch.bool)
    return Plan(chosen, energy, feasible, Trace(torch.stack(best), torch.stack(average)))


def _refit(mean: Tensor, std: Tensor, elites: Tensor, start: Search, config: CEMConfig) -> tuple[Tensor, Tensor]:
    """Mean and spread `[B, H, A]` moved towards those of the elites `[B, K, H, A]`."""
    spread, centre = torch.std_mean(elites, dim=1, correction=int(config.plain))
    moved = torch.lerp(centre, mean, config.momentum)
    return moved, torch.lerp(spread, std, config.momentum).maximum(config.min_std * start.std)

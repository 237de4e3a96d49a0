"""iCEM: the cross-entropy method with smooth samples, a memory, and ever fewer candidates (arXiv:2008.06389).

Three changes to `cem` save most of its candidates. Noise whose power falls with frequency moves an agent somewhere, where
white noise trembles on the spot. The best elites stay in the next round's pool, with the energies they have. And as the
Gaussian narrows, each round draws fewer. The paper also carries elites from one decision to the next; here nothing is
kept between calls, and a warm start in `Search.mean` does that.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import check_start, limited
from gedanken.planners.sampling import around, power_law_noise
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace


@dataclass(frozen=True, kw_only=True)
class ICEMConfig:
    """How hard `icem` searches.

    Args:
        kind: name of the planner, by which a file says which this is.
        candidates: action sequences imagined in the first round, for each problem.
        elites: how many of a round's pool the Gaussian is refitted to.
        rounds: sample, score, refit.
        beta: exponent of the noise's power law 1/fᵝ; 0 is white noise, 2 a random walk's.
        decay: each round imagines so many times fewer than the round before, though never less than twice the elites.
        kept_share: share of the elites that stays in the next round's pool.
        momentum: share of the old mean and spread that a refit keeps, in [0, 1).
    """

    kind: Literal["icem"] = "icem"
    candidates: int = 256
    elites: int = 16
    rounds: int = 10
    beta: float = 2.0
    decay: float = 1.25
    kept_share: float = 0.3
    momentum: float = 0.1

    def __post_init__(self) -> None:
        if self.elites < 2 or self.candidates < 2 * self.elites:
            raise BadInput(
                f"elites={self.elites} must be at least 2 and candidates={self.candidates} at least twice as many; "
                f"a sixteenth ({max(2, self.candidates // 16)}) is a usual choice."
            )
        if self.rounds < 1:
            raise BadInput(f"rounds={self.rounds} must be at least 1; 10 is a usual choice.")
        if not (self.beta >= 0 and self.decay >= 1):
            raise BadInput(
                f"beta={self.beta} must be at least 0 (white noise) and decay={self.decay} at least 1 (none)."
            )
        if not 0 <= self.kept_share <= 1 or self.kept < 1:
            raise BadInput(
                f"kept_share={self.kept_share} of elites={self.elites} keeps {self.kept}; it must keep at least the best "
                "one and at most all."
            )
        if not 0 <= self.momentum < 1:
            raise BadInput(f"momentum={self.momentum} must lie in [0, 1); at 1 the search would never move.")

    @property
    def kept(self) -> int:
        """Elites that stay in the next round's pool."""
        return round(self.kept_share * self.elites)

    def imagined(self, number: int) -> int:
        """Candidates of round `number`, counted from 1."""
        # Divided step by step, a very large decay ends at the floor instead of overflowing.
        count = float(self.candidates)
        for _ in range(number - 1):
            count /= self.decay
        return max(round(count), 2 * self.elites)


_USUAL = ICEMConfig()


@torch.no_grad()
def icem(energy_of: EnergyOf, start: Search, config: ICEMConfig = _USUAL, *, generator: Generator) -> Plan:
    """The best action sequence found by iCEM.

    The first candidate of a round is the mean, and the best so far stays in the pool; so the best energy never rises, and
    a warm start in `start.mean` is only ever improved on.

    Args:
        energy_of: actions `[B, N, H, A]` → energies `[B, N]`.
        start: where to look, in the environment's own units; `B` problems are solved side by side.
        config: how hard to look.
        generator: source of all randomness; the same seed gives the same plan.
    Returns:
        the sequence of least energy among all that were imagined, with that energy.
    Raises:
        ShapeError, NonFinite, BadInput: a start or an energy that does not fit, see `check_start` and `scored`.
    """
    check_start(start)
    mean, std = start.mean, start.std
    pool, energies = mean.new_empty(len(mean), 0, *mean.shape[1:]), mean.new_empty(len(mean), 0)
    best, average = [], []
    for number in range(1, config.rounds + 1):
        actions = around(mean, std, power_law_noise(mean, config.imagined(number), config.beta, generator))
        actions[:, 0] = mean
        actions = limited(actions, start)
        pool, energies = (
            torch.cat([pool, actions], dim=1),
            torch.cat([energies, scored(energy_of, actions, number)], dim=1),
        )
        average.append(energies.mean(dim=1))
        energies, index = energies.topk(config.elites, dim=1, largest=False)
        pool = pool.gather(1, index[:, :, None, None].expand(-1, -1, *mean.shape[1:]))
        best.append(energies[:, 0])
        mean, std = _refit(mean, std, pool, config.momentum)
        pool, energies = pool[:, : config.kept], energies[:, : config.kept]
    feasible = torch.ones_like(best[-1], dtype=torch.bool)
    return Plan(pool[:, 0], best[-1], feasible, Trace(torch.stack(best), torch.stack(average)))


def _refit(mean: Tensor, std: Tensor, elites: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """Mean and spread `[B, H, A]` moved towards those of the elites `[B, K, H, A]`."""
    spread, centre = torch.std_mean(elites, dim=1, correction=0)
    return torch.lerp(centre, mean, momentum), torch.lerp(spread, std, momentum)

"""Model-predictive path integral search: refit a Gaussian to softly weighted elites, among samples of several kinds.

After Williams et al. (2017) in the elites-only form of TD-MPC2 (arXiv:2310.16828). Coloured noise around the mean
refines a plan; fresh coloured noise and piecewise-constant plans look for another one, such as a way round a wall.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from gedanken.contracts import EnergyOf
from gedanken.errors import BadInput
from gedanken.planners.bounds import centre, check_start, limited
from gedanken.planners.sampling import around, coloured_noise, piecewise_constant
from gedanken.planners.scoring import scored
from gedanken.types import Plan, Search, Trace


@dataclass(frozen=True, kw_only=True)
class MPPIConfig:
    """How hard `mppi` searches, and among what. Scales are relative, so one setting serves any environment's units.

    Args:
        kind: name of the planner, by which a file says which this is.
        candidates: action sequences imagined in a round, for each problem.
        rounds: sample, score, refit; 3 suffice after a warm start, a cold search wants about 12.
        elite_share: share of the candidates that the Gaussian is refitted to.
        temperature: softness of the elites' weights, in standard deviations of their energies.
        rho: correlation of neighbouring steps' noise around the mean; the samples are divided evenly among these.
        fresh_share: share of coloured noise around the box's centre rather than the mean.
        fresh_std: its spread, in units of the start's.
        fresh_rho: its correlation.
        piecewise_share: share of plans that hold a few values one after another.
        pieces: values in such a plan.
        piece_reach: shortest and longest such value, in units of the norm.
        piece_stop: probability that its last value is the zero action.
        min_std: smallest spread after a refit, in units of the start's.
        max_std: largest spread after a refit, likewise.
    """

    kind: Literal["mppi"] = "mppi"
    candidates: int = 256
    rounds: int = 3
    elite_share: float = 0.10
    temperature: float = 0.5
    rho: tuple[float, ...] = (0.9, 0.5)
    fresh_share: float = 0.10
    fresh_std: float = 1.5
    fresh_rho: float = 0.85
    piecewise_share: float = 0.25
    pieces: int = 3
    piece_reach: tuple[float, float] = (1 / 3, 1.0)
    piece_stop: float = 0.3
    min_std: float = 0.1
    max_std: float = 1.2

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.pieces < 1:
            raise BadInput(f"rounds={self.rounds} and pieces={self.pieces} must both be at least 1.")
        if not 2 <= self.elites <= self.candidates:
            raise BadInput(
                f"elite_share={self.elite_share} of candidates={self.candidates} makes {self.elites} elites; "
                "it must make at least 2 and at most all. A tenth of 256 is a usual choice."
            )
        if min(self.fresh_share, self.piecewise_share) < 0 or self.centred < 2:
            raise BadInput(
                f"fresh_share={self.fresh_share} and piecewise_share={self.piecewise_share} leave {self.centred} of "
                f"{self.candidates} candidates around the mean; shares are at least 0 and must leave 2."
            )
        if not self.rho or not all(0 <= rho < 1 for rho in (*self.rho, self.fresh_rho)):
            raise BadInput(f"rho={self.rho} and fresh_rho={self.fresh_rho} are correlations in [0, 1).")
        if not (self.temperature > 0 and self.fresh_std >= 0 and 0 <= self.min_std <= self.max_std):
            raise BadInput(
                f"temperature={self.temperature} must be positive, fresh_std={self.fresh_std} at least 0, and "
                f"min_std={self.min_std} at most max_std={self.max_std}."
            )
        if not (0 <= self.piece_reach[0] <= self.piece_reach[1] and 0 <= self.piece_stop <= 1):
            raise BadInput(
                f"piece_reach={self.piece_reach} must rise from at least 0, and piece_stop={self.piece_stop} is a "
                "probability."
            )

    @property
    def elites(self) -> int:
        """Candidates that a refit uses."""
        return round(self.elite_share * self.candidates)

    @property
    def fresh(self) -> int:
        """Candidates around the box's centre."""
        return round(self.fresh_share * self.candidates)

    @property
    def piecewise(self) -> int:
        """Candidates that hold a few values."""
        return round(self.piecewise_share * self.candidates)

    @property
    def centred(self) -> int:
        """Candidates around the mean, the mean itself and the best so far among them."""
        return self.candidates - self.fresh - self.piecewise


_USUAL = MPPIConfig()


@torch.no_grad()
def mppi(energy_of: EnergyOf, start: Search, config: MPPIConfig = _USUAL, *, generator: Generator) -> Plan:
    """The best action sequence found by elites-only MPPI.

    The first candidate of a round is the mean, the second the best sequence so far; so the best energy never rises, and a
    warm start in `start.mean` is only ever improved on.

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
    chosen, best, average = mean, [], []
    for number in range(1, config.rounds + 1):
        actions = _samples(mean, std, chosen, start, config, generator)
        energies = scored(energy_of, actions, number)
        elite_energies, index = energies.topk(config.elites, dim=1, largest=False)
        elites = actions.gather(1, index[:, :, None, None].expand(-1, -1, *actions.shape[2:]))
        chosen = elites[:, 0]
        best.append(elite_energies[:, 0])
        average.append(energies.mean(dim=1))
        mean, std = _refit(elites, elite_energies, start, config)
    feasible = torch.ones_like(best[-1], dtype=torch.bool)
    return Plan(chosen, best[-1], feasible, Trace(torch.stack(best), torch.stack(average)))


def _samples(
    mean: Tensor, std: Tensor, best: Tensor, start: Search, config: MPPIConfig, generator: Generator
) -> Tensor:
    """One round's candidates `[B, N, H, A]`, inside the bounds."""
    groups = len(config.rho)
    kinds = [
        around(mean, std, coloured_noise(mean, (config.centred + i) // groups, rho, generator))
        for i, rho in enumerate(config.rho)
    ]
    if config.fresh:
        noise = coloured_noise(mean, config.fresh, config.fresh_rho, generator)
        kinds.append(around(centre(start), config.fresh_std * start.std, noise))
    if config.piecewise:
        kinds.append(
            piecewise_constant(
                start,
                config.piecewise,
                generator,
                pieces=config.pieces,
                reach=config.piece_reach,
                stop=config.piece_stop,
            )
        )
    actions = torch.cat(kinds, dim=1)
    actions[:, 0], actions[:, 1] = mean, best
    return limited(actions, start)


def _refit(elites: Tensor, energies: Tensor, start: Search, config: MPPIConfig) -> tuple[Tensor, Tensor]:
    """Mean and spread `[B, H, A]` of the elites `[B, K, H, A]`, the better ones counting more."""
    softness = config.temperature * energies.std(dim=1, keepdim=True)
    excess = energies - energies[:, :1]
    # Equal energies have no spread: every elite then weighs the same.
    weights = torch.softmax(-excess / softness.clamp_min(torch.finfo(energies.dtype).tiny), dim=1)
    weights = weights[..., None, None].to(elites.dtype)
    mean = (weights * elites).sum(dim=1)
    spread = (weights * (elites - mean[:, None]).square()).sum(dim=1).sqrt()
    return mean, spread.clamp(config.min_std * start.std, config.max_std * start.std)

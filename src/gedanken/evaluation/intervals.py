"""How sure a rate is: 95 % intervals by bootstrap over seeds and pairs (Efron 1979), Wilson's (1927) for one seed.

All seeds are measured on the same pairs, and a hard pair is hard for all of them. So a bootstrap draw takes seeds, and
then one set of pairs for all the seeds it took; drawing pairs for each seed anew would count a hard pair's luck as
averaged out over the seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.errors import BadInput, ShapeError

_CONFIDENCE = 0.95
_NORMAL = 1.959963984540054  # two-sided 95 % quantile of the standard normal


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval, in the unit of the outcomes (1 is 100 %)."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def wilson(successes: int, count: int) -> Interval:
    """Wilson's interval for a rate of `successes` among `count` independent trials; never empty at 0 or 100 %.

    Raises:
        BadInput: no trials, or more successes than trials.
    """
    if not 0 <= successes <= count or count < 1:
        raise BadInput(f"successes={successes} must lie between 0 and count={count}, and there must be a trial.")
    rate, square = successes / count, _NORMAL**2
    centre = (rate + square / (2 * count)) / (1 + square / count)
    reach = _NORMAL / (1 + square / count) * sqrt(rate * (1 - rate) / count + square / (4 * count**2))
    return Interval(rate, max(0.0, min(rate, centre - reach)), min(1.0, max(rate, centre + reach)))


def bootstrap(outcomes: Float[Tensor, "S n"], *, draws: int = 10_000, seed: int = 0) -> Interval:
    """Percentile bootstrap of a mean over seeds, then over pairs; with one seed over the pairs alone.

    Args:
        outcomes: one row a seed, one column a pair, the same pair in every row: successes, distances, differences.
        draws: bootstrap draws.
        seed: of the draws.
    Raises:
        ShapeError: the outcomes are not `[S, n]`, or there are none.
        BadInput: fewer than two draws.
    """
    if outcomes.dim() != 2 or not outcomes.numel():
        raise ShapeError(f"outcomes have shape {tuple(outcomes.shape)}; expected [seeds, pairs], at least one each.")
    if draws < 2:
        raise BadInput(f"draws={draws} must be at least 2; 10 000 are usual.")
    generator = Generator().manual_seed(seed)
    values = outcomes.double()
    seeds, pairs = values.shape
    taken = _counts(draws, seeds, generator) @ values
    means = (taken * _counts(draws, pairs, generator)).sum(dim=1) / (seeds * pairs)
    tail = (1 - _CONFIDENCE) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype)).tolist()
    return Interval(float(values.mean()), low, high)


def success_interval(successes: Tensor, *, seed: int = 0) -> Interval:
    """The interval of a success rate from `[S, n]` or `[n]` successes: Wilson's for one seed, else a bootstrap.

    Where all episodes ended alike a bootstrap has nothing to vary and would claim certainty; Wilson's over the pairs of
    one seed stands in.
    """
    outcomes = torch.atleast_2d(successes).float()
    if outcomes.shape[0] == 1 or bool((outcomes == outcomes[:1, :1]).all()):
        return wilson(int(outcomes[0].sum()), outcomes.shape[1])
    return bootstrap(outcomes, seed=seed)


def paired_difference(one: Tensor, other: Tensor, *, draws: int = 10_000, seed: int = 0) -> Interval:
    """The interval of mean(one) − mean(other) on the same pairs, `[S, n]` or `[n]` each; pair by pair, seed by seed.

    Raises:
        ShapeError: they were not measured on equally many pairs, or on different numbers of seeds (one fits any).
    """
    first, second = torch.atleast_2d(one).float(), torch.atleast_2d(other).float()
    if first.shape[1] != second.shape[1] or (first.shape[0] != second.shape[0] and 1 not in (len(first), len(second))):
        raise ShapeError(
            f"outcomes of {tuple(first.shape)} and {tuple(second.shape)} cannot be paired; expected [seeds, pairs] "
            "with the same pairs, and the same seeds or one."
        )
    return bootstrap(first - second, draws=draws, seed=seed)


def _counts(draws: int, size: int, generator: Generator) -> Tensor:
    """How often each of `size` things is taken in `size` draws with replacement, `[draws, size]`."""
    taken = torch.randint(size, (draws, size), generator=generator)
    return torch.zeros(draws, size, dtype=torch.float64).scatter_add_(
        1, taken, torch.ones(draws, size, dtype=torch.float64)
    )

"""How fast recordings change: the time over which a change keeps its direction, which is how long a model step should be.

Take the change over τ samples and the change over the τ samples after it. Over a short time one follows from the other, as
inertia has it, so they correlate by nearly 1; over a long time they have nothing to do with each other. A model step is as long
as the largest τ before this correlation first falls below a half: for an oscillation a sixth of its period. Long enough that
an action shows, short enough that what moves does not turn round unseen. Noise on every sample makes changes over very
few samples turn round at once, so the correlation has to rise before it can fall.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gedanken.contracts import Episodes
from gedanken.data.windows import stretches
from gedanken.types import Episode

_FALLEN = 0.5
_EPISODES = 32
"""Looked at, spread over all of them."""
_GROWTH = 1.15
"""From one τ to the next."""


def pace(episodes: Episodes, streams: Sequence[str]) -> int | None:
    """Samples over which a change keeps its direction: the median over all numbers that tell.

    Args:
        episodes: recordings of one kind.
        streams: names of streams of numbers.
    Returns:
        at least 1; or None where no number changes smoothly at any scale up to an eighth of an episode, as noise and what
        stands still do not. NaN is left out.
    """
    picked = np.unique(np.linspace(0, len(episodes) - 1, min(_EPISODES, len(episodes))).astype(int)).tolist()
    records = [record for number in picked for record in _records(episodes[number], streams)]
    longest = max((len(record) for record in records), default=0) // 8
    if longest < 1:
        return None
    lags = np.unique(np.floor(_GROWTH ** np.arange(np.log(longest + 1) / np.log(_GROWTH) + 1)).astype(int))
    lags = lags[lags <= longest]
    kept = np.stack([_correlation(records, lag) for lag in lags.tolist()]) >= _FALLEN
    found = [_first_fall(lags, column) for column in kept.T if column.any()]
    return max(1, round(float(np.median(found)))) if found else None


def _records(episode: Episode, streams: Sequence[str]) -> list[np.ndarray]:
    """The numbers of each stretch `[L, n]`."""
    length = len(episode)
    values = [np.asarray(episode.streams[name]).reshape(length, -1).astype(np.float64) for name in streams]
    whole = np.concatenate(values, axis=1)
    whole[~np.isfinite(whole)] = np.nan
    return [whole[start:stop] for start, stop in stretches(episode)]


def _correlation(records: Sequence[np.ndarray], lag: int) -> np.ndarray:
    """Of a change over `lag` samples with the next one, for each number; NaN where nothing changes."""
    sums = np.zeros((3, records[0].shape[1]))
    for record in records:
        if len(record) <= 2 * lag:
            continue
        change = record[lag:] - record[:-lag]
        first, second = change[:-lag], change[lag:]
        there = np.isfinite(first) & np.isfinite(second)
        first, second = np.where(there, first, 0.0), np.where(there, second, 0.0)
        sums += np.stack([(first * second).sum(axis=0), (first**2).sum(axis=0), (second**2).sum(axis=0)])
    both = np.sqrt(sums[1] * sums[2])
    return np.divide(sums[0], both, out=np.full(len(both), np.nan), where=both > 0)


def _first_fall(lags: np.ndarray, kept: np.ndarray) -> int:
    """The last lag before the correlation falls for the first time after it was high."""
    rise = int(np.argmax(kept))
    falls = np.flatnonzero(~kept[rise:])
    return int(lags[-1] if not len(falls) else lags[rise + falls[0] - 1])

"""Hidden cuts: a step that leads far beyond what steps around it, and steps anywhere, lead to.

Pictures are judged by two measures, how far what is seen moves and how much of the picture changes; sensors by the share of
channels that jump at once, since a ball that bounces turns its speed in one step, but does not change its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from gedanken.data.check.digest import Digest, appearances
from gedanken.data.check.findings import Finding, Place, found_at

_AROUND = 8
_FEWEST_AROUND = 4
_BEYOND_AROUND = 3.0
_BEYOND_ALL = 3.0
_CHANNELS = 0.6
_LONG = 1.5
_EXPOSURE = 0.2
"""Share of a picture's change that is left where it has only become brighter or darker; of a cut it is a third or more."""
_ALIKE, _TIME_AND_AGAIN = 0.1, 3
"""Jumps whose two ends are that near, in standard deviations of the stream, and how many of them are no cuts."""
_LONG_WAIT = 1.5
"""Usual periods after which a long step is no wonder."""


def cuts(digests: Sequence[Digest], stream: str) -> list[Place]:
    """Steps that look like a cut which no reset names; a place is the frames before and after it."""
    guess = _usual_change(digests, stream)
    measures = [_measures(each, stream, guess) for each in digests]
    for each, shown in zip(measures, appearances(digests, stream), strict=True):
        each[shown, 0] = np.where(np.isfinite(each[shown, 0]), 0.0, np.nan)
    scale, long = _usual(measures), _usual([np.abs(each.streams[stream].change) for each in digests])
    found = [
        (each, int(k))
        for each, seen in zip(digests, measures, strict=True)
        for k in np.flatnonzero(_outstanding(seen, scale, _is_picture(each, stream)) & ~_explained(each, stream))
        if _is_long(each, stream, int(k), long) and not _is_exposure(each, stream, int(k))
    ]
    return [each.whose.at(k, k + 1) for each, k in _unlike_one_another(digests, stream, found)]


def _is_exposure(each: Digest, stream: str, step: int) -> bool:
    """Whether a picture has only become brighter or darker as a whole: all its waves by one factor, and its mean."""
    if not _is_picture(each, stream):
        return False
    before, after = each.streams[stream].features[step : step + 2].astype(float)
    given = np.stack([before, np.eye(len(before))[0]], axis=1)
    left = after - given @ np.linalg.lstsq(given, after, rcond=None)[0]
    return bool(np.linalg.norm(left) < _EXPOSURE * np.linalg.norm(after - before))


def _unlike_one_another(
    digests: Sequence[Digest], stream: str, found: Sequence[tuple[Digest, int]]
) -> list[tuple[Digest, int]]:
    """Without jumps of a sensor that lead from one value to another time and again: that is how it measures, or a switch."""
    if not found or _is_picture(found[0][0], stream):
        return list(found)
    spread = np.concatenate([each.streams[stream].features for each in digests]).std(axis=0)
    ends = np.stack([each.streams[stream].features[k : k + 2] for each, k in found]) / np.maximum(spread, 1e-12)
    apart = np.abs(ends[:, None] - ends[None]).max(axis=(2, 3))
    return [each for each, near in zip(found, (apart < _ALIKE).sum(axis=1), strict=True) if near < _TIME_AND_AGAIN]


def _is_long(each: Digest, stream: str, step: int, long: np.ndarray) -> bool:
    """Whether a step of a sensor is long in itself: one that only is not as guessed may follow from a wrong action."""
    far = np.abs(each.streams[stream].change[step]) > _LONG * long
    return _is_picture(each, stream) or bool(far[np.isfinite(long)].mean() >= _CHANNELS)


def cut_findings(places: list[Place], stream: str) -> list[Finding]:
    """What is said of cuts."""
    return found_at(
        "hidden-cut",
        "error",
        f"Stream {stream!r} jumps from one scene to another inside an episode",
        "Name the frame after the cut in the episode's resets, or split the episode there; no window may cross it.",
        places,
        stream,
    )


def _is_picture(each: Digest, stream: str) -> bool:
    return each.streams[stream].picture


def _usual_change(digests: Sequence[Digest], stream: str) -> np.ndarray:
    """Weights `[1 + F + A, G]` of a linear guess of each step from what is seen and done, little moved by a few cuts."""
    if _is_picture(digests[0], stream):
        return np.zeros((0, 0))
    given = np.concatenate([_given(each, stream) for each in digests])
    change = np.concatenate([each.streams[stream].change for each in digests]).astype(float)
    limit = 4 * np.quantile(np.abs(change), 0.75, axis=0)
    return np.linalg.lstsq(given, np.clip(change, -limit, limit), rcond=None)[0]


def _given(each: Digest, stream: str) -> np.ndarray:
    seen = each.streams[stream].features[:-1]
    return np.column_stack([np.ones(len(seen)), seen, np.nan_to_num(each.actions)]).astype(float)


def _measures(each: Digest, stream: str, guess: np.ndarray) -> Float[np.ndarray, "K M"]:
    """How large each step is, by each measure, of a sensor how far from its guess; NaN across a reset."""
    seen = each.streams[stream]
    if _is_picture(each, stream):
        moved = np.linalg.norm(np.diff(seen.features, axis=0), axis=1)
        measures = np.stack([moved, seen.level], axis=1)
    else:
        measures = np.abs(seen.change - _given(each, stream) @ guess)
    measures = measures.astype(float)
    measures[[start - 1 for start, _ in each.spans if start > 0]] = np.nan
    return measures


def _usual(measures: Sequence[np.ndarray]) -> np.ndarray:
    """Large steps by each measure: the 95th percentile of those that lead anywhere."""
    together = np.concatenate(measures)
    together = np.where(together > 0, together, np.nan)
    live = np.isfinite(together).any(axis=0)
    usual = np.full(together.shape[1], np.inf)
    if live.any():
        usual[live] = np.nanquantile(together[:, live], 0.95, axis=0)
    return usual


def _outstanding(seen: np.ndarray, usual: np.ndarray, picture: bool) -> Bool[np.ndarray, " K"]:
    around = _largest_around(seen)
    far = (seen > _BEYOND_ALL * usual) & (seen > _BEYOND_AROUND * around)
    live = np.isfinite(usual)
    if picture:
        return far.max(axis=1)
    return np.asarray(far[:, live].mean(axis=1) >= _CHANNELS) if live.any() else np.zeros(len(seen), bool)


def _largest_around(seen: np.ndarray) -> np.ndarray:
    """Largest of the steps around each, itself left out; infinite where too few are known."""
    padded = np.pad(np.nan_to_num(seen, nan=-1.0), ((_AROUND, _AROUND), (0, 0)), constant_values=-1.0)
    near = np.stack([padded[turn : turn + len(seen)] for turn in range(2 * _AROUND + 1) if turn != _AROUND])
    known = (near >= 0).sum(axis=0)
    return np.where(known >= _FEWEST_AROUND, near.max(axis=0), np.inf)


def _explained(each: Digest, stream: str) -> Bool[np.ndarray, " K"]:
    """Steps right after a repeated frame, where what hung catches up, and long waits with the step after: other faults."""
    same = each.streams[stream].same
    after = np.concatenate([[False], same[:-1]]) if len(same) else same
    if each.times is None or not len(same):
        return after
    periods = np.diff(each.times.astype(float))
    waited = periods > _LONG_WAIT * np.median(periods)
    return after | waited | np.concatenate([[False], waited[:-1]])

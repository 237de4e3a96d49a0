"""Machines answer late: how many frames pass until a command shows, and episodes paired accordingly.

Action k leaves frame k. With a lag of k frames it is the image taken k frames after a command that begins to show its effect,
so frame t belongs with the command given k frames earlier. A negative lag is a recording paired wrongly: the command that
was stored with a frame is the one that led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from gedanken.data.windows import stretches
from gedanken.errors import BadInput
from gedanken.types import Episode

_BLOCK = 50
"""Frames, at most, that are drawn together: neighbours resemble each other, so single frames would tell too much."""

_DRAWS = 200

_PAST = 2
"""Frames from which the next is foretold."""

_FEWEST, _MOST = 50, 20_000
"""Moments looked at."""


def lagged(episode: Episode, frames: int) -> Episode:
    """The episode with frame t paired with the action that was given `frames` frames earlier.

    The first `frames` frames and the last `frames` actions have no partner and are left out; after a reset, so many frames
    stand alone, since what moved them was commanded before it. A negative number pairs with a later action.

    Raises:
        BadInput: fewer than two frames would be left.
    """
    if not frames:
        return episode
    length = len(episode) - abs(frames)
    if length < 2:
        raise BadInput(
            f"an episode of {len(episode)} frames is too short for a lag of {frames}; {abs(frames) + 2} are needed."
        )
    seen, done = max(frames, 0), max(-frames, 0)
    alone = {reset + step for reset in episode.resets for step in range(min(0, frames + 1), max(0, frames) + 1)}
    return replace(
        episode,
        streams={name: values[seen : seen + length] for name, values in episode.streams.items()},
        actions=episode.actions[done : done + length - 1],
        times=None if episode.times is None else episode.times[seen : seen + length],
        resets=tuple(sorted(reset - seen for reset in alone if 0 < reset - seen < length)),
    )


@dataclass(frozen=True)
class LagEstimate:
    """The lag at which commands and the change of what is seen go together best, and how far that can be trusted.

    Args:
        frames: the lag in frames; negative where commands seem to be stored after their effect.
        between: the lags between which 95 % of 200 redraws of blocks of the data lie.
        chance: share of 200 random shifts of the actions against the frames that correlate as strongly at some lag, 0 to 1.
        correlation: of the action column and the observed change that go together best, at that lag.
        action: number of that action column.
        stream: name of that observation stream.
        component: number of that component; for images 0 is the shift to the right, 1 the shift downwards.
        correlations: of the same two at each lag from `least` to `most`.
    """

    frames: int
    between: tuple[int, int]
    chance: float
    correlation: float
    action: int
    stream: str
    component: int
    correlations: tuple[float, ...]

    @property
    def sure(self) -> bool:
        """Whether the redraws differ by a frame at most, and no more than 1 % of the random shifts do as well."""
        return self.between[1] - self.between[0] <= 1 and self.chance <= 0.01


def estimated_lag(
    episodes: Episode | Sequence[Episode], *, least: int = -2, most: int = 10, seed: int = 0
) -> LagEstimate:
    """The lag between commands and what is seen to change, by correlation.

    With a lag of k, what changes between frames t and t+1 goes with the action given at frame t−k. Of images, how far the whole
    picture moves between two frames is looked at; of sensors, how much each changes. Of commands and changes only what their
    own past does not tell is compared (prewhitening; Box and Jenkins, Time Series Analysis, 1970, ch. 11).

    Args:
        episodes: recordings of one kind.
        least: smallest lag tried, in frames.
        most: largest lag tried.
        seed: of the redraws and random shifts.
    Raises:
        BadInput: no stretch is long enough, or nothing changes.
    """
    recordings = [episodes] if isinstance(episodes, Episode) else list(episodes)
    if not recordings or not least < most:
        raise BadInput(f"a lag needs an episode, and least={least} below most={most}.")
    given, change = _innovations(recordings, least, most)
    generator = np.random.default_rng(seed)
    blocks = _block_products(given, change)
    found = blocks.sum(axis=0)
    lag, column, component = _peak(found)
    redrawn = [_peak(blocks[generator.integers(0, len(blocks), len(blocks))].sum(axis=0))[0] for _ in range(_DRAWS)]
    strength = np.abs(found).max()
    shifts = generator.integers(1, len(change), _DRAWS)
    by_chance = [np.abs(_products(given, np.roll(change, shift, axis=0))).max() >= strength for shift in shifts]
    low, high = np.quantile(redrawn, (0.025, 0.975), method="nearest")
    curve = found[:, column, component] / len(change)
    seen = [(name, part) for name, spec in recordings[0].specs.items() for part in range(_components(spec.shape))]
    return LagEstimate(
        frames=least + lag,
        between=(least + int(low), least + int(high)),
        chance=float(np.mean(by_chance)),
        correlation=float(curve[lag]),
        action=column,
        stream=seen[component][0],
        component=seen[component][1],
        correlations=tuple(curve.tolist()),
    )


def _innovations(recordings: list[Episode], least: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Actions `[n, lags, width]` and changes `[n, components]`, of each only what its own past does not tell, standardised.

    Smooth commands resemble their neighbours, and what swings answers to itself: both would correlate at many lags.
    """
    parts = [part for each in recordings for span in stretches(each) for part in _paired(each, *span, least, most)]
    if sum(len(part[0]) for part in parts) < _FEWEST:
        raise BadInput(
            f"there are not {_FEWEST} moments to try lags from {least} to {most} at; record longer or try fewer."
        )
    (given, given_past), (change, change_past) = (
        (np.concatenate([part[now] for part in parts])[:_MOST], np.concatenate([part[past] for part in parts])[:_MOST])
        for now, past in ((0, 1), (2, 3))
    )
    news = np.stack([_unforetold(given[:, lag], given_past[:, lag]) for lag in range(given.shape[1])], axis=1)
    change = _unforetold(change, change_past)
    if not news.any() or not change.any():
        raise BadInput(
            "no action changes, or nothing that is seen does but as its own past tells; there is no lag to be found."
        )
    return news, change


def _components(shape: tuple[int, ...]) -> int:
    return 2 if len(shape) == 3 else int(np.prod(shape))


def _paired(episode: Episode, start: int, stop: int, least: int, most: int) -> list[tuple[np.ndarray, ...]]:
    """Of one stretch, at the same moments for every lag: actions `[n, lags, width]`, those before them, changes
    `[n, components]`, and what was seen before them."""
    first, last = start + max(most, 0) + _PAST, stop - 1 + min(least, 0)
    if last <= first:
        return []
    given = [episode.actions[first - _PAST - lag : last - lag] for lag in range(least, most + 1)]
    now, past = zip(*(_now_and_past(actions.astype(np.float64)) for actions in given), strict=True)
    seen = [values[first - _PAST : last + 1] for values in episode.streams.values()]
    change, changed = _now_and_past(np.concatenate([_changes(values) for values in seen], axis=1))
    states = [values[_PAST:-1].reshape(len(change), -1) for values in seen if values.ndim != 4]
    return [(np.stack(now, axis=1), np.stack(past, axis=1), change, np.concatenate([changed, *states], axis=1))]


def _now_and_past(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = len(values) - _PAST
    return values[_PAST:], np.concatenate([values[step : step + count] for step in range(_PAST)], axis=1)


def _changes(values: np.ndarray) -> Float[np.ndarray, "n components"]:
    if values.ndim == 4:
        return np.stack([_shift(one, other) for one, other in pairwise(map(_spectrum, values))])
    return np.diff(values.reshape(len(values), -1).astype(np.float64), axis=0)


def _spectrum(picture: np.ndarray) -> np.ndarray:
    grey = picture.mean(axis=-1)
    # Faded towards the edges, which would otherwise be seen as the strongest line, and one that never moves.
    fading = np.hanning(grey.shape[0])[:, None] * np.hanning(grey.shape[1])
    return np.fft.rfft2((grey - grey.mean()) * fading)


def _shift(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far the whole picture moved, to the right and downwards, in pixels: the peak of the phase correlation."""
    cross = other * one.conj()
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-9))
    peak = np.unravel_index(np.argmax(surface), surface.shape)
    down, right = (_between(np.take(surface, peak[1 - axis], axis=1 - axis), int(peak[axis])) for axis in (0, 1))
    return np.array([right, down])


def _between(line: np.ndarray, peak: int) -> float:
    """Where a parabola through the peak and its neighbours is highest; the line is a ring."""
    before, at, after = (float(line[(peak + step) % len(line)]) for step in (-1, 0, 1))
    bend = before - 2 * at + after
    fine = (before - after) / (2 * bend) if bend < 0 else 0.0
    return (peak + len(line) // 2) % len(line) - len(line) // 2 + fine


def _unforetold(values: np.ndarray, past: np.ndarray) -> np.ndarray:
    """What a linear prediction from the past leaves, with spread 1; zeros where it leaves nothing."""
    scale = np.abs(values - values.mean(axis=0)).max(axis=0)
    told = _standard(past)
    rest = values - values.mean(axis=0)
    rest -= told @ np.linalg.lstsq(told, rest, rcond=1e-9)[0]
    spread = rest.std(axis=0)
    return np.divide(rest, spread, out=np.zeros_like(rest), where=spread > 1e-6 * scale)


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12 * np.abs(values).max(axis=0))


def _products(given: np.ndarray, change: np.ndarray) -> Float[np.ndarray, "lags width components"]:
    return np.tensordot(given, change, axes=(0, 0))


def _block_products(given: np.ndarray, change: np.ndarray) -> Float[np.ndarray, "blocks lags width components"]:
    size = max(1, min(_BLOCK, len(change) // 20))
    starts = range(0, len(change), size)
    return np.stack([_products(given[each : each + size], change[each : each + size]) for each in starts])


def _peak(products: np.ndarray) -> tuple[int, int, int]:
    lag, column, component = np.unravel_index(np.argmax(np.abs(products)), products.shape)
    return int(lag), int(column), int(component)

"""What the checks keep of an episode, so that each frame is read once: smooth features of what is seen, and their changes.

Sensor values are their own features. A picture is averaged to at most 32×32 and keeps its lowest waves (a cosine transform):
they change in step with how far a thing moves, however small it is. Its changes also hold the shift of the whole picture, as
least squares over brightness gradients give it (Lucas and Kanade, 1981): what a camera that turns does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float

from gedanken.data.check.findings import Whose
from gedanken.data.clock import nearest_rows
from gedanken.data.recorded import AsRecorded
from gedanken.data.windows import stretches
from gedanken.types import Episode

_SIDE = 32
_WAVES = 4
SLOWEST = (1, _WAVES)
"""Features of a picture that are its slowest waves, one up and down and one across."""
_MOST_CHANNELS = 48
_AT_ONCE = 128
_BRIGHTER = 4.0
_HARDLY = 1e-2
"""Mean change, of 255, up to which two pictures are compared value by value: averages of equal ones differ by rounding."""
_COLOURS = np.array([0.30, 0.50, 0.20])
"""Unequal, so that two colours seldom look alike in grey."""


@dataclass(frozen=True)
class StreamDigest:
    """One stream of L frames.

    Args:
        features: smooth functions of what is seen.
        change: from each frame to the next: differences of features, of a picture also its shift and how much changed.
        level: one number a step: how much of the picture changed, mean over its values; 0 for sensors.
        same: whether the next frame is exactly this one.
        moving: share of all values that change in a usual step that is not `same`.
        picture: whether these are pictures; one in which nothing moves is still one.
    """

    features: Float[np.ndarray, "L F"]
    change: Float[np.ndarray, "K G"]
    level: Float[np.ndarray, " K"]
    same: Bool[np.ndarray, " K"]
    moving: float
    picture: bool


@dataclass(frozen=True)
class Digest:
    """One episode: K = L - 1 steps.

    Args:
        whose: which episode it is.
        streams: a digest for each.
        actions: `[K, A]` as recorded; not finite where the recording is not.
        times: `[L]` seconds, or None.
        held: `[K]` steps in which no new row came, so that reading gave the next frame the same one again.
        spans: frame ranges `[start, stop)` inside which nothing is reset.
    """

    whose: Whose
    streams: Mapping[str, StreamDigest]
    actions: np.ndarray
    times: np.ndarray | None
    held: Bool[np.ndarray, " K"]
    spans: tuple[tuple[int, int], ...]


def digest(episode: Episode, whose: Whose, recorded: AsRecorded | None = None) -> Digest:
    """Read every frame of an episode once."""
    streams = {
        name: (_of_pictures if is_picture(values.shape[1:]) else _of_sensors)(np.asarray(values))
        for name, values in episode.streams.items()
    }
    actions, held = np.asarray(episode.actions, np.float32), _held(episode, recorded)
    return Digest(whose, streams, actions, episode.times, held, tuple(stretches(episode)))


def _held(episode: Episode, recorded: AsRecorded | None) -> Bool[np.ndarray, " K"]:
    rate = next((spec.rate_hz for spec in episode.specs.values() if spec.rate_hz), None)
    rows = None if recorded is None else recorded.times
    if rows is None or rate is None or len(rows) < 2:
        return np.zeros(len(episode) - 1, bool)
    frames = np.arange(len(episode)) / rate if episode.times is None else episode.times
    return np.diff(nearest_rows(rows, frames, 1 / rate)) == 0


def appearances(digests: Sequence[Digest], stream: str) -> list[Bool[np.ndarray, " K"]]:
    """Steps in which a picture grows much brighter or darker than in others: what comes from behind a wall has not jumped."""
    steps = [np.abs(np.diff(each.streams[stream].features[:, 0])) for each in digests]
    if not digests[0].streams[stream].picture:
        return [np.zeros(len(step), bool) for step in steps]
    together = np.concatenate(steps)
    together = together[together > 0]
    limit = _BRIGHTER * float(np.quantile(together, 0.75)) if len(together) else 0.0
    return [step > limit for step in steps]


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape have a height and a width."""
    return len(shape) in (2, 3) and min(shape[:2]) >= 8


def _of_sensors(values: np.ndarray) -> StreamDigest:
    flat = values.reshape(len(values), -1)
    same = (flat[1:] == flat[:-1]).all(axis=1)
    moving = float((flat[1:] != flat[:-1])[~same].mean()) if not same.all() else 0.0
    columns = np.unique(np.linspace(0, flat.shape[1] - 1, min(flat.shape[1], _MOST_CHANNELS)).round().astype(int))
    features = np.nan_to_num(flat[:, columns].astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    change = unwound(np.diff(features, axis=0))
    return StreamDigest(features, change, np.zeros(len(change), np.float32), same, moving, False)


def unwound(change: np.ndarray) -> np.ndarray:
    """Changes of angles that pass ±180° without their whole turn, for those in radians."""
    turns = np.where(np.abs(np.abs(change) - 2 * np.pi) < 0.5, np.sign(change) * 2 * np.pi, 0)
    return (change - turns).astype(np.float32)


def _of_pictures(frames: np.ndarray) -> StreamDigest:
    """Features are the lowest waves; changes those of the waves, the shift in two directions, and the level."""
    small = np.concatenate([_small(frames[first : first + _AT_ONCE]) for first in range(0, len(frames), _AT_ONCE)])
    features = small.reshape(len(small), -1) @ _cosines(*small.shape[1:])
    step = np.diff(small, axis=0)
    level = np.abs(step).reshape(len(step), small[0].size).mean(axis=1)
    same = level < _HARDLY
    for place in np.flatnonzero(same):
        same[place] = np.array_equal(frames[place], frames[place + 1])
    moved = np.flatnonzero(~same)[:: max(1, int((~same).sum()) // 8)]
    moving = float(np.mean([(frames[place] != frames[place + 1]).mean() for place in moved])) if len(moved) else 0.0
    change = np.column_stack([np.diff(features, axis=0), _shift(small, step), level])
    features, change, level = (each.astype(np.float32) for each in (features, change, level))
    return StreamDigest(features, change, level, same, moving, True)


def _small(frames: np.ndarray) -> Float[np.ndarray, "F h w"]:
    """Grey averages over boxes; one product of matrices does colours and columns, since it is all pixels there are."""
    depth = frames.shape[3] if frames.ndim == 4 else 1
    share = 1.0
    if frames.dtype == np.uint8 and frames.shape[1] == 2 * _SIDE:
        # Of the usual size, two rows are one box: a cheap sum saves half of the product.
        frames, share = np.add(frames[:, ::2], frames[:, 1::2], dtype=np.uint16), 0.5
    count, height, width = frames.shape[:3]
    columns, rows = share * _grey_boxes(width, depth), _grey_boxes(height, 1)
    flat = frames.reshape(count * height, width * depth).astype(np.float32)
    if frames.dtype.kind == "f":
        flat = np.nan_to_num(flat, posinf=0.0, neginf=0.0)
    return np.matmul(rows.T, (flat @ columns).reshape(count, height, -1))


@cache
def _grey_boxes(size: int, depth: int) -> np.ndarray:
    """`[size × depth, n]` weights that average neighbours into n ≤ 32 boxes, and their colours into grey."""
    grey = _COLOURS if depth == 3 else np.full(depth, 1 / depth)
    into = min(size, _SIDE)
    box = np.arange(size) * into // size
    weights = (box[:, None] == np.arange(into)).astype(float)
    return np.kron(weights / weights.sum(axis=0), grey[:, None]).astype(np.float32)


@cache
def _cosines(height: int, width: int) -> Float[np.ndarray, "n F"]:
    """The lowest waves of a small picture, those across first."""

    def along(size: int) -> np.ndarray:
        places = (np.arange(size) + 0.5) / size
        return np.cos(np.pi * places[:, None] * np.arange(_WAVES)) * (2 / size)

    waves = np.einsum("yv,xu->yxuv", along(height), along(width))
    return waves.reshape(height * width, _WAVES**2).astype(np.float32)


def _shift(small: np.ndarray, step: np.ndarray) -> Float[np.ndarray, "K 2"]:
    """Columns and rows by which each small picture has shifted against the one before."""
    middle = (small[1:] + small[:-1]) / 2
    down, right = (np.asarray(each) for each in np.gradient(middle, axis=(1, 2)))
    crossed, wide, tall = _together(right, down), _together(right, right), _together(down, down)
    across, along = -_together(right, step), -_together(down, step)
    # A trace of damping: a picture without gradients has no shift.
    wide, tall = wide + 1e-3, tall + 1e-3
    spread = wide * tall - crossed**2
    return np.stack([(tall * across - crossed * along) / spread, (wide * along - crossed * across) / spread], axis=1)


def _together(one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, " K"]:
    """Sum of the products of two pictures, for each of K."""
    return np.einsum("kyx,kyx->k", one, other)

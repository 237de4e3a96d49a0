"""Mean and spread of what the training episodes hold, so that a small dot does not drown and actions weigh alike.

Statistics are kept in the data's own units: pixels in grey levels 0 to 255, actions in the environment's units, sensors in
theirs. A model computes `(pixels − pixel_mean) / pixel_std` and the same for actions and each number of a sensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from gedanken.contracts import Episodes
from gedanken.data.windows import chosen, stretches
from gedanken.errors import BadInput, unknown_name
from gedanken.types import Episode

PIXEL_FLOOR = 1.0
"""Smallest pixel std, in grey levels: less than the step between two values is no signal."""

ACTION_FLOOR = 0.01
"""Smallest action std, as a part of the range its bounds allow (of 1 where they are infinite)."""

SENSOR_FLOOR = 1e-6
"""Smallest sensor std, as a part of its largest value: float32 tells no finer. A sensor that only ever read 0 has std 1."""


def fit_statistics(
    store: Episodes,
    frame_skip: int = 1,
    *,
    episodes: Sequence[int] | None = None,
    frames: int = 2048,
    seed: int = 0,
    streams: Sequence[str] = ("pixels",),
) -> dict[str, Tensor]:
    """Statistics of what a model reads, streams and actions, over the training episodes.

    Args:
        store: episodes that share their specs.
        frame_skip: environment steps in one model step; action statistics are repeated for each.
        episodes: numbers of the training episodes; all by default.
        frames: of pixels, at most so many are looked at, drawn without replacement.
        seed: chooses the frames.
        streams: names of the streams that the model reads.
    Returns:
        float32 `action_mean [A]`, `action_std [A]`, A = frame_skip·width, in the environment's units; with `pixels` among the
        streams `pixel_mean [C]`, `pixel_std [C]` over all pixels of the frames in grey levels; and of each other stream
        `sensor_mean_<stream> [n]`, `sensor_std_<stream> [n]` of each of its n numbers over all frames, NaN and infinity
        left out. No std lies below its floor (`PIXEL_FLOOR`, `ACTION_FLOOR`, `SENSOR_FLOOR`), so that what never changes
        stays small.
    Raises:
        BadInput: pixels are not uint8 `(height, width, channels)`, a sensor is not of numbers, or there is not one action.
        UnknownName: there is no such stream.
    """
    if frame_skip < 1 or frames < 1:
        raise BadInput(f"frame_skip={frame_skip} and frames={frames} must both be at least 1.")
    training = chosen(store, episodes)
    values: dict[str, np.ndarray] = {}
    if "pixels" in streams:
        values["pixel_mean"], values["pixel_std"] = _pixel_statistics(training, frames, seed)
    for name in streams:
        if name != "pixels":
            values[f"sensor_mean_{name}"], values[f"sensor_std_{name}"] = _sensor_statistics(training, name)
    action_mean, action_std = _action_statistics(training)
    values |= {
        "action_mean": np.tile(action_mean, frame_skip),
        "action_std": np.tile(action_std, frame_skip),
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}


def _pixel_statistics(episodes: Sequence[Episode], frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    _check_pixels(episodes[0])
    channels = episodes[0].specs["pixels"].shape[-1]
    ends = np.cumsum([len(episode) for episode in episodes])
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.choice(ends[-1], size=min(frames, int(ends[-1])), replace=False))
    # Counting grey levels is exact and needs one frame in memory at a time.
    counts = np.zeros((channels, 256), np.int64)
    for place in drawn.tolist():
        number = int(np.searchsorted(ends, place, side="right"))
        frame = episodes[number].streams["pixels"][place - int(ends[number])]
        for channel in range(channels):
            counts[channel] += np.bincount(frame[..., channel].ravel(), minlength=256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    levels = np.arange(256.0)
    mean = shares @ levels
    variance = (shares * (levels - mean[:, None]) ** 2).sum(axis=1)
    return mean, np.maximum(np.sqrt(variance), PIXEL_FLOOR)


def _sensor_statistics(episodes: Sequence[Episode], name: str) -> tuple[np.ndarray, np.ndarray]:
    if name not in episodes[0].specs:
        raise unknown_name("stream", name, episodes[0].specs)
    if np.dtype(episodes[0].specs[name].dtype).kind not in "fiub":
        raise BadInput(f"the stream {name!r} is {episodes[0].specs[name].dtype}; a sensor gives numbers.")
    # Twice over the recordings: the deviation of a small signal on a large offset asks for its mean first.
    zero = np.zeros(prod(episodes[0].specs[name].shape))
    count, total, largest, squares = zero.copy(), zero.copy(), zero.copy(), zero.copy()
    for values, there in _samples(episodes, name):
        count += there.sum(axis=0)
        total += values.sum(axis=0)
        largest = np.maximum(largest, np.abs(values).max(axis=0))
    mean = total / np.maximum(count, 1)
    for values, there in _samples(episodes, name):
        squares += (np.where(there, values - mean, 0) ** 2).sum(axis=0)
    std = np.maximum(np.sqrt(squares / np.maximum(count, 1)), SENSOR_FLOOR * largest)
    return mean, np.where(std > 0, std, 1.0)


def _samples(episodes: Sequence[Episode], name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each episode's numbers `[L, n]`, 0 where they are absent, and where they are not."""
    for episode in episodes:
        values = np.asarray(episode.streams[name]).reshape(len(episode), -1).astype(np.float64)
        there = np.isfinite(values)
        yield np.where(there, values, 0), there


def _action_statistics(episodes: Sequence[Episode]) -> tuple[np.ndarray, np.ndarray]:
    # The action before a reset led nowhere, and no window holds it.
    parts = [episode.actions[start : stop - 1] for episode in episodes for start, stop in stretches(episode)]
    actions = np.concatenate(parts).astype(np.float64)
    if not len(actions):
        raise BadInput("the training episodes hold not one action; statistics need at least one.")
    spec = episodes[0].action
    reach = np.subtract(spec.high, spec.low, dtype=np.float64)
    floor = ACTION_FLOOR * np.where(np.isfinite(reach), reach, 1.0)
    return actions.mean(axis=0), np.maximum(actions.std(axis=0), floor)


def _check_pixels(episode: Episode) -> None:
    if "pixels" not in episode.specs:
        raise unknown_name("stream", "pixels", episode.specs)
    spec = episode.specs["pixels"]
    if spec.dtype != "uint8" or len(spec.shape) != 3:
        raise BadInput(f"pixels are {spec.dtype} {spec.shape}; expected uint8 (height, width, channels).")

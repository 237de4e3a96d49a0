"""How an episode's streams and actions are laid out as LeRobot's features: names, types, columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from gedanken.data.formats.lerobot import TIME
from gedanken.data.formats.lerobot_meta import RESERVED
from gedanken.data.formats.packages import data_package
from gedanken.data.index import Index
from gedanken.errors import BadInput
from gedanken.types import Episode, StreamSpec


def is_camera(spec: StreamSpec) -> bool:
    """Whether a stream is kept as video: uint8 `(height, width, 3)`."""
    return spec.dtype == "uint8" and len(spec.shape) == 3 and spec.shape[2] == 3


def feature_names(index: Index) -> dict[str, str]:
    """The feature of each stream, by the stream's name."""
    return {
        name: f"observation.images.{name}" if is_camera(spec) else f"observation.{name}"
        for name, spec in index.specs.items()
    }


def features_of(index: Index, timed: bool) -> dict[str, dict[str, Any]]:
    """The `features` of `meta/info.json`, without what is known of the videos' encoding.

    Raises:
        BadInput: a stream that holds no number at all.
    """
    features: dict[str, dict[str, Any]] = {}
    for name, key in feature_names(index).items():
        spec = index.specs[name]
        if not prod(spec.shape):
            raise BadInput(f"stream {name!r} has shape {spec.shape}; LeRobot keeps no stream without numbers.")
        features[key] = (
            {"dtype": "video", "shape": list(spec.shape), "names": ["height", "width", "channels"]}
            if is_camera(spec)
            else {"dtype": spec.dtype, "shape": list(spec.shape or (1,)), "names": _axes(name, spec.shape or (1,))}
        )
    if index.action.width:
        features["action"] = {"dtype": "float32", "shape": [index.action.width]}
        features["action"]["names"] = _axes("action", (index.action.width,))
    if timed:
        features[TIME] = {"dtype": "float64", "shape": [1], "names": None}
    kinds = {"timestamp": "float32"}
    return features | {key: {"dtype": kinds.get(key, "int64"), "shape": [1], "names": None} for key in RESERVED}


def _axes(name: str, shape: tuple[int, ...]) -> list[str] | None:
    return [f"{name}_{number}" for number in range(shape[0])] if len(shape) == 1 else None


def columns_of(episode: Episode, index: Index, *, number: int, first: int, task: int, fps: float, timed: bool) -> dict:
    """What the table holds of an episode, by feature: arrays `[L, ...]`.

    Args:
        episode: the episode.
        index: what all episodes share.
        number: of the episode in the dataset.
        first: number of its first frame in the dataset.
        task: number of its task.
        fps: frames a second.
        timed: whether the dataset keeps a column of uneven times.
    """
    length, frames = len(episode), np.arange(len(episode))
    names = feature_names(index)
    columns = {names[name]: values for name, values in episode.streams.items() if not is_camera(index.specs[name])}
    if index.action.width:
        # LeRobot asks for an action a frame; the last one is held, and not read again.
        last = episode.actions[-1:] if len(episode.actions) else np.zeros((1, index.action.width), np.float32)
        columns["action"] = np.concatenate([episode.actions, last])
    if timed:
        columns[TIME] = frames / fps if episode.times is None else episode.times
    return columns | {
        "timestamp": (frames / fps).astype(np.float32),
        "frame_index": frames,
        "episode_index": np.full(length, number),
        "index": first + frames,
        "task_index": np.full(length, task),
    }


def table_of(columns: Mapping[str, np.ndarray]) -> Any:
    """The columns as an Arrow table: one number plain, a vector as a list of fixed size, more axes as nested lists."""
    arrow = data_package("pyarrow")
    arrays = {}
    for key, values in columns.items():
        flat = arrow.array(values.reshape(-1))
        if values[0].size > 1 or values.ndim > 2:
            for axis in range(values.ndim - 1, 0, -1):
                size = values.shape[axis]
                if values.ndim == 2:
                    flat = arrow.FixedSizeListArray.from_arrays(flat, size)
                else:
                    flat = arrow.ListArray.from_arrays(np.arange(0, len(flat) + 1, size, dtype=np.int32), flat)
        arrays[key] = flat
    return arrow.table(arrays)

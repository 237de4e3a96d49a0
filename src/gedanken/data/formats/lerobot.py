"""LeRobot datasets: tables in Parquet, cameras in MP4, many episodes a file (v3.0) or one (v2.0, v2.1).

Observations become streams by their last name: `observation.state` is `state`, `observation.images.wrist` is `wrist`.
LeRobot keeps an action a frame; the last, after which nothing was seen, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken import __version__
from gedanken.contracts import Episodes
from gedanken.data.formats.bounds import action_of
from gedanken.data.formats.lerobot_meta import PICTURES, RESERVED, LeRobotMeta, Place, read_meta
from gedanken.data.formats.lerobot_rows import numbers, read_column, read_rows
from gedanken.data.formats.picture import decoded
from gedanken.data.formats.sidecar import SIDECAR, Sidecar, read_sidecar
from gedanken.data.formats.video import Video, open_video
from gedanken.errors import BadEpisodeFile, BadInput, unknown_name
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

TIME = "gedanken.time"
"""The feature in which we keep uneven times, for which LeRobot has no place."""
TASK = "task: "
"""How a note begins that names the task of an episode."""


@dataclass(frozen=True, kw_only=True)
class LeRobotConfig:
    """How a LeRobot dataset is read and written.

    Args:
        kind: the format's name.
        streams: names of the streams to read, such as `("wrist", "state")`; all by default. A camera left out costs nothing.
        action: the feature that holds the actions; a dataset without it has actions of width 0.
        size: height and width of the cameras' frames, averaged over area; None keeps their own.
        licence: SPDX name of the dataset's licence, if known.
        version: written: v3.0, or v2.1 with its file an episode.
        fps: written: frames a second, where the episodes do not say.
        task: written: what the episodes do, where their notes do not say ("task: …").
        crf: written: H.264's quality, 0 to 51, or None to lose nothing; see `VideoWriter` for the error and who reads which.
    """

    kind: Literal["lerobot"] = "lerobot"
    streams: tuple[str, ...] | None = None
    action: str = "action"
    size: tuple[int, int] | None = (64, 64)
    licence: str = ""
    version: Literal["v3.0", "v2.1"] = "v3.0"
    fps: float | None = None
    task: str = ""
    crf: int | None = 18

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise BadInput(f"size={self.size} must be at least 1 by 1, or None to keep the cameras' own.")


def detect_lerobot(path: Path) -> bool:
    """Whether `path` is a folder with LeRobot's `meta/info.json`."""
    return (path / "meta" / "info.json").is_file()


def open_lerobot(path: Path, config: LeRobotConfig) -> Episodes:
    """The dataset at `path`; what it says of itself and its actions are read now, an episode's rows and videos when asked for.

    Raises:
        BadEpisodeFile: another version, a file that is missing, or one that contradicts another.
        UnknownName: a stream that is not there.
        MissingExtra: PyAV or pyarrow is not installed.
    """
    meta, sidecar = read_meta(path), read_sidecar(path)
    if sidecar is not None and len(sidecar.records) != len(meta.places):
        raise BadEpisodeFile(
            f"{path} holds {len(meta.places)} episodes and its {SIDECAR} tells of {len(sidecar.records)}; remove that "
            "file of ours to read the dataset as it is."
        )
    names = _stream_names(meta)
    for wanted in config.streams or ():
        if wanted not in names.values():
            raise unknown_name("stream", wanted, names.values())
    names = {key: name for key, name in names.items() if config.streams is None or name in config.streams}
    return LeRobotDataset(meta, names, _action_spec(meta, sidecar, config), sidecar, config)


class LeRobotDataset:
    """`Episodes` of a LeRobot dataset, read when asked for and not kept."""

    def __init__(
        self,
        meta: LeRobotMeta,
        names: Mapping[str, str],
        action: ActionSpec,
        sidecar: Sidecar | None,
        config: LeRobotConfig,
    ) -> None:
        self._meta, self._names, self._action = meta, names, action
        self._sidecar, self._config = sidecar, config
        self._videos: dict[Path, Video] = {}

    def __len__(self) -> int:
        return len(self._meta.places)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Episode:
        place, action = self._meta.places[index], self._config.action
        features = {key: self._meta.features[key] for key in self._names}
        rows = read_rows(place, [*self._columns(), "timestamp"])
        times, shown = self._clock(place, rows)
        streams = {
            name: self._pictures(place, rows, key, shown)
            if features[key].dtype in PICTURES
            else self._vectors(place, rows, key)
            for key, name in self._names.items()
        }
        if action in rows.column_names:
            steps = numbers(rows.column(action), (self._action.width,), _where(place, action), np.dtype("float32"))[:-1]
        else:
            steps = np.zeros((place.length - 1, 0), np.float32)
        specs = {
            name: replace(self._spec(name, values), shape=values.shape[1:], dtype=str(values.dtype))
            for name, values in streams.items()
        }
        resets, provenance = (), self._provenance(place)
        if self._sidecar is not None:
            record = self._sidecar.records[index]
            resets, provenance = record.resets, record.provenance
            if record.timed and TIME in rows.column_names:
                times = numbers(rows.column(TIME), (), _where(place, TIME), np.dtype("float64"))
        return Episode(streams, steps, specs, self._action, times, resets, provenance)

    def _columns(self) -> list[str]:
        features = self._meta.features
        tables = [key for key in self._names if features[key].dtype != "video"]
        return [*tables, *(key for key in (self._config.action, TIME) if key in features)]

    def _clock(self, place: Place, rows: Any) -> tuple[np.ndarray | None, np.ndarray]:
        """The episode's times, None where they are even, and the seconds at which its cameras are to be looked at."""
        told = numbers(rows.column("timestamp"), (), _where(place, "timestamp"), np.dtype("float64"))
        even = np.arange(place.length) / self._meta.rate_hz
        # Stored as float32, so that late frames miss their place by a little.
        if np.abs(told - even).max() <= 0.1 / self._meta.rate_hz:
            return None, even
        if (np.diff(told) <= 0).any():
            raise BadEpisodeFile(f"{_where(place, 'timestamp')} does not rise; mend the column or cut the episode.")
        return told, told

    def _spec(self, name: str, values: np.ndarray) -> StreamSpec:
        if self._sidecar is not None and name in self._sidecar.index.specs:
            return self._sidecar.index.specs[name]
        return StreamSpec(values.shape[1:], str(values.dtype), self._meta.rate_hz)

    def _vectors(self, place: Place, rows: Any, key: str) -> np.ndarray:
        name, feature = self._names[key], self._meta.features[key]
        known = self._sidecar.index.specs.get(name) if self._sidecar is not None else None
        size, dtype = (known.shape, known.dtype) if known is not None else (feature.shape, "float32")
        return numbers(rows.column(key), size, _where(place, key), np.dtype(dtype))

    def _pictures(self, place: Place, rows: Any, key: str, shown: np.ndarray) -> np.ndarray:
        size = self._config.size
        if self._meta.features[key].dtype == "image":
            cells = rows.column(key).to_pylist()
            pictures = [cell.get("bytes") if isinstance(cell, dict) else cell for cell in cells]
            return np.stack(
                [
                    decoded(content, size, f"frame {number} of {_where(place, key)}")
                    for number, content in enumerate(pictures)
                ]
            )
        path, start = place.videos[key]
        if path not in self._videos:
            self._videos[path] = open_video(path)
        video = self._videos[path]
        chosen = video.nearest(start + shown, 0.5 / self._meta.rate_hz)
        return video.frames(int(chosen[0]), int(chosen[-1]) + 1, size)[chosen - chosen[0]]

    def _provenance(self, place: Place) -> Provenance:
        task = "; ".join(task for task in place.tasks if task)
        note = TASK + task if task else ""
        return Provenance(f"LeRobot episode {place.index}", self._config.licence, note, f"gedanken {__version__}")


def _stream_names(meta: LeRobotMeta) -> dict[str, str]:
    """The features that are observed, each with its stream's name: letters, digits and underscores, and none twice."""
    names: dict[str, str] = {}
    for key, feature in meta.features.items():
        observed = feature.dtype in PICTURES or re.fullmatch(r"bool|u?int\d+|float\d+", feature.dtype)
        # What `next.…` tells is not seen yet at its frame.
        if key in (*RESERVED, TIME) or re.match(r"actions?(\.|$)|next\.", key) or not observed:
            continue
        short = re.sub(r"^(observation|obs)s?\.(images\.)?", "", key)
        name = re.sub(r"\W", "_", short, flags=re.ASCII)[:64]
        names[key] = name if name not in names.values() else re.sub(r"\W", "_", key, flags=re.ASCII)[:64]
    return names


def _action_spec(meta: LeRobotMeta, sidecar: Sidecar | None, config: LeRobotConfig) -> ActionSpec:
    feature = meta.features.get(config.action)
    width = int(np.prod(feature.shape)) if feature is not None else 0
    if sidecar is not None and sidecar.index.action.width == width:
        return sidecar.index.action
    files = sorted({place.data for place in meta.places}) if width else []
    batches = (batch for path in files for batch in read_column(path, config.action, width))
    return action_of(batches, width, meta.rate_hz)


def _where(place: Place, key: str) -> str:
    return f"{key} of episode {place.index}"

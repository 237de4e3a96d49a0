"""A folder of MP4s, one episode each, with what was done in a CSV or Parquet of the same name; or bare video.

    drives/
      monday.mp4     what was seen
      monday.csv     what was done: one row a frame, or one less; may be missing for all
      gedanken.json  where we wrote the folder: bounds, units, resets

Row k was done at frame k. Where there is a row for the last frame too, it is left out: nothing was seen after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from gedanken import __version__
from gedanken.contracts import Episodes
from gedanken.data.formats.bounds import action_of
from gedanken.data.formats.number_table import SUFFIXES, read_number_table
from gedanken.data.formats.sidecar import SIDECAR, Sidecar, read_sidecar
from gedanken.data.formats.video import Video, open_video
from gedanken.data.recorded import AsRecorded
from gedanken.errors import BadEpisodeFile, BadInput
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec


@dataclass(frozen=True, kw_only=True)
class VideoFolderConfig:
    """How a folder of MP4s, or a single one, is read and written.

    Args:
        kind: the format's name.
        actions: columns of the tables, in the order of the action's columns; by default all numbers but the time, and () for
            bare video, whatever lies beside it.
        bounds: lowest and highest value of each action; by default those that occur.
        time: column with the seconds of each frame, which counts more than the video's own times where it is there.
        size: height and width of the frames, averaged over area; None keeps the video's.
        stream: what the pictures are called.
        licence: SPDX name of the recordings' licence, if known.
        table: written: the kind of table.
        crf: written: None loses nothing, 0 to 51 is H.264's quality; see `VideoWriter` for the error.
    """

    kind: Literal["video-folder"] = "video-folder"
    actions: tuple[str, ...] | None = None
    bounds: tuple[tuple[float, float], ...] | None = None
    time: str = "time"
    size: tuple[int, int] | None = (64, 64)
    stream: str = "pixels"
    licence: str = ""
    table: Literal["parquet", "csv"] = "parquet"
    crf: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise BadInput(f"size={self.size} must be at least 1 by 1, or None to keep the video's own.")


def detect_video_folder(path: Path) -> bool:
    """Whether `path` is an MP4, or a folder with MP4s directly in it."""
    return bool(_videos(path))


def open_video_folder(path: Path, config: VideoFolderConfig) -> Episodes:
    """The videos at `path` in the order of their names; the tables are read now, each video when its episode is asked for.

    Raises:
        BadEpisodeFile: a table cannot be read, or is missing for some of the videos.
        BadInput: a column that is not there, or bounds that do not fit.
        MissingExtra: PyAV or pyarrow is not installed.
    """
    videos = _videos(path)
    if not videos:
        raise BadEpisodeFile(f"{path} is no MP4 and holds none; videos lie directly in the folder and end in .mp4.")
    tables = [_table(video) for video in videos]
    names = _action_columns(videos, tables, config)
    sidecar = read_sidecar(path) if path.is_dir() else None
    if sidecar is not None and len(sidecar.records) != len(videos):
        raise BadEpisodeFile(
            f"{path} holds {len(videos)} videos and its {SIDECAR} tells of {len(sidecar.records)}; remove {SIDECAR} to read the "
            "folder as it is."
        )
    actions = [np.stack([table[name] for name in names], axis=1) if names else None for table in tables]
    if sidecar is not None and sidecar.index.action.width == len(names):
        spec = sidecar.index.action
    else:
        spec = action_of([rows for rows in actions if rows is not None], len(names), None)
    spec = spec if config.bounds is None else _bounded(spec, config.bounds)
    return VideoFolder(videos, actions, [table.get(config.time) for table in tables], spec, sidecar, config)


class VideoFolder:
    """`Episodes` of a folder of MP4s, decoded when asked for and not kept."""

    def __init__(
        self,
        videos: list[Path],
        actions: list[np.ndarray | None],
        times: list[np.ndarray | None],
        spec: ActionSpec,
        sidecar: Sidecar | None,
        config: VideoFolderConfig,
    ) -> None:
        self._videos, self._actions, self._times = videos, actions, times
        self._spec, self._sidecar, self._config = spec, sidecar, config

    def __len__(self) -> int:
        return len(self._videos)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Episode:
        video = open_video(self._videos[index])
        pixels = video.frames(0, len(video), self._config.size)
        actions = self._rows(index, video)
        times, rate_hz = _clock(video, self._times[index])
        spec = StreamSpec(pixels.shape[1:], "uint8", rate_hz)
        name, resets, provenance = self._config.stream, (), self._provenance(index)
        action = replace(self._spec, rate_hz=self._spec.rate_hz or rate_hz)
        if self._sidecar is not None and name in self._sidecar.index.specs:
            record = self._sidecar.records[index]
            spec = replace(self._sidecar.index.specs[name], shape=spec.shape)
            times, resets, provenance, action = (
                times if record.timed else None,
                record.resets,
                record.provenance,
                self._spec,
            )
        return Episode({name: pixels}, actions, {name: spec}, action, times, resets, provenance)

    def as_recorded(self, index: int) -> AsRecorded:
        """Where a table tells the times, they, and the rate that the video itself runs at."""
        times, rate_hz = self._times[index], open_video(self._videos[index]).rate_hz
        if times is None or rate_hz is None:
            return AsRecorded()
        return AsRecorded(times, rates_hz={self._videos[index].name: rate_hz})

    def _rows(self, index: int, video: Video) -> np.ndarray:
        rows, steps = self._actions[index], len(video) - 1
        if rows is None:
            return np.zeros((steps, 0), np.float32)
        if len(rows) not in (steps, steps + 1):
            raise BadEpisodeFile(
                f"{video.path.name} has {len(video)} frames and its table {len(rows)} rows; there must be one row a frame, or "
                "one less."
            )
        return rows[:steps].astype(np.float32)

    def _provenance(self, index: int) -> Provenance:
        return Provenance(self._videos[index].name, self._config.licence, "", f"gedanken {__version__}")


def _videos(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.iterdir() if _is_video(each))
    return [path] if _is_video(path) else []


def _is_video(path: Path) -> bool:
    return path.suffix.lower() == ".mp4" and not path.name.startswith(".") and path.is_file()


def _table(video: Path) -> dict[str, np.ndarray]:
    there = [video.with_suffix(suffix) for suffix in SUFFIXES if video.with_suffix(suffix).is_file()]
    if len(there) > 1:
        raise BadEpisodeFile(f"{video.name} has two tables, {there[0].name} and {there[1].name}; keep one.")
    # A frame takes at least a byte, and a table has at most a row a frame.
    return read_number_table(there[0], most_rows=video.stat().st_size) if there else {}


def _action_columns(
    videos: list[Path], tables: list[dict[str, np.ndarray]], config: VideoFolderConfig
) -> tuple[str, ...]:
    names = config.actions
    if names is None:
        names = next((tuple(name for name in table if name != config.time) for table in tables if table), ())
    for video, table in zip(videos, tables, strict=True):
        missing = [name for name in names if name not in table]
        if missing and not table:
            raise BadEpisodeFile(f"{video.name} has no table of actions beside it; say actions=() to read bare video.")
        if missing:
            raise BadInput(
                f"the table of {video.name} has no numbers {missing[0]!r}; it has {', '.join(table) or 'none'}."
            )
    return names


def _bounded(spec: ActionSpec, bounds: tuple[tuple[float, float], ...]) -> ActionSpec:
    if len(bounds) != spec.width:
        raise BadInput(f"{len(bounds)} bounds were given for {spec.width} actions; one pair each is needed.")
    return replace(spec, low=tuple(low for low, _ in bounds), high=tuple(high for _, high in bounds))


def _clock(video: Video, column: np.ndarray | None) -> tuple[np.ndarray | None, float | None]:
    """The times of the frames, and their rate; the times are None where they are even."""
    if column is None:
        rate_hz = video.rate_hz
        return (None if rate_hz else video.times - video.times[0]), rate_hz
    if len(column) == len(video) - 1 > 1:  # one row less: the last frame follows as its neighbour did
        column = np.append(column, 2 * column[-1] - column[-2])
    steps = np.diff(column)
    if len(column) != len(video) or (steps <= 0).any():
        raise BadEpisodeFile(
            f"the times of {video.path.name} must rise, with one a frame or one less; mend the column."
        )
    even = len(steps) > 0 and np.ptp(steps) <= 1e-3 * np.median(steps)
    return column, round(1 / float(np.median(steps)), 3) if even else None

"""A Parquet table with encoded images and a command a row, in the order of time: how small robots keep a drive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken import __version__
from gedanken.data.formats import arrow
from gedanken.data.formats.bounds import bounded_actions
from gedanken.data.formats.picture import decoded, is_encoded
from gedanken.data.formats.sensor_columns import EPISODES, likely_actions, likely_sensors, named
from gedanken.data.lag import lagged
from gedanken.errors import BadEpisodeFile, BadInput, GedankenError, MissingValues
from gedanken.types import Episode, Provenance, StreamSpec

_ROWS = 256
_FEW = 4096
_LEAST_BYTES = 16
"""Of a file for each of its rows beyond the first few: less can hold no picture, but for one repeated without end."""

_PIXELS, _SENSORS = "pixels", "sensors"


@dataclass(frozen=True, kw_only=True)
class ImageTableConfig:
    """What the columns of a table with images are; what is left out is told by their names and contents, or refused.

    Args:
        images: columns with the bytes of one JPEG or PNG a row. The first becomes the stream `pixels`, others keep their
            names.
        actions: columns with numbers, or with lists of them, in the order of the action's numbers.
        sensors: columns with numbers or lists that become the stream `sensors`; by default all lists but the actions.
        episode: column that tells episodes apart, whose rows stand together; "" for none.
        bounds: lowest and highest value of each number of an action; by default those that occur.
        size: height and width of the frames, averaged over area; another aspect is squeezed.
        rate_hz: rows a second; None where unknown.
        action_lag: frames that pass until a command shows; see `gedanken.data.lag`.
        licence: SPDX name of the recording's licence, if known.
    """

    kind: Literal["image-table"] = "image-table"
    images: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    sensors: tuple[str, ...] | None = None
    episode: str | None = None
    bounds: tuple[tuple[float, float], ...] | None = None
    size: tuple[int, int] = (64, 64)
    rate_hz: float | None = None
    action_lag: int = 0
    licence: str = ""

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.action_lag < 0:
            raise BadInput(f"size={self.size} must be at least 1 by 1, and action_lag={self.action_lag} at least 0.")


class ImageTable:
    """The episodes of a table with images, each read when it is asked for; `config` says every column."""

    def __init__(self, path: Path, config: ImageTableConfig) -> None:
        self._path, self.config = path, config
        numbers = [*config.actions, *(config.sensors or ())]
        table = arrow.read_columns(path, [*numbers, *([config.episode] if config.episode else ())])
        arrow.has_columns(path, config.images)
        if table.num_rows > max(_FEW, path.stat().st_size // _LEAST_BYTES):
            raise BadEpisodeFile(
                f"{path.name} claims {table.num_rows} pictures in {path.stat().st_size} bytes; it is not read."
            )
        self._numbers = {name: _numbers(path, name, table.column(name)) for name in numbers}
        self._rows = self._episodes(table)
        steps = self._steps
        finite = np.where(np.isfinite(steps), steps, np.nan)
        lowest, highest = np.fmin.reduce(finite, initial=np.inf), np.fmax.reduce(finite, initial=-np.inf)
        if not (lowest <= highest).all():
            raise BadEpisodeFile(f"an action column of {path.name} has no number at all; cut it.")
        self._action = bounded_actions(
            self._names(config.actions), lowest, highest, config.bounds, rate_hz=config.rate_hz
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Episode:
        config, (mark, first, last) = self.config, self._rows[index]
        if last - first < config.action_lag + 2:
            raise BadEpisodeFile(
                f"{self._path.name}{mark} has {last - first} rows; with action_lag={config.action_lag} at least "
                f"{config.action_lag + 2}."
            )
        specs = {name: StreamSpec((*config.size, 3), "uint8", config.rate_hz) for name in self._streams}
        streams = self._pictures(first, last)
        for name in config.actions + (config.sensors or ()):
            if not np.isfinite(self._numbers[name][first:last]).all():
                raise MissingValues(
                    f"column {name!r} of {self._path.name}{mark} holds a missing or non-finite number; cut those rows."
                )
        if config.sensors:
            streams[_SENSORS] = np.concatenate([self._numbers[name][first:last] for name in config.sensors], axis=1)
            names = self._names(config.sensors)
            specs[_SENSORS] = StreamSpec((len(names),), "float32", config.rate_hz, names=names)
        note = f"action_lag={config.action_lag}"
        origin = Provenance(f"{self._path.name}{mark}", config.licence, note, f"gedanken {__version__}")
        episode = Episode(streams, self._steps[first : last - 1], specs, self._action, provenance=origin)
        return lagged(episode, config.action_lag)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    @property
    def _streams(self) -> tuple[str, ...]:
        return (_PIXELS, *self.config.images[1:])

    @property
    def _steps(self) -> np.ndarray:
        return np.concatenate([self._numbers[name] for name in self.config.actions], axis=1)

    def _names(self, columns: Sequence[str]) -> tuple[str, ...]:
        widths = {name: self._numbers[name].shape[1] for name in columns}
        return tuple(
            name if widths[name] == 1 else f"{name}_{place}" for name in columns for place in range(widths[name])
        )

    def _episodes(self, table: Any) -> list[tuple[str, int, int]]:
        """A mark, the first row and the one after the last of each episode."""
        if not self.config.episode:
            return [("", 0, table.num_rows)]
        codes = table.column(self.config.episode).combine_chunks().dictionary_encode()
        numbers = codes.indices.fill_null(-1).to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        if not len(numbers) or numbers.min() < 0 or len(edges) - 1 != len(codes.dictionary):
            raise BadEpisodeFile(
                f"column {self.config.episode!r} of {self._path.name} is empty somewhere or scatters an episode; sort the rows."
            )
        values = codes.dictionary.to_pylist()
        return [(f" (episode {values[numbers[a]]})", a, b) for a, b in pairwise(edges)]

    def _pictures(self, first: int, last: int) -> dict[str, np.ndarray]:
        frames = {name: np.empty((last - first, *self.config.size, 3), np.uint8) for name in self._streams}
        for start, batch in _batches(self._path, self.config.images, first, last):
            for column, name in zip(self.config.images, self._streams, strict=True):
                for row, content in enumerate(batch.column(column), start):
                    frames[name][row - first] = decoded(
                        content.as_py(), self.config.size, f"row {row} of {self._path.name}"
                    )
        return frames


def detect_image_table(path: Path) -> bool:
    """Whether `path` is a Parquet file with a column of encoded images, or a folder with one such file."""
    try:
        path = _single(path)
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                return False
        return bool(_image_columns(path))
    except (GedankenError, OSError):
        return False


def open_image_table(path: Path, config: ImageTableConfig) -> ImageTable:
    """The episodes at `path`; `.config` says what every column was taken for.

    Raises:
        BadEpisodeFile: not Parquet, a column is missing or of another kind.
        BadInput: there are no images, or the names do not tell which columns are actions; the message lists them.
    """
    path = _single(path)
    fields = arrow.schema(path)
    images = config.images or _image_columns(path)
    lists = [name for name, each in fields.items() if arrow.is_vector(each.type)]
    numeric = [name for name, each in fields.items() if arrow.is_numeric(each.type) or name in lists]
    episode = config.episode if config.episode is not None else named(list(fields), EPISODES) or ""
    actions = config.actions or likely_actions(numeric)
    if not images or not actions:
        raise BadInput(
            f"which columns of {path.name} are {'actions' if images else 'images'} is not told by it ({', '.join(fields)}); say "
            "it: ImageTableConfig(images=('image',), actions=('angle',))."
        )
    sensors = config.sensors if config.sensors is not None else likely_sensors(lists, (*actions, episode))
    return ImageTable(path, replace(config, images=images, actions=actions, sensors=sensors, episode=episode))


def read_image_table(
    path: str | os.PathLike[str],
    *,
    image: str = "image",
    actions: Sequence[str],
    bounds: Sequence[tuple[float, float]] | None = None,
    size: tuple[int, int] = (64, 64),
    rate_hz: float | None = None,
    action_lag: int = 0,
    licence: str = "",
) -> Episode:
    """The whole table as one episode with a `pixels` stream.

    Args:
        path: the Parquet file.
        image: column with the bytes of one JPEG or PNG a row.
        actions: columns with numbers, in the order of the action's columns.
        bounds: lowest and highest value of each action column; by default those that occur.
        size: height and width of the frames, averaged over area; another aspect is squeezed.
        rate_hz: rows a second; None where unknown.
        action_lag: k, in frames: frame t is paired with the command given k frames earlier (`gedanken.data.lagged`).
        licence: SPDX name of the recording's licence, if known.
    Returns:
        An episode of (rows − k) frames: pixels uint8 `[L, height, width, 3]`, actions float32 `[L-1, columns]`.
    Raises:
        BadEpisodeFile: not Parquet, a column is missing or of another kind, an image cannot be decoded, or a number is
            missing or not finite.
        BadInput: an action lies outside `bounds`, or an argument is out of range.
        MissingExtra: pyarrow is not installed.
    """
    if not actions:
        raise BadInput("the number of actions must be at least 1; name their columns.")
    config = ImageTableConfig(
        images=(image,),
        actions=tuple(actions),
        sensors=(),
        episode="",
        bounds=None if bounds is None else tuple(bounds),
        size=size,
        rate_hz=rate_hz,
        action_lag=action_lag,
        licence=licence,
    )
    return ImageTable(Path(path), config)[0]


def _single(path: Path) -> Path:
    """The Parquet file itself, or the only one in a folder."""
    inside = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return inside[0] if len(inside) == 1 else path


def _image_columns(path: Path) -> tuple[str, ...]:
    names = [name for name, each in arrow.schema(path).items() if arrow.is_binary(each.type)]
    for _, batch in _batches(path, names, 0, 1) if names else ():
        return tuple(name for name in names if is_encoded(batch.column(name)[0].as_py()))
    return ()


def _batches(path: Path, columns: Sequence[str], first: int, last: int) -> Iterator[tuple[int, Any]]:
    """Rows `first` to `last - 1` in pieces, each with the number of its first row."""
    with arrow.refused(path, "Parquet"), arrow.arrow().parquet.ParquetFile(path) as file:
        ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
        groups = [group for group, end in enumerate(ends) if end > first and (group == 0 or ends[group - 1] < last)]
        start = int(ends[groups[0] - 1]) if groups and groups[0] else 0
        for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups, columns=list(dict.fromkeys(columns))):
            skipped = max(0, first - start)
            piece = batch.slice(skipped, max(0, min(last - start, len(batch)) - skipped))
            if len(piece):
                yield start + skipped, piece
            start += len(batch)


def _numbers(path: Path, column: str, values: Any) -> np.ndarray:
    """A column of numbers or of lists of one length as float32 `[rows, width]`."""
    if arrow.is_vector(values.type):
        lengths = arrow.arrow().compute.list_value_length(values).unique().to_pylist()
        if len(lengths) != 1 or not lengths[0]:
            raise BadEpisodeFile(
                f"column {column!r} of {path.name} is lists of lengths {str(lengths)[:40]}; expected one length."
            )
        flat = arrow.arrow().compute.list_flatten(values)
        return _float32(arrow.numbers(path, column, flat)).reshape(-1, lengths[0])
    return _float32(arrow.numbers(path, column, values)).reshape(-1, 1)


def _float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)

"""One shard: a folder of plain `.npy` arrays, the episodes in it laid end to end, and a JSON table that says where.

A shard is written once and never changed. Its `.npy` headers follow entirely from the store's specs and the table, so
a reader compares them byte for byte instead of parsing them: a file that says anything else is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from gedanken.data.index import Index, Record, parse_records, records_text
from gedanken.errors import BadEpisodeFile, NonFinite
from gedanken.types import Episode

TABLE = "shard.json"
_LARGEST_TABLE = 1 << 28
_CHUNK = 1 << 22
"""Numbers looked at in one go when checking that a file is finite."""


@dataclass(frozen=True)
class Layout:
    """Dtype and shape of one array file."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize

    def header(self) -> bytes:
        """The `.npy` (version 1.0) header, padded so that the data start at a multiple of 64 bytes."""
        text = f"{{'descr': '{self.dtype.str}', 'fortran_order': False, 'shape': {self.shape}, }}".encode("ascii")
        body = text + b" " * (-(len(text) + 11) % 64) + b"\n"
        return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def layouts(index: Index, records: Sequence[Record]) -> dict[str, Layout]:
    """The array files a shard with these episodes consists of."""
    frames = sum(record.length for record in records)
    timed = sum(record.length for record in records if record.timed)
    files = {f"stream-{name}.npy": _layout(spec.dtype, (frames, *spec.shape)) for name, spec in index.specs.items()}
    files["actions.npy"] = _layout("float32", (frames - len(records), index.action.width))
    if timed:
        files["times.npy"] = _layout("float64", (timed,))
    return files


def write_shard(folder: Path, index: Index, episodes: Sequence[Episode]) -> tuple[Record, ...]:
    """Write `episodes` into the new folder `folder` and wait until the disk has them.

    Raises:
        NonFinite: a float stream, the actions or the times hold NaN or infinity.
        OSError: the disk refused.
    """
    records = tuple(
        Record(len(each), tuple(map(int, each.resets)), each.times is not None, each.provenance) for each in episodes
    )
    folder.mkdir()
    for name, layout in layouts(index, records).items():
        with (folder / name).open("xb") as file:
            file.write(layout.header())
            for values in _columns(name, episodes):
                _require_finite(name, values)
                file.write(np.ascontiguousarray(values, dtype=layout.dtype).data.cast("B") if values.size else b"")
            _flush(file)
    with (folder / TABLE).open("xb") as file:
        file.write(records_text(records).encode())
        _flush(file)
    return records


def read_shard(folder: Path, index: Index, count: int) -> tuple[Record, ...]:
    """The table of a shard that must hold `count` episodes, once every file of it has been checked.

    Raises:
        BadEpisodeFile: a file is missing, has another size or header than the table says, or holds NaN or infinity.
    """
    records = parse_records(read_small(folder / TABLE, _LARGEST_TABLE))
    if len(records) != count:
        raise BadEpisodeFile(f"{folder.name} holds {len(records)} episodes; the index says {count}.")
    for name, layout in layouts(index, records).items():
        _check_file(folder / name, layout)
        if layout.dtype.kind == "f":
            _check_finite(folder / name, _mapped(folder / name, layout))
    return records


def read_small(path: Path, largest: int) -> bytes:
    """The content of a small file, refused with `BadEpisodeFile` where it is missing or larger than `largest` bytes."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > largest:
                raise BadEpisodeFile(f"{path.name} is larger than the {largest} bytes allowed.")
            return file.read(size)
    except OSError as error:
        raise BadEpisodeFile(f"{path.name} cannot be read: {error.strerror}.") from error


class Shard:
    """The arrays of one shard, mapped into memory when first asked for."""

    def __init__(self, folder: Path, index: Index, records: tuple[Record, ...]) -> None:
        self._folder, self._index, self._records = folder, index, records
        lengths = np.array([record.length for record in records])
        timed = np.array([record.length * record.timed for record in records])
        self._first_frame = np.cumsum(lengths) - lengths
        self._first_time = np.cumsum(timed) - timed
        self._arrays: Mapping[str, np.ndarray] | None = None

    def episode(self, position: int) -> Episode:
        """Episode number `position` of this shard; its arrays are read-only views of the files."""
        record, start = self._records[position], int(self._first_frame[position])
        # Each earlier episode has one action less than frames.
        first_action, first_time = start - position, int(self._first_time[position])
        arrays = self._map()
        streams = {name: arrays[f"stream-{name}.npy"][start : start + record.length] for name in self._index.specs}
        return Episode(
            streams=streams,
            actions=arrays["actions.npy"][first_action : first_action + record.length - 1],
            specs=self._index.specs,
            action=self._index.action,
            times=arrays["times.npy"][first_time : first_time + record.length] if record.timed else None,
            resets=record.resets,
            provenance=record.provenance,
        )

    def _map(self) -> Mapping[str, np.ndarray]:
        if self._arrays is None:
            files = layouts(self._index, self._records)
            for name, layout in files.items():
                _check_file(self._folder / name, layout)
            self._arrays = {name: _mapped(self._folder / name, layout) for name, layout in files.items()}
        return self._arrays


def _layout(dtype: str, shape: tuple[int, ...]) -> Layout:
    return Layout(np.dtype(dtype).newbyteorder("<"), tuple(map(int, shape)))


def _columns(file: str, episodes: Sequence[Episode]) -> Iterator[np.ndarray]:
    for episode in episodes:
        if file == "actions.npy":
            yield episode.actions
        elif file != "times.npy":
            yield episode.streams[file.removeprefix("stream-").removesuffix(".npy")]
        elif episode.times is not None:
            yield episode.times


def _require_finite(name: str, values: np.ndarray) -> None:
    if values.dtype.kind == "f" and not _finite(values):
        raise NonFinite(f"{name.removesuffix('.npy')} of an episode hold NaN or infinity; cut or mend those frames.")


def _flush(file) -> None:
    # Without this a power cut could keep the index and lose what it points to.
    file.flush()
    os.fsync(file.fileno())


def _check_file(path: Path, layout: Layout) -> None:
    header = layout.header()
    try:
        with path.open("rb") as file:
            size, found = os.fstat(file.fileno()).st_size, file.read(len(header))
    except OSError as error:
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} cannot be read: {error.strerror}.") from error
    if size != len(header) + layout.nbytes or found != header:
        raise BadEpisodeFile(
            f"{path.parent.name}/{path.name} is {size} bytes and does not match its table, which asks for "
            f"{layout.dtype.name} {layout.shape} in {len(header) + layout.nbytes} bytes."
        )


def _mapped(path: Path, layout: Layout) -> np.ndarray:
    if layout.nbytes == 0:
        return np.empty(layout.shape, layout.dtype)
    try:
        array = np.memmap(path, layout.dtype, "r", offset=len(layout.header()), shape=layout.shape)
    except (OSError, ValueError) as error:
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} cannot be mapped: {error}.") from error
    # A plain view: slicing np.memmap itself costs several times more.
    return array.view(np.ndarray)


def _check_finite(path: Path, values: np.ndarray) -> None:
    if not _finite(values):
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} holds NaN or infinity.")


def _finite(values: np.ndarray) -> bool:
    flat = values.reshape(-1)
    return all(np.isfinite(flat[start : start + _CHUNK]).all() for start in range(0, flat.size, _CHUNK))

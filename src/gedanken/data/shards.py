"""One shard: a folder of plain `.npy` arrays, the episodes in it laid end to end, and a JSON table that says where.

A shard is written once and never changed. Its `.npy` headers follow entirely from the store's specs and the table, so
a reader compares them byte for byte instead of parsing them: a file that says anything else is refused. A stream that is
kept compressed is two files, its JPEGs end to end and where each ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from gedanken.data.array_file import Layout, check_array, check_finite, flush, mapped, write_array
from gedanken.data.coded import CodedFrames, check_coded, mapped_content, write_coded
from gedanken.data.index import Index, Record, parse_records, records_text
from gedanken.errors import BadEpisodeFile
from gedanken.types import Episode, Frames

TABLE = "shard.json"
_LARGEST_TABLE = 1 << 28


def layouts(index: Index, records: Sequence[Record]) -> dict[str, Layout]:
    """The array files a shard with these episodes consists of."""
    frames = sum(record.length for record in records)
    timed = sum(record.length for record in records if record.timed)
    files = {
        _ends(name) if name in index.coded else f"stream-{name}.npy": (
            Layout.of("int64", (frames,)) if name in index.coded else Layout.of(spec.dtype, (frames, *spec.shape))
        )
        for name, spec in index.specs.items()
    }
    files["actions.npy"] = Layout.of("float32", (frames - len(records), index.action.width))
    if timed:
        files["times.npy"] = Layout.of("float64", (timed,))
    return files


def _ends(name: str) -> str:
    return f"stream-{name}.ends.npy"


def _jpegs(name: str) -> str:
    return f"stream-{name}.jpegs"


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
    ends = {
        _ends(name): write_coded(folder / _jpegs(name), (each.streams[name] for each in episodes), config)
        for name, config in index.coded.items()
    }
    for name, layout in layouts(index, records).items():
        write_array(folder / name, layout, [ends[name]] if name in ends else _columns(name, episodes))
    with (folder / TABLE).open("xb") as file:
        file.write(records_text(records).encode())
        flush(file)
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
        check_array(folder / name, layout)
        check_finite(folder / name, layout)
    for name in index.coded if records else ():
        check_coded(folder / _jpegs(name), mapped(folder / _ends(name), layouts(index, records)[_ends(name)]))
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
        streams = {name: self._frames(name, start, record.length) for name in self._index.specs}
        return Episode(
            streams=streams,
            actions=arrays["actions.npy"][first_action : first_action + record.length - 1],
            specs=self._index.specs,
            action=self._index.action,
            times=arrays["times.npy"][first_time : first_time + record.length] if record.timed else None,
            resets=record.resets,
            provenance=record.provenance,
        )

    def _frames(self, name: str, start: int, length: int) -> Frames:
        arrays = self._map()
        if name not in self._index.coded:
            return arrays[f"stream-{name}.npy"][start : start + length]
        where, shape = f"{self._folder.name}/{_jpegs(name)}", self._index.specs[name].shape
        return CodedFrames(arrays[_jpegs(name)], arrays[_ends(name)], start, length, shape, where)

    def _map(self) -> Mapping[str, np.ndarray]:
        if self._arrays is None:
            files = layouts(self._index, self._records)
            for name, layout in files.items():
                check_array(self._folder / name, layout)
            arrays = {name: mapped(self._folder / name, layout) for name, layout in files.items()}
            for name in self._index.coded:
                check_coded(self._folder / _jpegs(name), arrays[_ends(name)])
                arrays[_jpegs(name)] = mapped_content(self._folder / _jpegs(name), arrays[_ends(name)])
            self._arrays = arrays
        return self._arrays


def _columns(file: str, episodes: Sequence[Episode]) -> Iterator[np.ndarray]:
    for episode in episodes:
        if file == "actions.npy":
            yield episode.actions
        elif file != "times.npy":
            yield np.asarray(episode.streams[file.removeprefix("stream-").removesuffix(".npy")])
        elif episode.times is not None:
            yield episode.times

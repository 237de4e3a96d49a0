"""Frames kept compressed: one file with all JPEGs of a shard end to end, one with where each ends, decoded when asked for.

A window reads and decodes the frames it keeps and no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from gedanken.data.array_file import Layout, flush, mapped
from gedanken.data.jpeg import JPEGConfig, decode_into, encoded
from gedanken.errors import BadEpisodeFile
from gedanken.types import Frames


class CodedFrames:
    """A stream of pictures `[L, height, width, 3]` uint8 that reads as an array and is decoded frame by frame.

    Args:
        content: uint8, the JPEGs of the shard end to end.
        ends: int64 `[all frames of the shard]`, where each ends.
        first, length: which of them these are.
        frame: height, width and 3.
        where: how a refusal names the file.
    """

    def __init__(
        self, content: np.ndarray, ends: np.ndarray, first: int, length: int, frame: tuple[int, ...], where: str
    ) -> None:
        self._content, self._ends, self._first, self._where = content, ends, first, where
        self.shape = (length, *frame)

    dtype = np.dtype("uint8")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """As of an array: frames by number, slice, list of numbers or mask, and then further axes."""
        if isinstance(rows, tuple):
            found = self[rows[0]] if rows else np.asarray(self)
            return (
                found[rows[1:] if isinstance(rows[0], SupportsIndex) else (slice(None), *rows[1:])] if rows else found
            )
        chosen = np.arange(len(self))[rows]
        room = np.empty((*chosen.shape, *self.shape[1:]), np.uint8)
        for frame, number in zip(room.reshape(-1, *self.shape[1:]), chosen.ravel().tolist(), strict=True):
            self._decode(number, frame)
        return room

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def between(self, start: int, stop: int) -> CodedFrames:
        """Frames `start` to `stop - 1`, still compressed."""
        return CodedFrames(self._content, self._ends, self._first + start, stop - start, self.shape[1:], self._where)

    def content(self, number: int) -> np.ndarray:
        """The JPEG of one frame, uint8; a view of the file."""
        place = self._first + number
        return self._content[self._ends[place - 1] if place else 0 : self._ends[place]]

    def read(self, rows: slice, room: np.ndarray) -> None:
        """Decode the frames of a slice into `room`, contiguous uint8 of their shape."""
        for frame, number in zip(room, range(*rows.indices(len(self))), strict=True):
            self._decode(number, frame)

    def _decode(self, number: int, room: np.ndarray) -> None:
        decode_into(room, self.content(number), f"frame {self._first + number} of {self._where}")


def read_rows(frames: Frames, rows: slice, room: np.ndarray) -> None:
    """Put the frames of a slice into `room`, decoding no others."""
    if isinstance(frames, CodedFrames):
        frames.read(rows, room)
    else:
        room[...] = frames[rows]


def part(frames: Frames, start: int, stop: int) -> Frames:
    """Frames `start` to `stop - 1` without copying or decoding them."""
    return frames.between(start, stop) if isinstance(frames, CodedFrames) else frames[start:stop]


def write_coded(path: Path, streams: Iterable[Frames], config: JPEGConfig) -> np.ndarray:
    """Write the JPEGs of all streams end to end into the new file `path`; int64, where each ends.

    What is compressed already is copied as it is, since decoding and compressing again would cost it detail.
    """
    ends, place = [], 0
    with path.open("xb") as file:
        for frames in streams:
            for number in range(len(frames)):
                kept = isinstance(frames, CodedFrames)
                place += file.write(frames.content(number).data if kept else encoded(frames[number], config))
                ends.append(place)
        flush(file)
    return np.array(ends, np.int64)


def check_coded(path: Path, ends: np.ndarray) -> None:
    """Raise `BadEpisodeFile` where the file is missing, or not as long as the ends say, or they do not rise."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadEpisodeFile(f"{path.parent.name}/{path.name} cannot be read: {error.strerror}.") from error
    if not (np.diff(ends, prepend=0) > 0).all() or size != ends[-1]:
        raise BadEpisodeFile(
            f"{path.parent.name}/{path.name} is {size} bytes and does not match the list of where its frames end."
        )


def mapped_content(path: Path, ends: np.ndarray) -> np.ndarray:
    """The JPEGs in a checked file, mapped into memory, uint8."""
    return mapped(path, Layout.of("uint8", (int(ends[-1]),)), header=0)

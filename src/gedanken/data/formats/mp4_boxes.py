"""What an MP4 claims to hold, read from its boxes (ISO/IEC 14496-12) before a decoder believes it.

A table of equal samples, or a fragment of them, is one number in the file, and a demuxer makes an index entry of each: a few
bytes can ask for gigabytes. Every real sample takes at least one byte, so a file never holds more samples than bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gedanken.errors import BadEpisodeFile

_FOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4}
"""Boxes that count samples, and where in them the count stands: sizes of all samples, compact sizes, a fragment's run."""


def check_claims(path: Path) -> None:
    """Raise `BadEpisodeFile` where the boxes count more samples than the file has bytes, or `OSError` of the disk."""
    size = path.stat().st_size
    with path.open("rb") as file:
        claimed = 0
        for samples in _counts(file, 0, size):
            claimed += samples
            if claimed > size:
                raise BadEpisodeFile(
                    f"{path.name} claims {claimed} frames or sounds in {size} bytes; it is no real video."
                )


def _counts(file: BinaryIO, start: int, end: int) -> Iterator[int]:
    todo = [(start, end)]
    while todo:
        place, end = todo.pop()
        file.seek(place)
        header = file.read(16)
        length, kind, inside = int.from_bytes(header[:4], "big"), header[4:8], place + 8
        if length == 1:
            length, inside = int.from_bytes(header[8:16], "big"), place + 16
        stop = end if length == 0 else min(place + length, end)
        if len(header) < 8 or stop < inside:  # the rest is not made of boxes; whether it is a video, the decoder says
            continue
        if stop + 8 <= end:
            todo.append((stop, end))
        if kind in _FOLDERS:
            todo.append((inside, stop))
        elif kind in _COUNTS:
            file.seek(inside + _COUNTS[kind])
            yield int.from_bytes(file.read(4), "big")

"""What a foreign format has no place for (bounds, units, resets, origin), in a small JSON file of ours beside it.

Others pass over `gedanken.json`. A recording without it is read as its own format says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gedanken.data.index import Index, Record, index_text, parse_index, parse_records, records_text
from gedanken.data.shards import read_small
from gedanken.errors import BadEpisodeFile
from gedanken.types import Episode

SIDECAR = "gedanken.json"
_LARGEST = 1 << 28


@dataclass(frozen=True)
class Sidecar:
    """The specs that all episodes share, and one record an episode."""

    index: Index
    records: tuple[Record, ...]


def record_of(episode: Episode) -> Record:
    """What of an episode the sidecar keeps."""
    resets = tuple(int(reset) for reset in episode.resets)
    return Record(len(episode), resets, episode.times is not None, episode.provenance)


def write_sidecar(folder: Path, index: Index, records: Sequence[Record]) -> None:
    """Write the sidecar of `folder` anew."""
    both = json.loads(index_text(index)) | json.loads(records_text(tuple(records)))
    write_anew(folder / SIDECAR, json.dumps(both))


def read_sidecar(folder: Path) -> Sidecar | None:
    """The sidecar of `folder`, or None where there is none; raises `BadEpisodeFile` where it is not one of ours."""
    if not (folder / SIDECAR).is_file():
        return None
    content = read_small(folder / SIDECAR, _LARGEST)
    return Sidecar(parse_index(content), parse_records(content))


def own_sidecar(folder: Path) -> Sidecar:
    """The sidecar of a folder that is to be appended to; raises `BadEpisodeFile` where others wrote it."""
    sidecar = read_sidecar(folder)
    if sidecar is None:
        raise BadEpisodeFile(
            f"{folder} was not written by gedanken (it has no {SIDECAR}), so nothing is appended to it; "
            "write its episodes and yours into a new folder."
        )
    return sidecar


def write_anew(path: Path, text: str) -> None:
    """Write a text file in place of one of that name, which other folders may share by a hard link."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")

"""What a LeRobot dataset (v2.0, v2.1, v3.0) says of itself in `meta/`: its features, and where each episode lies.

    meta/info.json        both: rate, features, how the paths of data and videos are made
    meta/episodes.jsonl   v2: length and tasks of each episode, whose data and videos are files of their own
    meta/episodes/*/*.parquet   v3: the same, and which file each lies in, beside others, and from which second of a video

Nobody vouches for these files: paths may not lead out of the dataset, and no count is believed that the files do not bear out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gedanken.data.formats.arrow_file import read_as
from gedanken.data.formats.packages import data_package
from gedanken.data.shards import read_small
from gedanken.errors import BadEpisodeFile, BadInput
from gedanken.strict_json import count, field, number, parse_object, shape

RESERVED = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""Features every dataset has; they place a row and are no observation."""

PICTURES = ("video", "image")
_LARGEST = 1 << 28
_ROWS_A_BYTE = 64
"""Rows carry their own numbers, which no encoding packs more densely; a file that claims more is not read."""
_BLANK = re.compile(r"\{(\w+)(?::0?(\d)d)?\}", re.ASCII)


@dataclass(frozen=True)
class Feature:
    """One column or camera: `dtype` is a NumPy name, `video`, `image` or `string`; `shape` is of one sample."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """One episode: its number and length in frames, its tasks, its table, and for each camera the video and from which second."""

    index: int
    length: int
    tasks: tuple[str, ...]
    data: Path
    videos: Mapping[str, tuple[Path, float]]


@dataclass(frozen=True)
class LeRobotMeta:
    """A dataset as `meta/` tells it."""

    rate_hz: float
    features: Mapping[str, Feature]
    places: Sequence[Place]


def read_meta(root: Path) -> LeRobotMeta:
    """What `root` says of itself; raises `BadEpisodeFile` where it is of another version, or contradicts itself."""
    try:
        info = parse_object(read_small(root / "meta" / "info.json", _LARGEST))
        version, rate_hz = field(info, "codebase_version", str), number(info.get("fps"))
        if not re.match(r"v(2\.|3\.)", version) or not 0 < rate_hz < 1e6:
            raise BadEpisodeFile(
                f"{root} is LeRobot {version[:20]!r} at {rate_hz:g} fps; v2.0, v2.1 and v3.0 are read."
            )
        features = {
            name: Feature(field(raw, "dtype", str), shape(field(raw, "shape", list)))
            for name, raw in field(info, "features", dict).items()
        }
        cameras = [name for name, feature in features.items() if feature.dtype == "video"]
        places = list((_places_v3 if version.startswith("v3") else _places_v2)(root, info, cameras))
        told = count(info.get("total_episodes", len(places)))
    except BadInput as error:
        raise BadEpisodeFile(f"{root}/meta was refused: {error}") from error
    if any(place.length < 1 for place in places):
        raise BadEpisodeFile(f"{root}/meta tells of an episode without a frame; cut it.")
    if told != len(places) or not places:
        raise BadEpisodeFile(
            f"{root}/meta/info.json tells of {told} episodes and its table of {len(places)}; fetch it again."
        )
    return LeRobotMeta(rate_hz, features, places)


def check_rows(path: Path, rows: int) -> None:
    """Raise `BadEpisodeFile` where a Parquet file claims more rows than its bytes can hold."""
    if rows > _ROWS_A_BYTE * path.stat().st_size:
        raise BadEpisodeFile(f"{path.name} claims {rows} rows in {path.stat().st_size} bytes.")


def _places_v2(root: Path, info: dict[str, Any], cameras: list[str]) -> Iterator[Place]:
    chunk = max(count(info.get("chunks_size", 1000)), 1)
    for line in read_small(root / "meta" / "episodes.jsonl", _LARGEST).splitlines():
        if not line.strip():
            continue
        record = parse_object(line)
        index = count(field(record, "episode_index", int))
        blanks = {"episode_chunk": index // chunk, "episode_index": index}
        videos = {key: (_path(root, info, "video_path", video_key=key, **blanks), 0.0) for key in cameras}
        tasks = tuple(str(task) for task in field(record, "tasks", list))
        yield Place(index, count(field(record, "length", int)), tasks, _path(root, info, "data_path", **blanks), videos)


def _places_v3(root: Path, info: dict[str, Any], cameras: list[str]) -> Iterator[Place]:
    columns = ["episode_index", "length", "tasks", "data/chunk_index", "data/file_index"]
    columns += [f"videos/{key}/{what}" for key in cameras for what in ("chunk_index", "file_index", "from_timestamp")]
    rows = [row for path in sorted((root / "meta" / "episodes").glob("*/*.parquet")) for row in _rows(path, columns)]
    for row in sorted(rows, key=lambda row: count(row["episode_index"])):
        yield Place(
            count(row["episode_index"]),
            count(row["length"]),
            tuple(str(task) for task in field(row, "tasks", list)),
            _path(root, info, "data_path", **_file(row, "data")),
            {
                key: (
                    _path(root, info, "video_path", video_key=key, **_file(row, f"videos/{key}")),
                    number(row[f"videos/{key}/from_timestamp"]),
                )
                for key in cameras
            },
        )


def _file(row: dict[str, Any], what: str) -> dict[str, int]:
    return {name: count(row[f"{what}/{name}"]) for name in ("chunk_index", "file_index")}


def _rows(path: Path, columns: list[str]) -> list[dict[str, Any]]:
    with read_as("Parquet", path), data_package("pyarrow.parquet").ParquetFile(path) as file:
        check_rows(path, file.metadata.num_rows)
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            raise BadEpisodeFile(f"meta/episodes/{path.parent.name}/{path.name} has no column {missing[0]!r}.")
        return file.read(columns=columns).to_pylist()


def _path(root: Path, info: dict[str, Any], template: str, **blanks: int | str) -> Path:
    """The template with its blanks filled in; not by `str.format`, which a template can make run wild."""

    def filled(match: re.Match[str]) -> str:
        value = blanks.get(match[1])
        if value is None:
            raise BadInput(f"its {template} has a blank {match[0][:40]!r} that no version knows.")
        return f"{value:0{int(match[2] or 0)}d}" if isinstance(value, int) else value

    relative = PurePosixPath(_BLANK.sub(filled, field(info, template, str)))
    if relative.is_absolute() or ".." in relative.parts:
        raise BadInput(f"its {template} {str(relative)[:80]!r} leads out of the dataset.")
    return root / relative

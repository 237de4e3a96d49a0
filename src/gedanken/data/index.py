"""What an episode store says about itself: one small JSON index, and one JSON table of episodes in each shard.

The index names no files: shards are numbered and arrays are named after their streams, so nothing written in it can
lead out of the folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as filled
from typing import Any

import numpy as np

from gedanken.data.jpeg import JPEGConfig, is_picture
from gedanken.errors import BadEpisodeFile, BadInput, unknown_name
from gedanken.strict_json import action_spec, count, field, parse_object, stream_record, stream_spec
from gedanken.types import ActionSpec, Provenance, StreamSpec

SCHEMA, CODED_SCHEMA = 1, 2
"""A store in which nothing is compressed is written as it always was, so that older versions still read it."""
DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64")
_STREAM_NAME = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Index:
    """What all episodes of a store share, how many episodes each shard holds, and which streams are kept compressed."""

    specs: Mapping[str, StreamSpec]
    action: ActionSpec
    shards: tuple[int, ...] = ()
    coded: Mapping[str, JPEGConfig] = filled(default_factory=dict)

    def __post_init__(self) -> None:
        for name, spec in self.specs.items():
            if not _STREAM_NAME.fullmatch(name):
                raise BadInput(f"stream name {name[:80]!r} must be 1 to 64 letters, digits or underscores.")
            if spec.dtype not in DTYPES:
                raise BadInput(f"stream {name!r} has dtype {spec.dtype[:80]!r}; a store keeps {', '.join(DTYPES)}.")
        for name in self.coded:
            if name not in self.specs:
                raise unknown_name("stream", name, self.specs)
            if not is_picture(self.specs[name]):
                found = f"{self.specs[name].dtype} {self.specs[name].shape}"
                raise BadInput(f"stream {name!r} is {found}; only uint8 (height, width, 3) can be kept as JPEG.")


@dataclass(frozen=True)
class Record:
    """One episode of a shard: its length in frames, its resets, whether it keeps times, where it comes from."""

    length: int
    resets: tuple[int, ...]
    timed: bool
    provenance: Provenance

    def __post_init__(self) -> None:
        if self.length < 1 or any(not 0 <= reset < self.length for reset in self.resets):
            raise BadInput(f"an episode of {self.length} frames with resets {str(self.resets)[:80]} cannot be.")


def index_text(index: Index) -> str:
    """The index as JSON."""
    shared = {
        "specs": {name: stream_record(spec) for name, spec in index.specs.items()},
        "action": asdict(index.action),
    }
    if index.coded:
        shared["coded"] = {name: {"jpeg": config.quality} for name, config in index.coded.items()}
    schema = CODED_SCHEMA if index.coded else SCHEMA
    return json.dumps({"schema": schema, **shared, "shards": index.shards}, default=np.generic.item)


def records_text(records: tuple[Record, ...]) -> str:
    """A shard's table of episodes as JSON."""
    return json.dumps({"episodes": [asdict(record) for record in records]})


def parse_index(text: bytes) -> Index:
    """The index in `text`.

    Raises:
        BadEpisodeFile: not JSON, of another schema, or a field of the wrong type or range.
    """
    try:
        raw = parse_object(text)
        _check_schema(raw.get("schema"))
        return Index(
            specs={name: stream_spec(spec) for name, spec in field(raw, "specs", dict).items()},
            action=action_spec(field(raw, "action", dict)),
            shards=tuple(count(episodes) for episodes in field(raw, "shards", list)),
            coded={} if raw["schema"] == SCHEMA else _coded(field(raw, "coded", dict)),
        )
    except BadInput as error:
        raise BadEpisodeFile(f"the store's index was refused: {error}") from error


def parse_records(text: bytes) -> tuple[Record, ...]:
    """The episodes of one shard; raises `BadEpisodeFile` like `parse_index`."""
    try:
        return tuple(_record(raw) for raw in field(parse_object(text), "episodes", list))
    except BadInput as error:
        raise BadEpisodeFile(f"a shard's table was refused: {error}") from error


def _check_schema(schema: Any) -> None:
    if schema not in (SCHEMA, CODED_SCHEMA) or isinstance(schema, bool):
        raise BadEpisodeFile(
            f"the store has schema {str(schema)[:40]!r}; this version of gedanken reads schemas {SCHEMA} and "
            f"{CODED_SCHEMA}: open it with the version that wrote it."
        )


def _coded(raw: dict[str, Any]) -> dict[str, JPEGConfig]:
    if not raw:
        raise BadInput("it says that streams are compressed, and names none.")
    return {name: JPEGConfig(quality=field(how, "jpeg", int)) for name, how in raw.items()}


def _record(raw: Any) -> Record:
    origin = field(raw, "provenance", dict)
    return Record(
        length=count(field(raw, "length", int)),
        resets=tuple(count(reset) for reset in field(raw, "resets", list)),
        timed=field(raw, "timed", bool),
        provenance=Provenance(*(field(origin, key, str) for key in ("source", "licence", "note", "ingested_by"))),
    )

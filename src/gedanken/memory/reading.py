"""Moments as they come back out of the file, and what there is to say of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from gedanken.errors import BadInput, BadMemoryFile
from gedanken.memory.database import Database
from gedanken.memory.facts import read_facts
from gedanken.memory.landmark_rows import read_landmarks, read_ways
from gedanken.memory.rows import action_of, check_row, latents_of, thumbnail_sum
from gedanken.memory.schema import SCHEMA
from gedanken.memory.thumbnail import decoded
from gedanken.strict_json import field, parse_object
from gedanken.types import Moment, Provenance, Remembered

_QUERY = """
SELECT moments.id, episode, time, action, latent, surprise, moments.checksum, run, name, provenance, picture,
       thumbnails.checksum
FROM moments JOIN episodes ON episodes.id = episode LEFT JOIN thumbnails ON moment = moments.id
WHERE moments.id IN ({})
"""
_AT_ONCE = 500


def remembered(database: Database, ids: Sequence[int]) -> list[Remembered]:
    """Moments by their ids, in that order.

    Raises:
        BadInput: there is no moment of such an id (any more).
        BadMemoryFile: one of them is not as it was written.
    """
    found: dict[int, Remembered] = {}
    with database.transaction() as connection:
        shape = read_facts(connection, database.path.name).shape or (1, 1)
        for start in range(0, len(ids), _AT_ONCE):
            some = [int(each) for each in ids[start : start + _AT_ONCE]]
            rows = connection.execute(_QUERY.format(", ".join("?" * len(some))), some).fetchall()
            found |= {row[0]: _remembered(row, shape) for row in rows}
    if missing := [each for each in ids if int(each) not in found]:
        raise BadInput(f"{database.path.name} remembers no moment {missing[0]}; it was forgotten or never written.")
    return [found[int(each)] for each in ids]


def _remembered(row: tuple, shape: tuple[int, int]) -> Remembered:
    check_row(row, 2 * shape[0] * shape[1])
    id, _, time, action, latent, surprise, _, run, name, provenance, picture, picture_sum = row
    if picture is not None and not (isinstance(picture, bytes) and thumbnail_sum(id, picture) == picture_sum):
        raise BadMemoryFile(f"the thumbnail of moment {id} is not as it was written; the file is damaged.")
    moment = Moment(
        latent=torch.from_numpy(latents_of([latent], shape[0] * shape[1]).astype("float32")).reshape(shape),
        episode=name,
        time=time,
        action=action_of(action),
        pixels=None if picture is None else decoded(picture, id),
        surprise=surprise,
    )
    return Remembered(id, run, moment, _provenance(provenance))


@lru_cache(maxsize=64)
def _provenance(stored: str) -> Provenance:
    try:
        said = parse_object(stored)
        return Provenance(**{name: field(said, name, str) for name in ("source", "licence", "note", "ingested_by")})
    except BadInput as error:
        raise BadMemoryFile(f"a provenance cannot be read: {error}") from error


@dataclass(frozen=True)
class MemoryInfo:
    """What a memory says of itself.

    Args:
        moments, thumbnails, episodes, runs: how many there are.
        since, until: seconds since 1970 of the earliest and the latest moment; None where there is none.
        fingerprint: of the encoder whose latents these are.
        shape: `(P, D)` of each latent.
        cap: bytes at which the oldest begin to go, or None.
        file_bytes: of the file and of what lies beside it.
        picture_bytes: of all thumbnails together.
        schema: of the file.
    """

    moments: int
    thumbnails: int
    episodes: int
    runs: int
    since: float | None
    until: float | None
    fingerprint: str | None
    shape: tuple[int, int] | None
    cap: int | None
    file_bytes: int
    picture_bytes: int
    schema: int = SCHEMA


def information(database: Database) -> MemoryInfo:
    """Counts, span and size."""
    with database.transaction() as connection:
        facts = read_facts(connection, database.path.name)
        moments, since, until = connection.execute("SELECT count(*), min(time), max(time) FROM moments").fetchone()
        thumbnails, pictures = connection.execute("SELECT count(*), sum(length(picture)) FROM thumbnails").fetchone()
        episodes, runs = connection.execute("SELECT count(*), count(DISTINCT run) FROM episodes").fetchone()
    beside = [database.path.with_name(database.path.name + end) for end in ("", "-wal", "-shm", "-writer", "-index")]
    return MemoryInfo(
        moments=moments,
        thumbnails=thumbnails,
        episodes=episodes,
        runs=runs,
        since=since,
        until=until,
        fingerprint=facts.fingerprint,
        shape=facts.shape,
        cap=facts.cap,
        file_bytes=sum(file.stat().st_size for file in beside if file.exists()),
        picture_bytes=pictures or 0,
    )


def check_whole(database: Database) -> None:
    """Read every byte that is in use: SQLite's own structure, every checksum, and every thumbnail.

    Raises:
        BadMemoryFile: something is not as it was written; the message names the first.
    """
    if (said := database.rows("PRAGMA integrity_check(1)")[0][0]) != "ok":
        told = " ".join(str(said).split())
        raise BadMemoryFile(f"{database.path.name} is damaged ({told}); go back to a copy of it.")
    if database.number("SELECT count(*) FROM thumbnails WHERE moment NOT IN (SELECT id FROM moments)"):
        raise BadMemoryFile(f"{database.path.name} has a thumbnail of no moment; the file is damaged.")
    ids = [row[0] for row in database.rows("SELECT id FROM moments ORDER BY id")]
    for start in range(0, len(ids), _AT_ONCE):
        remembered(database, ids[start : start + _AT_ONCE])
    read_landmarks(database)
    read_ways(database)

"""What is forgotten is gone from the bytes of the file; what is evicted makes room.

SQLite zeroes deleted cells (`secure_delete`), but copies of them may stay in pages that were rearranged and in the
write-ahead log. Hence the file is rewritten (VACUUM) and the log cut to nothing. A fact says that this is still to be done,
in the same transaction as the deletion, so that whoever opens the memory next finishes what a killed process began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from gedanken.errors import BadInput, StorageError
from gedanken.memory.database import Database
from gedanken.memory.facts import read_facts, write_facts
from gedanken.memory.side_index import beside

EVICTED_AT_ONCE = 100
"""One in so many of the moments, the oldest, goes when the file has reached its cap."""


def selection(
    episode: str | None, run: str | None, since: float | None, until: float | None
) -> tuple[str, list[str | float]]:
    """The SQL condition for all that is given, `since <= time < until`, and its values.

    Raises:
        BadInput: nothing was given, or the times are the wrong way round.
    """
    asked: dict[str, str | float | None] = {
        "episode IN (SELECT id FROM episodes WHERE name = ?)": episode,
        "episode IN (SELECT id FROM episodes WHERE run = ?)": run,
        "time >= ?": since,
        "time < ?": until,
    }
    given = {condition: value for condition, value in asked.items() if value is not None}
    if not given:
        raise BadInput("nothing was said of what to forget; give an episode, a run or a range of time.")
    if since is not None and until is not None and not since < until:
        raise BadInput(f"since={since} is not before until={until}; give a range of time that holds something.")
    return " AND ".join(given), list(given.values())


def forget(database: Database, condition: str, values: Sequence[Any]) -> int:
    """Delete moments and then their bytes; how many there were."""
    with database.transaction() as connection:
        gone = delete(connection, condition, values)
        generation = read_facts(connection, database.path.name).generation
        write_facts(connection, generation=generation + 1, unclean=1)
    clean(database)
    return gone


def delete(connection: sqlite3.Connection, condition: str, values: Sequence[Any]) -> int:
    """Delete moments with all that hangs on them, within the caller's transaction; how many there were."""
    connection.execute(f"DELETE FROM thumbnails WHERE moment IN (SELECT id FROM moments WHERE {condition})", values)
    _delete_landmarks(connection, f"SELECT id FROM moments WHERE {condition}", values)
    gone = connection.execute(f"DELETE FROM moments WHERE {condition}", values).rowcount
    connection.execute("DELETE FROM episodes WHERE NOT EXISTS (SELECT 1 FROM moments WHERE episode = episodes.id)")
    return gone


def delete_landmarks(connection: sqlite3.Connection) -> None:
    """Delete all landmarks and ways, within the caller's transaction."""
    _delete_landmarks(connection, "SELECT moment FROM landmarks", ())


def _delete_landmarks(connection: sqlite3.Connection, which: str, values: Sequence[Any]) -> None:
    connection.execute(f"DELETE FROM ways WHERE source IN ({which}) OR target IN ({which})", [*values, *values])
    connection.execute(f"DELETE FROM landmarks WHERE moment IN ({which})", values)


def evict(connection: sqlite3.Connection, cap: int, count: int, newest: int) -> int:
    """Delete the oldest moments, in order of writing, until the file uses at most `cap` bytes; how many went.

    Args:
        connection: within a transaction.
        cap: bytes of pages in use.
        count: moments there are.
        newest: first id of those being written, which never go.
    Raises:
        BadInput: even without all older moments the file would use more.
    """
    gone = 0
    while _used(connection) > cap:
        share = max(1, (count - gone) // EVICTED_AT_ONCE)
        oldest = connection.execute(
            "SELECT id FROM moments WHERE id < ? ORDER BY id LIMIT ?", (newest, share)
        ).fetchall()
        if not oldest:
            raise BadInput(f"what is written takes more than cap={cap} bytes by itself; raise the cap.")
        gone += delete(connection, "id <= ?", (oldest[-1][0],))
    return gone


def clean(database: Database) -> None:
    """Rewrite the file so that no byte is left of what was deleted from it.

    Raises:
        StorageError: the disk has no room for a second copy, or a reader holds on to the log; the memory is sound, and opening
            it to write tries again.
    """
    with database.complaints():
        beside(database.path).unlink(missing_ok=True)  # it holds vectors too, and is made again when it is asked for
        database.connection.execute("VACUUM")
    if not database.emptied_log():
        raise StorageError(
            f"{database.path} has forgotten, but a reader holds on to its log, where the bytes still are; close all readers "
            "and open it to write once more."
        )
    with database.transaction() as connection:
        write_facts(connection, unclean=0)
    database.emptied_log()


def _used(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size

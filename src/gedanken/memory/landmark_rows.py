"""Landmarks and ways as rows: what is kept of the graph, beside the moments that it is a graph of."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Sequence

from gedanken.errors import BadMemoryFile
from gedanken.memory.database import Database
from gedanken.memory.rows import landmark_sum, way_sum

Way = tuple[int, int, float, int]
"""From a landmark to another: their moments' ids, predicted steps, failures since the last success."""


def read_landmarks(database: Database) -> list[int]:
    """The moments that are landmarks, ascending.

    Raises:
        BadMemoryFile: a row is not as it was written, or there is no such moment.
    """
    rows = database.rows(
        "SELECT moment, landmarks.checksum, id FROM landmarks LEFT JOIN moments ON id = moment ORDER BY moment"
    )
    for moment, checksum, id in rows:
        if id is None or landmark_sum(moment) != checksum:
            raise BadMemoryFile(f"landmark {moment} is not as it was written, or of no moment; the file is damaged.")
    return [row[0] for row in rows]


def read_ways(database: Database) -> list[Way]:
    """All ways.

    Raises:
        BadMemoryFile: a row is not as it was written.
    """
    rows = database.rows("SELECT source, target, steps, failed, checksum FROM ways")
    for row in rows:
        try:
            sound = way_sum(*row[:4]) == row[4]
        except (TypeError, struct.error):  # a flipped bit may change a value's type
            sound = False
        if not sound:
            raise BadMemoryFile(f"the way from {row[0]} to {row[1]} is not as it was written; the file is damaged.")
    return [row[:4] for row in rows]


def write_landmarks(connection: sqlite3.Connection, moments: Sequence[int]) -> None:
    """Make moments landmarks, within the caller's transaction."""
    connection.executemany("INSERT INTO landmarks VALUES (?, ?)", [(each, landmark_sum(each)) for each in moments])


def write_ways(connection: sqlite3.Connection, ways: Iterable[Way]) -> None:
    """Keep ways, in place of those between the same landmarks, within the caller's transaction."""
    rows = [(*way, way_sum(*way)) for way in ways]
    connection.executemany("INSERT OR REPLACE INTO ways VALUES (?, ?, ?, ?, ?)", rows)

"""The tables of a memory's file, how a new file gets them, and how an older file gets to them.

    facts        what holds for all of the file: the encoder's fingerprint, the latents' shape, the largest size
    episodes     which run wrote them, under what name, and where they come from
    moments      one row a model step; what a search must read, and nothing else
    thumbnails   their pictures, apart, so that a search reads none of them
    landmarks    the moments that are places to go by (`landmarks/`)
    ways         the steps it takes from one of them to another, and how often that failed

SQLite does not notice a flipped bit in a value, so each row of the last four carries a checksum.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gedanken.errors import BadMemoryFile
from gedanken.memory.rows import moment_sum, thumbnail_sum

APPLICATION = 0x67644D45
"""Written into the file's header (`PRAGMA application_id`), by which a memory is told from any other SQLite file."""

SCHEMA = 3
PAGE = 8192
"""Bytes of a page: three thumbnails of 1.1 KB waste a fifth of SQLite's usual 4096, seven a twentieth of these."""

TABLES = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE episodes (id INTEGER PRIMARY KEY, run TEXT NOT NULL, name TEXT NOT NULL, provenance TEXT NOT NULL, "
    "UNIQUE (run, name))",
    "CREATE TABLE moments (id INTEGER PRIMARY KEY AUTOINCREMENT, episode INTEGER NOT NULL, time REAL NOT NULL, action BLOB, "
    "latent BLOB NOT NULL, surprise REAL, checksum INTEGER NOT NULL)",
    "CREATE TABLE thumbnails (moment INTEGER PRIMARY KEY, picture BLOB NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE landmarks (moment INTEGER PRIMARY KEY, checksum INTEGER NOT NULL)",
    "CREATE TABLE ways (source INTEGER NOT NULL, target INTEGER NOT NULL, steps REAL NOT NULL, failed INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL, PRIMARY KEY (source, target)) WITHOUT ROWID",
    "CREATE INDEX moments_by_episode ON moments (episode)",
    "CREATE INDEX moments_by_time ON moments (time)",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty file, within the caller's transaction."""
    for table in TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO facts VALUES ('generation', '0'), ('unclean', '0')")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether there is nothing in the file at all, as when its maker was killed before it was made."""
    return _application(connection) == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def version_of(connection: sqlite3.Connection, name: str) -> int:
    """The schema of a memory's file.

    Raises:
        BadMemoryFile: it is an SQLite file of something else, or newer than this library.
    """
    if (application := _application(connection)) != APPLICATION:
        raise BadMemoryFile(
            f"{name} is an SQLite file of something else (application_id {application}), not a memory; check the path."
        )
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if not 1 <= version <= SCHEMA:
        raise BadMemoryFile(
            f"{name} has schema {version} and this version of gedanken knows 1 to {SCHEMA}; update gedanken to read it."
        )
    return version


def check_tables(connection: sqlite3.Connection, name: str) -> None:
    """Raise `BadMemoryFile` unless the file has our tables and nothing else, such as a trigger that would run on a write."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'").fetchall()
    if sorted(str(row[0]) for row in rows) != sorted(TABLES):
        raise BadMemoryFile(f"{name} has not the tables of a memory of schema {SCHEMA}; it was changed or damaged.")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file from `version` to the present schema, within the caller's transaction."""
    for step in range(version, SCHEMA):
        _STEPS[step](connection)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _thumbnails_apart(connection: sqlite3.Connection) -> None:
    """Schema 1 kept the picture in the moment's row and no checksums."""
    connection.execute("DROP INDEX moments_by_episode")
    connection.execute("DROP INDEX moments_by_time")
    connection.execute("ALTER TABLE moments RENAME TO moments_1")
    for table in (*TABLES[2:4], *TABLES[6:]):
        connection.execute(table)
    connection.create_function("moment_sum", 6, moment_sum, deterministic=True)
    connection.create_function("thumbnail_sum", 2, thumbnail_sum, deterministic=True)
    connection.execute(
        "INSERT INTO moments SELECT id, episode, time, action, latent, surprise, "
        "moment_sum(id, episode, time, action, latent, surprise) FROM moments_1 ORDER BY id"
    )
    connection.execute(
        "INSERT INTO thumbnails SELECT id, thumbnail, thumbnail_sum(id, thumbnail) FROM moments_1 "
        "WHERE thumbnail IS NOT NULL ORDER BY id"
    )
    # Numbers are never given twice, whatever was forgotten before.
    connection.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, (SELECT seq FROM sqlite_sequence WHERE name = 'moments_1')) "
        "WHERE name = 'moments'"
    )
    connection.execute("DROP TABLE moments_1")
    connection.execute("UPDATE facts SET value = '1' WHERE name = 'unclean'")  # the old rows' bytes are to go


def _with_landmarks(connection: sqlite3.Connection) -> None:
    """Schema 2 knew no landmarks."""
    for table in TABLES[4:6]:
        connection.execute(table)


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _thumbnails_apart, 2: _with_landmarks}


def _application(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])

"""One process's connection to a memory's file: what is asked of SQLite, and its complaints in our words.

A connection belongs to the process and thread that opened it (SQLite's locks do not survive a fork), so any other is told
to open the memory again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gedanken.errors import BadInput, BadMemoryFile, GedankenError, StorageError
from gedanken.memory.schema import PAGE

_MAGIC = b"SQLite format 3\0"
_BUSY, _LOCKED, _IOERR, _PERM, _READONLY, _CANTOPEN, _FULL = 5, 6, 10, 3, 8, 14, 13
_WAIT_SECONDS = 10.0


class Database:
    """A connection to the file at `path`.

    Args:
        path: the file; made when `writes` and it is not there.
        writes: False opens it for reading only, even on a medium that cannot be written.
    Raises:
        BadMemoryFile: the file is no SQLite file, or damaged.
        StorageError: it is not there, or the disk refuses.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        self.path, self.writes = path, writes
        self._owner = (os.getpid(), threading.get_ident())
        _check_file(path, writes)
        with self.complaints():
            self.connection = self._connected("rwc" if writes else "ro")
        with self.complaints(), self.closed_on_error():
            for setting in ("secure_delete = ON", "trusted_schema = OFF", "cell_size_check = ON"):
                self.connection.execute(f"PRAGMA {setting}")
        _OPEN.add(self)

    def begin_log(self, *, full_sync: bool) -> None:
        """Use a write-ahead log from now on; not before it is known that the file is ours, since the file says so for good.

        Args:
            full_sync: wait at each commit until the disk says that it has it (`synchronous=FULL`).
        """
        with self.complaints():
            self.connection.execute(f"PRAGMA page_size = {PAGE}")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple]:
        """All rows of a query."""
        with self.complaints():
            return self.connection.execute(query, values).fetchall()

    def number(self, query: str, values: Sequence[Any] = ()) -> int:
        """The one number a query returns; 0 for none."""
        found = self.rows(query, values)
        return int(found[0][0] or 0) if found else 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done in the block is committed when it ends, or nothing of it; within another it is a part of that."""
        with self.complaints():
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.execute("BEGIN IMMEDIATE" if self.writes else "BEGIN")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has rolled back by itself where the disk was full
                    self.connection.execute("ROLLBACK")
                raise

    def emptied_log(self) -> bool:
        """Bring the write-ahead log into the file and cut it to nothing; False while a reader still reads of it."""
        with self.complaints():
            return not self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def close(self) -> None:
        """Give the file back; in a forked child nothing is touched that is the parent's."""
        if self._owner[0] == os.getpid():
            _OPEN.discard(self)
            with self.complaints():
                self.connection.close()

    def check_owner(self) -> None:
        """Raise `BadInput` in any process or thread but the one that opened it."""
        if self._owner[0] != os.getpid():
            raise BadInput(
                f"{self.path.name} was opened in process {self._owner[0]} and this is {os.getpid()}; open it again here."
            )
        if self._owner[1] != threading.get_ident():
            raise BadInput(f"{self.path.name} was opened in another thread; open it again in this one.")

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """A block after whose failure there is no connection left."""
        try:
            yield
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def complaints(self) -> Iterator[None]:
        """SQLite's errors within the block, as ours."""
        self.check_owner()
        try:
            yield
        except GedankenError:
            raise
        except (sqlite3.Error, OSError, OverflowError) as error:
            raise _translated(error, self.path) from error

    def _connected(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.resolve().as_uri()}?mode={mode}"
        connection = _connect(address)
        if mode == "ro":
            try:
                connection.execute("PRAGMA schema_version").fetchone()
            except sqlite3.OperationalError:
                connection.close()
                log = self.path.with_name(f"{self.path.name}-wal")
                if log.exists() and log.stat().st_size:
                    raise
                # Readers share a small file beside the memory; where none can be made nobody can write either.
                connection = _connect(f"{self.path.resolve().as_uri()}?immutable=1")
        return connection


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_OF_THE_PARENT: list[sqlite3.Connection] = []


def _after_fork() -> None:
    # To close a connection that was forked would let go of locks that the parent relies on, so they are kept instead.
    _OF_THE_PARENT.extend(database.connection for database in _OPEN)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=_WAIT_SECONDS, cached_statements=64)


def _check_file(path: Path, writes: bool) -> None:
    """Raise unless there is an SQLite file, or nothing yet where one will be made."""
    try:
        if not path.exists():
            if not writes:
                raise StorageError(f"{path} is not there; check the path, or let an agent write to it first.")
            path.parent.mkdir(parents=True, exist_ok=True)
            return
        if path.is_dir():
            raise BadMemoryFile(f"{path} is a folder; a memory is one file, such as {path / 'house.db'}.")
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        if isinstance(error, GedankenError):
            raise
        raise StorageError(f"{path} cannot be opened: {error.strerror or error}; check the path.") from error
    if magic and magic != _MAGIC:
        raise BadMemoryFile(f"{path} is not a memory: it does not begin as an SQLite file does; check the path.")


def _translated(error: Exception, path: Path) -> GedankenError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    said = " ".join(str(error).split()).rstrip(".")
    if code == _FULL:
        return StorageError(f"{path} cannot grow: {said}; nothing of it was kept, free some space and write again.")
    if code in (_BUSY, _LOCKED):
        return StorageError(f"{path} is held by another process ({said}); wait until it is done, or end it.")
    if isinstance(error, OSError) or code in (_IOERR, _PERM, _READONLY, _CANTOPEN):
        return StorageError(
            f"{path} cannot be used: {said}; nothing was changed, check that its folder can be written and has space."
        )
    return BadMemoryFile(f"{path} is damaged or no memory ({said}); go back to a copy of it.")

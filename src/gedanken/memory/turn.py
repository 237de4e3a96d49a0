"""The turn to write: one process at a time, by a lock that the system lets go of when its holder dies."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock; there, SQLite alone keeps two writers from one transaction
    fcntl = None

from gedanken.errors import StorageError


class Turn:
    """Held from `__init__` to `give_back`, in a file beside the memory that says which process has it.

    Raises:
        StorageError: another process has it, or the folder cannot be written.
    """

    def __init__(self, memory: Path) -> None:
        self._file = memory.with_name(f"{memory.name}-writer")
        try:
            memory.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise StorageError(
                f"{memory} cannot be opened for writing: {error.strerror or error}; check that its folder can be written."
            ) from error
        try:
            self._take(memory)
        except BaseException:
            os.close(self._descriptor)
            raise
        _HELD.add(self)

    def _take(self, memory: Path) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.read(self._descriptor, 20).decode(errors="replace") or "of unknown number"
                raise StorageError(
                    f"{memory} is being written by process {holder}; a memory has one writer, so end that one or open this "
                    "one for reading."
                ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def give_back(self) -> None:
        """Let another process write."""
        if self in _HELD:
            _HELD.discard(self)
            os.close(self._descriptor)


_HELD: weakref.WeakSet[Turn] = weakref.WeakSet()


def _after_fork() -> None:
    # A forked child must not keep the turn when its parent dies.
    for turn in list(_HELD):
        turn.give_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

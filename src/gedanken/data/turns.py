"""Whose turn it is to write into a folder, and what a disk that refuses is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock; there, only one process may write to a store
    fcntl = None

from gedanken.errors import GedankenError, StorageError

_LOCK = "write.lock"


@contextmanager
def turn_to_write(folder: Path) -> Iterator[None]:
    """Wait for a turn; the system ends it when the writer dies."""
    with (folder / _LOCK).open("ab") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def refused_by_the_disk(folder: Path) -> Iterator[None]:
    """An `OSError` inside becomes a `StorageError`; our own errors stay what they are."""
    try:
        yield
    except GedankenError:
        raise
    except OSError as error:
        raise StorageError(
            f"{folder} could not be written: {error.strerror or error}; nothing was added, free or change the disk."
        ) from error

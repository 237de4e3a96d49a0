"""Files and folders written beside their place and renamed into it, so that nothing is ever half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from gedanken.errors import BadInput, GedankenError, StorageError


@contextmanager
def written_aside(path: Path, if_exists: str) -> Iterator[Path]:
    """A path to write to; when the block ends well it becomes `path`, otherwise it is removed.

    Args:
        path: file or folder to be made; folders above it are made too.
        if_exists: "overwrite" replaces what lies at `path` after all is written; anything else refuses it, but for an
            empty folder.
    Raises:
        BadInput: something lies there already.
        StorageError: the disk refused; what lay at `path` is as it was.
    """
    if if_exists != "overwrite" and _occupied(path):
        raise BadInput(f"{path} exists already; choose another path, or say if_exists='overwrite'.")
    aside, old = (path.with_name(f".{word}-{uuid4().hex[:8]}-{path.name}") for word in ("writing", "replaced"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        if path.is_dir() and not path.is_symlink():  # no rename puts a folder over one that is not empty
            os.replace(path, old)
            try:
                os.replace(aside, path)
            except OSError:
                os.replace(old, path)
                raise
        else:
            os.replace(aside, path)
    except GedankenError:
        raise
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error}; nothing was changed.") from error
    finally:
        for left in (aside, old):
            _remove(left)


def _occupied(path: Path) -> bool:
    if path.is_dir():
        return any(path.iterdir())
    return path.exists()


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()

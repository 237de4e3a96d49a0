"""A folder written aside that may begin as what is there already, so that appending too is all or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gedanken.data.formats.aside import written_aside


@contextmanager
def folder_aside(path: Path, if_exists: str) -> Iterator[tuple[Path, bool]]:
    """A folder to write into, and whether it begins as a copy of `path`; see `written_aside` for how it ends.

    The copy is made of hard links, where the disk has them: it costs nothing, and a file of it must be replaced rather than
    written into. Of two that append at once, one is lost: append from one process at a time.
    """
    grows = if_exists == "append" and path.is_dir() and any(path.iterdir())
    with written_aside(path, "overwrite" if grows else if_exists) as aside:
        if grows:
            shutil.copytree(path, aside, copy_function=_linked)
        else:
            aside.mkdir()
        yield aside, grows


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)

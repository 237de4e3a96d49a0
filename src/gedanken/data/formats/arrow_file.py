"""Parquet and CSV from a file nobody vouches for: whatever the reader trips over becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gedanken.data.formats.packages import data_package, first_line
from gedanken.errors import BadEpisodeFile, GedankenError


@contextmanager
def read_as(kind: str, path: Path) -> Iterator[None]:
    """Inside, pyarrow reads the file at `path` as `kind`; what it says of a failure becomes a `BadEpisodeFile`."""
    arrow = data_package("pyarrow")
    try:
        yield
    except GedankenError:
        raise
    except (arrow.ArrowException, OSError, ValueError) as error:  # ValueError: a name that is no text
        raise BadEpisodeFile(f"{path.name} cannot be read as {kind}: {first_line(error)}.") from error

"""Packages of the `data` extra, imported when a file of theirs is met and not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gedanken.errors import MissingExtra


def data_package(name: str) -> Any:
    """The module `name`, such as `av` or `pyarrow.parquet`; raises `MissingExtra` where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"this recording needs {name.split('.')[0]}, which is not installed: pip install 'gedanken[data]'"
        ) from error


def first_line(error: Exception) -> str:
    """What another library says of a failure, in one line without its full stop."""
    said = getattr(error, "strerror", None) or str(error)  # without number and path, where the error knows them apart
    return (said.splitlines() or [""])[0][:120].rstrip(". ") or type(error).__name__

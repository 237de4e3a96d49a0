"""The packages of the extras `serve` and `mcp`, imported when they are needed; each that is missing is named with its extra."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from gedanken.errors import MissingExtra


def msgpack() -> ModuleType:
    """msgpack, of the extra `serve`."""
    return needed("msgpack", "serve")


def needed(name: str, extra: str) -> ModuleType:
    """A package of an extra.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(f"serving needs the extra {extra!r}: pip install 'gedanken[{extra}]'.") from error

"""Our own store (`EpisodeFolder`) through the door of the formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from gedanken.contracts import Episodes
from gedanken.data.formats.aside import written_aside
from gedanken.data.jpeg import JPEGConfig, is_picture
from gedanken.data.store import EpisodeFolder
from gedanken.errors import BadInput
from gedanken.types import Episode

_IN_A_SHARD = 64
"""Episodes of one shard: few files, and no more than these in memory."""


@dataclass(frozen=True, kw_only=True)
class NativeConfig:
    """The store says everything of itself.

    Args:
        kind: name of the format.
        jpeg: how pictures are compressed in a new store; None keeps every pixel.
    """

    kind: Literal["native"] = "native"
    jpeg: JPEGConfig | None = None


def detect_native(path: Path) -> bool:
    """Whether `path` is a folder with a store's index."""
    return (path / "index.json").is_file()


def open_native(path: Path, config: NativeConfig) -> Episodes:
    """The store at `path`; see `EpisodeFolder.open`."""
    return EpisodeFolder.open(path)


def write_native(
    path: Path, episodes: Iterable[Episode], config: NativeConfig, if_exists: Literal["refuse", "append", "overwrite"]
) -> None:
    """Write a store, or add to one; what is appended comes in one shard, so that a failure adds nothing."""
    if if_exists == "append" and detect_native(path):
        EpisodeFolder.open(path).extend(episodes)
        return
    pending = iter(episodes)
    first = next(pending, None)
    if first is None:
        raise BadInput("there are no episodes to write; a store learns from its first what it keeps.")
    with written_aside(path, if_exists) as aside:
        pictures = (name for name, spec in first.specs.items() if is_picture(spec))
        coded = dict.fromkeys(pictures, config.jpeg) if config.jpeg else None
        store = EpisodeFolder.create(aside, first.specs, first.action, coded=coded)
        rest = chain((first,), pending)
        while shard := tuple(islice(rest, _IN_A_SHARD)):
            store.extend(shard)

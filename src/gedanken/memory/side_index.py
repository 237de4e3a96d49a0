"""A side index for very large memories: approximate neighbours without all keys in memory (HNSW, arXiv:1603.09320; usearch).

It lies beside the memory as `<name>-index` and holds nothing that is not in it: it may be deleted at any time, and is used
only while it is the very file that the memory's facts name by its SHA-256. Moments written after it was made are compared
exactly; what it proposes is measured exactly too, so its distances are right and only its choice can miss.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np

from gedanken.errors import BadInput, MissingExtra, StorageError
from gedanken.memory.database import Database
from gedanken.memory.facts import read_facts, write_facts
from gedanken.memory.keys import nearest_first
from gedanken.memory.retrieval import KeysOfFile
from gedanken.memory.rows import latents_of

PROPOSED = 4
"""Moments measured for each one that is asked for."""

_AT_ONCE = 10_000


def beside(memory: Path) -> Path:
    """Where the side index of a memory lies."""
    return memory.with_name(f"{memory.name}-index")


def build(database: Database) -> int:
    """Make the index of all moments there are; how many. Two core-seconds for 10,000, and more than in proportion for more.

    Raises:
        MissingExtra: usearch is not installed.
        BadInput: there is nothing to index.
        StorageError: the disk refuses.
    """
    facts = read_facts(database.connection, database.path.name)
    if facts.shape is None:
        raise BadInput(f"{database.path.name} remembers nothing yet; write to it before an index is made.")
    index, last = _empty(facts.width), 0
    for ids, latents in _all_latents(database, facts.width):
        index.add(ids, latents, threads=1)
        last = int(ids[-1])
    target = beside(database.path)
    aside = target.with_name(f".{target.name}.{os.getpid()}.writing")
    try:
        aside.write_bytes(index.save())
        digest = _digest(aside)
        os.replace(aside, target)
    except OSError as error:
        raise StorageError(f"{target} could not be written: {error}; the memory itself is whole.") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    with database.transaction() as connection:
        write_facts(connection, index_sha256=digest, index_last=last, index_generation=facts.generation)
    return len(index)


class SideIndex:
    """The index of a memory, opened.

    Args:
        database: of the memory.
    Raises:
        MissingExtra: usearch is not installed.
        BadInput: there is no index, or it is not of the memory as it is now.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        facts = read_facts(database.connection, database.path.name)
        said = dict(database.rows("SELECT name, value FROM facts WHERE name LIKE 'index%'"))
        file = beside(database.path)
        if not file.exists() or said.get("index_generation") != str(facts.generation):
            raise BadInput(f"{database.path.name} has no index of what it remembers now; make one with build_index().")
        if _digest(file) != said.get("index_sha256"):
            raise BadInput(
                f"{file.name} is not the index that was made for this memory; make it again with build_index()."
            )
        self._index = _empty(facts.width)
        self._index.load(str(file))
        self._generation, self._width = facts.generation, facts.width
        self._later = KeysOfFile(database, after=int(said["index_last"]))

    def nearest(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids, distances (squared, mean over P·D) and latents of nearly the nearest, nearest first.

        Args:
            query: float16 `[P·D]`.
            count: how many.
        """
        later = self._later.current()
        if self._later.generation != self._generation:
            raise BadInput(
                f"{self._database.path.name} has forgotten since its index was made; make it with build_index()."
            )
        proposed = [int(each) for each in self._index.search(query, PROPOSED * count, threads=1).keys]
        marks = ", ".join("?" * len(proposed))
        rows = self._database.rows(f"SELECT id, latent FROM moments WHERE id IN ({marks})", proposed)
        places, _ = later.nearest(query, count)
        ids = np.array([*(row[0] for row in rows), *later.ids[places]], np.int64)
        latents = np.concatenate([latents_of([row[1] for row in rows], self._width), later.latents[places]])
        order, distances = nearest_first(query, latents, ids, count)
        return ids[order], distances, latents[order]


def _empty(width: int) -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise MissingExtra(
            "a side index needs usearch, which is not installed: pip install 'gedanken[index]'"
        ) from error
    return Index(ndim=width, metric="l2sq", dtype="f16", connectivity=16, expansion_add=128, expansion_search=128)


def _all_latents(database: Database, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    last = 0
    while rows := database.rows("SELECT id, latent FROM moments WHERE id > ? ORDER BY id LIMIT ?", (last, _AT_ONCE)):
        last = rows[-1][0]
        yield np.array([row[0] for row in rows], np.int64), latents_of([row[1] for row in rows], width)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()

"""Episodic memory: what was seen, kept in one SQLite file for good, and found again by what it resembles.

`write` returns after the commit, so what it acknowledged is there after `kill -9`. One process writes and any number read,
each with a memory that it opened itself. A memory holds the latents of one encoder, named by its fingerprint; the key of a
moment is its latent `[P, D]`, flattened, as float16.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn
from uuid import uuid4

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.memory import forgetting
from gedanken.memory.database import Database
from gedanken.memory.facts import Facts, read_facts
from gedanken.memory.opening import opened_to_read, opened_to_write
from gedanken.memory.reading import MemoryInfo, check_whole, information, remembered
from gedanken.memory.retrieval import KeysOfFile, recalled
from gedanken.memory.side_index import SideIndex, build
from gedanken.memory.turn import Turn
from gedanken.memory.writing import Writing
from gedanken.types import Moment, Provenance, Recalled, Remembered


class EpisodicMemory:
    """A `Memory` on disk; make one with `open` or `reader`, and close it or use it in a `with` block."""

    def __init__(self, database: Database, turn: Turn | None, fingerprint: str | None, writing: Writing | None) -> None:
        self.database, self._turn, self._fingerprint, self._writing = database, turn, fingerprint, writing
        self._keys = KeysOfFile(database)
        self._index: SideIndex | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        fingerprint: str | None = None,
        *,
        run: str | None = None,
        provenance: Provenance | None = None,
        cap: int | None = None,
        full_sync: bool = False,
    ) -> EpisodicMemory:
        """The memory at `path`, to write and to read; made where there is none.

        Args:
            path: one file; SQLite keeps its log beside it while it is open.
            fingerprint: of the encoder, as `gedanken.encoders.fingerprint` gives it. Without one nothing can be written or
                searched, only read and forgotten.
            run: a name for what this process writes; by default the time and a random number.
            provenance: where all that is written comes from.
            cap: bytes the file may use, at least 1 MB, kept in the file. When it is reached the oldest hundredth of the
                moments goes, in order of writing, whatever is in it. None leaves what the file says; 0 lifts it.
            full_sync: each commit waits for the disk, and so survives a loss of power and not only of the process.
        Raises:
            BadInput: the memory holds latents of another encoder.
            BadMemoryFile: the file is no memory, damaged, or newer than this library.
            StorageError: another process writes to it, or the disk refuses.
        """
        file = Path(path)
        if cap is not None and not (cap == 0 or cap >= 1 << 20):
            raise BadInput(f"cap={cap} bytes is too small to remember in; give at least {1 << 20}, or 0 for no limit.")
        turn = Turn(file)
        try:
            database = opened_to_write(file, fingerprint, cap=cap, full_sync=full_sync)
            with database.closed_on_error():
                name = run or f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}-{uuid4().hex[:6]}"
                return cls(database, turn, fingerprint, Writing(database, name, provenance or Provenance()))
        except BaseException:
            turn.give_back()
            raise

    @classmethod
    def reader(cls, path: str | os.PathLike[str], fingerprint: str | None = None) -> EpisodicMemory:
        """The memory at `path`, to read only, also while another process writes to it.

        Raises:
            BadInput, BadMemoryFile, StorageError: as for `open`; nothing is made or changed.
        """
        return cls(opened_to_read(Path(path), fingerprint), None, fingerprint, None)

    def __len__(self) -> int:
        return self.database.number("SELECT count(*) FROM moments")

    @property
    def path(self) -> Path:
        """The file."""
        return self.database.path

    @property
    def run(self) -> str | None:
        """The name of what this process writes; None for a reader."""
        return self._writing.run if self._writing else None

    def write(self, moments: Sequence[Moment]) -> list[int]:
        """Keep moments, all or none; on return they are committed. Their ids.

        Many at once cost less: docs/memory.md has the figures.

        Raises:
            BadInput, ShapeError, NonFinite: a moment cannot be kept; none of them was.
            StorageError: the disk is full or refuses; none of them was kept.
        """
        self._check_encoder()
        return self._check_writer("write to it").add(moments)

    def nearest(self, latents: Float[Tensor, "B P D"], count: int = 10, *, exact: bool = True) -> Recalled:
        """The `count` moments of least squared distance to each latent, what others wrote meanwhile included.

        Args:
            latents: of the encoder that the memory was opened with.
            count: K; fewer come back where fewer are remembered.
            exact: True compares all keys, which the first call reads into memory (about 400 bytes a moment at P·D = 128). False
                asks the side index of `build_index`, which takes less memory and may miss some.
        Raises:
            ShapeError, NonFinite, BadInput: what was asked cannot be compared with what is remembered.
            BadMemoryFile: a moment is not as it was written.
        """
        self._check_encoder()
        if count < 1:
            raise BadInput(f"count={count} memories were asked for; ask for at least 1.")
        if latents.dim() != 3 or not latents.numel():
            raise ShapeError(f"the latents have shape {tuple(latents.shape)}; expected [B, P, D].")
        if not bool(torch.isfinite(latents.to(torch.float16)).all()):
            raise NonFinite("a latent holds NaN, infinity or more than float16 has; only finite latents are compared.")
        shape = self.facts().shape
        if shape not in (None, tuple(latents.shape[1:])):
            raise ShapeError(f"the latents have shape {tuple(latents.shape)}; this memory keeps [P, D] = {shape}.")
        if not exact and self._index is None:
            self._index = SideIndex(self.database)
        return recalled(self._keys.nearest if exact or self._index is None else self._index.nearest, latents, count)

    def build_index(self) -> int:
        """Make the side index of all moments there are, for `nearest(..., exact=False)`; how many. Needs the extra `index`."""
        self._check_writer("make its index")
        made, self._index = build(self.database), None
        return made

    def recent(self, count: int = 10) -> list[Remembered]:
        """The moments written last, oldest first."""
        ids = self.database.rows("SELECT id FROM moments ORDER BY id DESC LIMIT ?", (count,))
        return self.read([row[0] for row in reversed(ids)])

    def read(self, ids: Sequence[int]) -> list[Remembered]:
        """Moments by their ids, in that order; raises `BadInput` where one is not there (any more)."""
        return remembered(self.database, ids)

    def keys(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids and flattened latents of all moments: `[n]` ascending, and float16 `[n, P·D]`."""
        keys = self._keys.current()
        return keys.ids, keys.latents

    def count(
        self,
        *,
        episode: str | None = None,
        run: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> int:
        """How many moments `forget` would erase."""
        condition, values = forgetting.selection(episode, run, since, until)
        return self.database.number(f"SELECT count(*) FROM moments WHERE {condition}", values)

    def forget(
        self,
        *,
        episode: str | None = None,
        run: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> int:
        """Erase the moments that fit all that is given (`since <= time < until`); how many there were.

        On return no byte of their latents, actions and thumbnails is left in the memory's files. That takes writing the file
        anew, so its time grows with what remains.

        Raises:
            BadInput: nothing was given, or the memory was opened for reading.
            StorageError: rows are forgotten, but their bytes could not be overwritten yet (see the message).
        """
        writing = self._check_writer("forget in it")
        condition, values = forgetting.selection(episode, run, since, until)
        try:
            return forgetting.forget(self.database, condition, values)
        finally:  # whatever came of it, what was known of the file's content is not known any more
            self._keys, self._index = KeysOfFile(self.database), None
            self._writing = Writing(self.database, writing.run, writing.provenance)

    def facts(self) -> Facts:
        """What holds for all of it now."""
        with self.database.complaints():
            return read_facts(self.database.connection, self.path.name)

    def info(self) -> MemoryInfo:
        """Counts, span, size and whose latents these are."""
        return information(self.database)

    def check(self) -> None:
        """Read every byte in use and raise `BadMemoryFile` where one is not as it was written."""
        check_whole(self.database)

    def close(self) -> None:
        """Give the file back; closing twice does nothing."""
        self.database.close()
        if self._turn is not None:
            self._turn.give_back()

    def __enter__(self) -> EpisodicMemory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise BadInput(f"a memory belongs to the process that opened it; open {self.path.name} again in the other one.")

    def _check_encoder(self) -> None:
        if self._fingerprint is None:
            raise BadInput(f"{self.path.name} was opened without saying whose latents these are; give a fingerprint.")

    def _check_writer(self, what: str) -> Writing:
        if self._writing is None:
            raise BadInput(f"{self.path.name} was opened for reading; use EpisodicMemory.open to {what}.")
        return self._writing

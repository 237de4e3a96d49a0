"""The keys of a memory's file, read once and then kept in step with what its writer adds, evicts and forgets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadMemoryFile
from gedanken.memory.database import Database
from gedanken.memory.facts import read_facts
from gedanken.memory.keys import Keys
from gedanken.memory.rows import check_row, latents_of
from gedanken.types import Recalled

Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""A float16 query `[P·D]` and a count → ids, distances and latents of what is nearest, nearest first."""

_COLUMNS = "id, episode, time, action, latent, surprise, checksum"
_AT_ONCE = 20_000


class KeysOfFile:
    """Keys that follow the file of `database`, or those of them whose ids come after `after`."""

    def __init__(self, database: Database, after: int = 0) -> None:
        self._database, self._after = database, after
        self.generation = 0
        self._keys: Keys | None = None
        self._seen: tuple[int, int] | None = None

    def forget(self) -> None:
        """Read all of them again next time."""
        self._keys = None

    def current(self) -> Keys:
        """All keys that the file holds now.

        Raises:
            BadMemoryFile: a row is not as it was written.
        """
        # SQLite counts for us what other connections changed, and `total_changes` what this one did.
        seen = (self._database.number("PRAGMA data_version"), self._database.connection.total_changes)
        if self._keys is None or seen != self._seen:
            self._follow()
            self._seen = seen
        assert self._keys is not None
        return self._keys

    def nearest(self, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The exact nearest of all keys, as a `Search`."""
        keys = self.current()
        places, distances = keys.nearest(query, count)
        return keys.ids[places], distances, keys.latents[places]

    def _follow(self) -> None:
        with self._database.transaction() as connection:
            facts = read_facts(connection, self._database.path.name)
            if self._keys is None or (facts.width, facts.generation) != (self._keys.width, self.generation):
                self._keys, self.generation = Keys(facts.width), facts.generation
            keys, last = self._keys, self._after
            if len(keys):
                last = int(keys.ids[-1])
                first = connection.execute("SELECT min(id) FROM moments").fetchone()[0]
                keys.drop_below(last + 1 if first is None else first)
            found = connection.execute(f"SELECT {_COLUMNS} FROM moments WHERE id > ? ORDER BY id", (last,))
            while rows := found.fetchmany(_AT_ONCE):
                for row in rows:
                    check_row(row, 2 * facts.width)
                ids = np.array([row[0] for row in rows], np.int64)
                if ids[0] <= last or (np.diff(ids) <= 0).any():
                    raise BadMemoryFile(
                        f"{self._database.path.name} tells its moments in no order; the file is damaged."
                    )
                keys.append(ids, latents_of([row[4] for row in rows], facts.width))
                last = int(ids[-1])


def recalled(search: Search, queries: Float[Tensor, "B P D"], count: int) -> Recalled:
    """What `search` finds for each query."""
    batch, patches, width = queries.shape
    flat = queries.detach().cpu().reshape(batch, -1).float().numpy().astype(np.float16)
    ids, distances, latents = (np.stack(each) for each in zip(*(search(query, count) for query in flat), strict=True))
    return Recalled(
        ids=torch.from_numpy(ids),
        distances=torch.from_numpy(distances.astype(np.float32)),
        latents=torch.from_numpy(latents.astype(np.float32)).reshape(batch, -1, patches, width),
    )

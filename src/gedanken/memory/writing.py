"""Adding moments: checked and encoded first, then committed together or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from gedanken.memory import forgetting
from gedanken.memory.database import Database
from gedanken.memory.facts import read_facts, write_facts
from gedanken.memory.rows import check_moment, moment_row, thumbnail_sum
from gedanken.memory.thumbnail import encoded
from gedanken.types import Moment, Provenance


class Writing:
    """How one run adds to a memory.

    Args:
        database: opened to write.
        run: name of what this process writes.
        provenance: where all of it comes from.
    """

    def __init__(self, database: Database, run: str, provenance: Provenance) -> None:
        self.run, self.provenance = run, provenance
        self._database = database
        self._provenance = json.dumps(asdict(provenance))
        self._facts = read_facts(database.connection, database.path.name)
        self._episodes: dict[str, int] = {}
        self._last = database.number("SELECT seq FROM sqlite_sequence WHERE name = 'moments'")
        self._count = database.number("SELECT count(*) FROM moments") if self._facts.cap else 0

    def add(self, moments: Sequence[Moment]) -> list[int]:
        """Commit moments; their ids."""
        if not moments:
            return []
        shape = self._facts.shape or (int(moments[0].latent.shape[0]), int(moments[0].latent.shape[-1]))
        for moment in moments:
            check_moment(moment, shape)
        pictures = [None if each.pixels is None else encoded(each.pixels) for each in moments]
        first = self._last + 1
        with self._database.transaction() as connection:
            if self._facts.shape is None:
                write_facts(connection, patches=shape[0], width=shape[1])
            episodes = self._numbered(connection, moments)
            rows = [moment_row(first + k, episodes[each.episode], each) for k, each in enumerate(moments)]
            thumbnails = [
                (first + k, picture, thumbnail_sum(first + k, picture))
                for k, picture in enumerate(pictures)
                if picture is not None
            ]
            connection.executemany("INSERT INTO moments VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.executemany("INSERT INTO thumbnails VALUES (?, ?, ?)", thumbnails)
            gone = 0
            if self._facts.cap:
                gone = forgetting.evict(connection, self._facts.cap, self._count, first)
            facts = self._facts if self._facts.shape else read_facts(connection, self._database.path.name)
        # Only what was committed is believed.
        self._facts, self._last, self._count = facts, first + len(rows) - 1, self._count + len(rows) - gone
        self._episodes = {} if gone else episodes
        return [row[0] for row in rows]

    def _numbered(self, connection: sqlite3.Connection, moments: Sequence[Moment]) -> dict[str, int]:
        """The number of each episode, the new ones inserted."""
        known = dict(self._episodes)
        for name in dict.fromkeys(moment.episode for moment in moments):
            if name in known:
                continue
            found = connection.execute(
                "SELECT id FROM episodes WHERE run = ? AND name = ?", (self.run, name)
            ).fetchone()
            if found is None:
                row = (self.run, name, self._provenance)
                made = connection.execute(
                    "INSERT INTO episodes (run, name, provenance) VALUES (?, ?, ?)", row
                ).lastrowid
                assert made is not None
                known[name] = made
            else:
                known[name] = int(found[0])
        return known

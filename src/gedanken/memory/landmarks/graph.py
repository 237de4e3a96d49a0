"""A graph over remembered latents that finds the next place on a way, and learns which ways do not hold.

Landmarks are chosen by farthest point (Gonzalez 1985) in a learned number of steps, as in search on the replay buffer
(arXiv:1906.05253) and sparse graphical memory (arXiv:2003.06417). What is learned is wrong somewhere, and a graph finds the one
wrong way that shortens all: so long ways are distrusted, and one that failed costs more until it succeeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, ShapeError
from gedanken.memory.episodic import EpisodicMemory
from gedanken.memory.facts import write_facts
from gedanken.memory.forgetting import delete_landmarks
from gedanken.memory.landmark_rows import read_landmarks, read_ways, write_landmarks, write_ways
from gedanken.memory.landmarks.choosing import StepsBetween, farthest_first
from gedanken.memory.landmarks.config import LandmarkConfig
from gedanken.memory.landmarks.ways import all_ways, cost_of, left_from
from gedanken.types import Route


class LandmarkGraph:
    """A `contracts.Landmarks` in the file of a memory, there again when the memory is opened again.

    Args:
        memory: whose moments are landmarks; opened to write, or to route only.
        steps: what was learned of distance.
        fingerprint: of what was learned. A graph whose steps something else predicted is made anew over the same landmarks, and
            forgets what failed.
        config: how landmarks are chosen and ways believed.
    """

    def __init__(
        self, memory: EpisodicMemory, steps: StepsBetween, fingerprint: str, config: LandmarkConfig | None = None
    ) -> None:
        self.memory, self.config = memory, config or LandmarkConfig()
        self._steps, self._fingerprint = steps, fingerprint
        self._read()

    def __len__(self) -> int:
        self._follow()
        return len(self._ids)

    @property
    def ids(self) -> list[int]:
        """The moments that are landmarks, ascending."""
        self._follow()
        return self._ids.tolist()

    def propose(self, ids: Sequence[int]) -> int:
        """Offer remembered moments: the farthest from all landmarks becomes one, and again, as long as it is far enough.

        Raises:
            BadInput: the memory was opened for reading, or a moment is not there.
            BadMemoryFile, StorageError: as for `EpisodicMemory`.
        """
        self._check_writer()
        self._follow()
        offered = sorted(set(ids) - set(self._ids.tolist()))
        if not offered or len(self._ids) >= self.config.largest:
            return 0
        latents = torch.stack([each.moment.latent for each in self.memory.read(offered)])
        room = self.config.largest - len(self._ids)
        chosen = farthest_first(latents, self._latents, self._steps, self.config.apart, room)
        if chosen:
            self._add([offered[each] for each in chosen], latents[chosen])
        return len(chosen)

    def route(
        self,
        now: Float[Tensor, "B P D"],
        goal: Float[Tensor, "goals P D"],
        missed: Tensor | None = None,
        keep: Tensor | None = None,
    ) -> Route:
        """The next place on the cheapest way to each goal; the goal itself where it is within trust, or no way is known.

        Args:
            now, goal: latents.
            missed: landmarks near which heading straight for the goal failed `[B, M]`, once for each time and filled up with -1;
                from there the goal is not trusted any more.
            keep: makes no difference here: a table of all ways serves every row.
        Raises:
            ShapeError: there is not one goal for each latent now.
        """
        if now.shape != goal.shape:
            raise ShapeError(
                f"now has latents {tuple(now.shape)} and the goals {tuple(goal.shape)}; give one goal each."
            )
        self._follow()
        rows, direct = range(len(now)), _diagonal(self._steps, now, goal)
        none = torch.full((len(now),), -1)
        if not len(self._ids):
            return Route(goal, none, none, torch.from_numpy(direct), torch.from_numpy(self._cost(direct)))
        there = self._steps(now, self._latents).numpy().astype(np.float64)  # [B, n]
        source = there.argmin(1)
        failed = np.zeros((len(self._ids), len(now)), np.int64)
        if missed is not None:
            failed = (self._ids[:, None, None] == missed.numpy()).sum(2)  # [n, B]
        last = cost_of(self._steps(self._latents, goal).numpy().astype(np.float64), failed, self.config)
        left = left_from(self._ways, last)  # [n, B]
        # Who is nearly at a landmark meets the same walls on the way to the next one.
        cost = cost_of(there, self._failed[source], self.config) + left.T
        best = cost.argmin(1)
        cheapest, straight = cost[rows, best], cost_of(direct, failed[source, rows], self.config)
        itself = (
            ((direct <= self.config.direct) & (failed[source, rows] == 0))
            | (straight <= cheapest)
            | ~np.isfinite(cheapest)
        )
        choice = torch.from_numpy(itself)
        return Route(
            aims=torch.where(choice[:, None, None], goal, self._latents[best]),
            target=torch.where(choice, none, torch.from_numpy(self._ids[best])),
            source=torch.from_numpy(self._ids[source]),
            steps=torch.from_numpy(np.where(itself, direct, there[rows, best])),
            left=torch.from_numpy(np.where(itself, straight, cheapest)),
        )

    def judge(self, source: int, target: int, arrived: bool) -> None:
        """A way that failed costs more, and as before once it succeeds; committed when this returns.

        Raises:
            BadInput: the memory was opened for reading.
            StorageError: the disk refuses.
        """
        self._check_writer()
        self._follow()
        place = {id: row for row, id in enumerate(self._ids.tolist())}
        if source not in place or target not in place or source == target:
            return  # one of them was forgotten meanwhile
        one, other = place[source], place[target]
        failed = 0 if arrived else int(self._failed[one, other]) + 1
        if failed == self._failed[one, other]:
            return
        with self.memory.database.transaction() as connection:
            write_ways(connection, [(source, target, float(self._between[one, other]), failed)])
        self._failed[one, other] = failed
        self._find_ways()

    def _add(self, ids: list[int], latents: Tensor) -> None:
        """Commit new landmarks with all ways to and from them, and only then believe them."""
        known = len(self._ids)
        every = torch.cat([self._latents, latents]) if known else latents
        between = np.full((len(every), len(every)), np.inf)
        between[:known, :known] = self._between
        between[known:] = self._steps(latents, every).numpy()
        between[:, known:] = self._steps(every, latents).numpy()
        all_ids = np.concatenate([self._ids, np.array(ids, np.int64)])
        rows, columns = np.nonzero(between <= self.config.reach)
        new = (np.maximum(rows, columns) >= known) & (rows != columns)
        with self.memory.database.transaction() as connection:
            write_landmarks(connection, ids)
            pairs = zip(rows[new].tolist(), columns[new].tolist(), strict=True)
            write_ways(connection, [(int(all_ids[a]), int(all_ids[b]), float(between[a, b]), 0) for a, b in pairs])
            write_facts(connection, steps_by=self._fingerprint)
        self._read()

    def _read(self) -> None:
        """All that the file keeps; made anew where something else predicted its steps."""
        database = self.memory.database
        said = database.rows("SELECT value FROM facts WHERE name = 'steps_by'")
        ids = read_landmarks(database)
        if ids and said and said[0][0] != self._fingerprint:
            self._made_anew(ids)
            return
        self._generation = self.memory.facts().generation
        self._ids = np.array(ids, np.int64)
        self._latents = torch.stack([each.moment.latent for each in self.memory.read(ids)]) if ids else torch.empty(0)
        self._between = np.full((len(ids), len(ids)), np.inf)
        self._failed = np.zeros((len(ids), len(ids)), np.int64)
        place = {id: row for row, id in enumerate(ids)}
        for source, target, steps, failed in read_ways(database):
            self._between[place[source], place[target]] = steps
            self._failed[place[source], place[target]] = failed
        self._find_ways()

    def _made_anew(self, ids: list[int]) -> None:
        if self.memory.run is None:
            raise BadInput(
                f"the landmarks of {self.memory.path.name} were joined by steps that another model predicted; open the memory to "
                "write, which joins them anew."
            )
        latents = torch.stack([each.moment.latent for each in self.memory.read(ids)])
        with self.memory.database.transaction() as connection:
            delete_landmarks(connection)
            write_facts(connection, steps_by=self._fingerprint)
        self._read()
        self._add(ids, latents)

    def _check_writer(self) -> None:
        if self.memory.run is None:
            raise BadInput(
                f"{self.memory.path.name} was opened for reading; open it to write to learn ways through it."
            )

    def _follow(self) -> None:
        """Read all of it again where landmarks were forgotten or evicted, or another process made some."""
        count = self.memory.database.number("SELECT count(*) FROM landmarks")
        if count != len(self._ids) or self.memory.facts().generation != self._generation:
            self._read()

    def _find_ways(self) -> None:
        self._ways = all_ways(cost_of(self._between, self._failed, self.config))

    def _cost(self, steps: np.ndarray) -> np.ndarray:
        return cost_of(steps, np.zeros(steps.shape, np.int64), self.config)


def _diagonal(steps: StepsBetween, now: Tensor, goal: Tensor) -> np.ndarray:
    """The steps from each latent to its own goal."""
    found = [steps(now[row, None], goal[row, None])[0, 0] for row in range(len(now))]
    return torch.stack(found).numpy().astype(np.float64)

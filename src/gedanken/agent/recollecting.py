"""What an agent recalls before it thinks: its model says what to look for, the memory finds it, the agent knows when and how far.

How long ago a memory is follows from the times that were written; how far one has come since, from one's own actions summed. That
sum is known for this run alone: who wakes again does not know how far it was carried while it slept.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.contracts import Memory, WorldModel
from gedanken.types import Recollection


@runtime_checkable
class RecallingModel(Protocol):
    """A world model that may predict with the help of memories."""

    def asked(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"] | None:
        """What to look for in a memory; None where it recalls nothing."""
        ...


class Reckoning:
    """How far each row of a batch has come, by its own actions, at each moment of this run that was kept.

    Stretches in which nothing was done take one entry, however many moments they are.
    """

    def __init__(self, rows: int, width: int) -> None:
        self.travelled = torch.zeros(rows, width)
        self._firsts: list[int] = []
        self._entries: list[tuple[int, Tensor]] = []

    def note(self, ids: Sequence[int]) -> None:
        """These moments, one a row and then again from the first row, were seen where each row is now."""
        if list(ids) != list(range(ids[0], ids[0] + len(ids))):
            return  # a memory of another kind may number as it likes; where these were seen stays unknown
        last = self._entries[-1] if self._entries else None
        if last is not None and ids[0] == last[0] + 1 and last[1].equal(self.travelled):
            self._entries[-1] = (ids[-1], last[1])
            return
        self._firsts.append(ids[0])
        self._entries.append((ids[-1], self.travelled))

    def move(self, actions: Float[Tensor, "B A"]) -> None:
        """Each row does this."""
        if bool(actions.any()):
            self.travelled = self.travelled + actions

    def since(self, id: int, row: int) -> Float[Tensor, " A"]:
        """What `row` has done since that moment, summed; NaN where the moment is not its own, or of another run."""
        place = bisect_right(self._firsts, id) - 1
        unknown = torch.full_like(self.travelled[row], torch.nan)
        if place < 0:
            return unknown
        last, then = self._entries[place]
        mine = (id - self._firsts[place]) % len(self.travelled) == row
        return self.travelled[row] - then[row] if id <= last and mine else unknown


def recollected(
    model: WorldModel, memory: Memory | None, seen: Float[Tensor, "B P D"], reckoning: Reckoning, now: float
) -> Recollection | None:
    """What the model wants recalled of `memory` before it predicts from what is seen; None where it wants nothing.

    Always K memories a row, so that agents can think side by side; where there are fewer, the rest is marked as none.

    Args:
        model: asks.
        memory: is asked.
        seen: latents of now.
        reckoning: of this run.
        now: the time, as moments have it.
    """
    if memory is None or not isinstance(model, RecallingModel) or (asked := model.asked(seen)) is None:
        return None
    width, count = model.frame_skip * model.action.width, int(getattr(model, "recalls", 1))
    found = memory.nearest(asked, count) if len(memory) else None
    batch, have = len(seen), 0 if found is None else found.ids.shape[1]
    latents = seen.new_zeros(batch, count, *seen.shape[1:])
    distances, ages = seen.new_full((batch, count), torch.inf), seen.new_zeros(batch, count)
    moves = seen.new_full((batch, count, width), torch.nan)
    if found is not None and have:
        latents[:, :have], distances[:, :have] = found.latents, found.distances
        second = (model.action.rate_hz or model.frame_skip) / model.frame_skip  # model steps
        for row, ids in enumerate(found.ids.tolist()):
            times = torch.tensor([each.moment.time for each in memory.read(ids)], dtype=torch.float64)
            ages[row, :have] = ((now - times) * second).clamp_min(0).float()
            moves[row, :have] = torch.stack([reckoning.since(id, row) for id in ids])
    return Recollection(latents, distances, ages, moves)

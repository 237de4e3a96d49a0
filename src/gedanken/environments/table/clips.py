"""Clips to learn from: what may happen on a table, and nothing else.

They are the possible halves of the ten properties' scenes, in both contexts, drawn by other names than any clip that is scored.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gedanken import __version__
from gedanken.environments.table.properties import PROPERTIES
from gedanken.environments.table.render import render
from gedanken.environments.table.scene import played
from gedanken.environments.table.splits import PARTS, VERSION, Draw
from gedanken.environments.table.state import stacked
from gedanken.environments.table.world import Table
from gedanken.errors import BadInput, unknown_name
from gedanken.types import Episode, Provenance


def possible_clips(count: int, *, first: int = 0, split: str = "id", part: str = "train") -> Iterator[Episode]:
    """Possible clips of 32 frames, one by one, the properties in turn; the same numbers are the same pixels.

    Args:
        count: how many.
        first: number of the first; clip k does not depend on where one starts.
        split: what they are drawn from; models that are to be scored learn from `id` alone.
        part: `train`, `dev` or `test`.
    Raises:
        BadInput: a number below 0.
        UnknownName: no such split or part.
    """
    if count < 0 or first < 0:
        raise BadInput(f"count={count} and first={first} must be 0 or more.")
    if part not in PARTS:
        raise unknown_name("part", part, PARTS)
    world, names = Table(), list(PROPERTIES)
    for number in range(first, first + count):
        turn, place = divmod(number, len(names))
        draw = Draw(split, f"{part}/clip/{names[place]}/{turn}")
        scene = PROPERTIES[names[place]](draw)
        scene = scene.mirrored() if draw.split.mirrored else scene
        context = draw.random.randrange(2)
        rows, done = played(scene.starts[context], scene.actions[context]), scene.actions[context]
        provenance = Provenance(
            source=f"{world.id}:possible",
            licence="CC0-1.0",
            note=f"version={VERSION} split={split} part={part} number={number} property={names[place]} context={'AB'[context]}",
            ingested_by=f"gedanken {__version__}",
        )
        pixels = render(stacked(rows)).numpy()
        yield Episode({"pixels": pixels}, np.array(done), world.streams, world.action, provenance=provenance)

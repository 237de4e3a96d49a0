"""What a table world's state holds, and one world before it becomes a row of a batch.

Lengths in px of the 64 px picture, x to the right, y downwards; velocities in px/s, angles in rad, spins in rad/s; a
frame lasts 1/12 s. Every entry is float32, codes and flags too: a manifest keeps numbers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

FRAME_RATE = 12.0
FLOOR = 57.0  # y of the floor's surface, where none is given
GRAVITY = 158.0  # px/s², so that a fall from the table's edge takes about half a second
OBJECTS = 3  # places for things
SHARDS = 5  # places for what is left of a broken one, behind them
PLACES = OBJECTS + SHARDS
SLABS = 4
CURTAINS = 2

ABSENT, TABLE, SHELF, WALL, LEG = 0, 1, 2, 3, 4
"""Kinds of slab; a leg is drawn and nothing collides with it."""

PLAIN, GLASS, STEEL = 0, 1, 2
"""Materials: glass breaks where it is struck hard enough."""

RAISED = -24.0  # y of a finger that is out of the picture

PHYSICAL: Mapping[str, tuple[int, ...]] = {
    "position": (PLACES, 2),
    "velocity": (PLACES, 2),
    "angle": (PLACES,),
    "spin": (PLACES,),
    "present": (PLACES,),  # 1 where the place is taken
    "shape": (PLACES,),
    "size": (PLACES,),  # px from the centre of mass to where a unit shape ends
    "material": (PLACES,),
    "friction": (PLACES,),
    "bounce": (PLACES,),  # coefficient of restitution
    "slab": (SLABS, 4),  # x0, y0, x1, y1
    "slab_kind": (SLABS,),
    "curtain": (CURTAINS, 4),  # x0, x1, height, and y of the lower edge once it is down
    "curtain_times": (CURTAINS, 3),  # frame it begins to fall, frame it begins to rise, y it rises to
    "finger": (2,),
    "holding": (),  # 1 + the place of what is held, or 0
    "floor": (),
    "gravity": (),
    "clock": (),  # frames since the start
}
"""Entries that decide what happens, with the shape of one world's."""

LOOKS: Mapping[str, tuple[int, ...]] = {
    "color": (PLACES, 3),  # 0 to 255
    "texture": (PLACES,),
    "background": (3,),
    "surface": (3,),  # of floor and slabs
    "curtain_color": (3,),
    "light": (2,),  # grey levels that the picture gains from left to right, and from top to bottom
    "texture_amplitude": (),  # grey levels of the background's texture
    "texture_seed": (),
    "noise": (),  # grey levels of the noise of a frame
    "noise_seed": (),
    "camera": (2,),  # px by which everything is seen shifted
}
"""Entries that physics never reads."""

Row = dict[str, np.ndarray]
"""One world: the entries above, as float32 arrays."""


def empty_row() -> Row:
    """A world of floor alone."""
    row = {name: np.zeros(shape, dtype=np.float32) for name, shape in {**PHYSICAL, **LOOKS}.items()}
    row["size"][:] = 1.0
    row["finger"][:] = (32.0, RAISED)
    row["floor"][...], row["gravity"][...] = FLOOR, GRAVITY
    row["curtain_times"][:] = (1e4, 1e4, 0.0)
    return row


def stacked(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Worlds as a batch: entries `[B, ...]`."""
    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}


def copied(row: Row) -> Row:
    """A world of its own."""
    return {name: values.copy() for name, values in row.items()}

"""Set a scene up: put things, slabs and curtains into one world, one line each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gedanken.environments.table.shapes import SHAPES, SHARD
from gedanken.environments.table.state import GLASS, OBJECTS, PLAIN, SHARDS, Row, empty_row


class Stage:
    """One world in the making; `row` is what it is so far.

    Args:
        look: entries of its looks.
        floor: y of the floor.
        gravity: px/s².
    """

    def __init__(self, look: Row, floor: float, gravity: float) -> None:
        self.row = {**empty_row(), **{name: values.copy() for name, values in look.items()}}
        self.row["floor"][...], self.row["gravity"][...] = floor, gravity

    def put(
        self,
        place: int,
        shape: int,
        size: float,
        at: tuple[float, float],
        *,
        velocity: tuple[float, float] = (0.0, 0.0),
        material: int = PLAIN,
        friction: float = 0.5,
        bounce: float = 0.1,
    ) -> None:
        """Put a thing at `at`, its centre of mass; a glass brings the shards it may become."""
        row = self.row
        row["present"][place], row["shape"][place], row["size"][place] = 1.0, shape, size
        row["position"][place], row["velocity"][place] = at, velocity
        row["material"][place], row["friction"][place], row["bounce"][place] = material, friction, bounce
        if material == GLASS:
            shards = slice(OBJECTS, OBJECTS + SHARDS)
            row["shape"][shards], row["size"][shards] = SHARD, 0.5 * size
            row["friction"][shards], row["bounce"][shards] = 0.5, 0.2
            row["color"][shards], row["texture"][shards] = row["color"][place], row["texture"][place]

    def slab(self, place: int, kind: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """A board of the scenery."""
        self.row["slab"][place], self.row["slab_kind"][place] = (x0, y0, x1, y1), kind

    def curtain(
        self,
        place: int,
        x0: float,
        x1: float,
        bottom: float,
        *,
        top: float = -40.0,
        falls: int = 4,
        rises: int = 10_000,
        to: float = 0.0,
    ) -> None:
        """A board that falls in front of the scene at frame `falls` and rises at frame `rises` until its edge is at y = `to`."""
        self.row["curtain"][place] = (x0, x1, bottom - top, bottom)
        self.row["curtain_times"][place] = (falls, rises, to)

    @property
    def hem(self) -> float:
        """y of the lower edge of a curtain that hides the floor too: an edge upon the floor's would let some of it through."""
        return float(self.row["floor"]) + 3.0

    def finger(self, x: float, y: float, holding: int | None = None) -> None:
        """The finger's tip, and the place of what it holds."""
        self.row["finger"][:] = (x, y)
        self.row["holding"][...] = 0.0 if holding is None else holding + 1.0


def standing(shape: int, size: float, ground: float) -> float:
    """y of a thing's centre of mass where it stands upright on `ground`."""
    return ground - size * SHAPES[shape].bottom


def actions(
    steps: int, moves: Sequence[tuple[int, int, float, float]] = (), grips: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """The finger's actions `[steps, 3]`: `moves` of (from frame, to frame, x, y px a frame), a hand closed over `grips`."""
    done = np.zeros((steps, 3), dtype=np.float32)
    done[:, 2] = -1.0
    for first, last, x, y in moves:
        done[first:last, :2] += (x, y)
    done[grips[0] : grips[1], 2] = 1.0
    return done


def mirrored(row: Row, about: float = 64.0) -> Row:
    """The same world seen from behind: left and right exchanged."""
    row = {name: values.copy() for name, values in row.items()}
    row["position"][:, 0] = about - row["position"][:, 0]
    row["finger"][0] = about - row["finger"][0]
    row["velocity"][:, 0] *= -1
    row["angle"][:], row["spin"][:] = -row["angle"], -row["spin"]
    for name in ("slab", "curtain"):
        right = 2 if name == "slab" else 1
        row[name][:, [0, right]] = about - row[name][:, [right, 0]]
    return row

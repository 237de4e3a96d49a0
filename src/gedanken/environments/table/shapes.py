"""Shapes of the things on the table: unions of convex polygons about their centre of mass, one unit across from there.

The same polygons collide and are drawn. A cup stands upside down: three thin walls collide, and it is drawn as a whole,
so that what it covers is not seen. Codes are stored in states as numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin

import numpy as np

Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y), y downwards."""

DISC, SQUARE, TRIANGLE, HEXAGON, BRICK = 0, 1, 2, 3, 4
STAR, ELL, CROSS, HOURGLASS = 5, 6, 7, 8
CUP, TUMBLER, SHARD = 9, 10, 11

TRAIN_SHAPES = (DISC, SQUARE, TRIANGLE, HEXAGON, BRICK)
NOVEL_SHAPES = (STAR, ELL, CROSS, HOURGLASS)
STANDING = {False: (SQUARE, HEXAGON, BRICK), True: (CROSS, HOURGLASS, ELL)}
"""Shapes that stand and slide without tipping, by whether they are novel."""

CUP_WALL = 0.2
"""Thickness of a cup's walls, in units of its size."""


@dataclass(frozen=True)
class Shape:
    """One shape.

    Args:
        solids: convex polygons that collide; none for a disc.
        outline: convex polygons that are drawn; none for a disc.
    """

    solids: tuple[Polygon, ...]
    outline: tuple[Polygon, ...]

    @property
    def bottom(self) -> float:
        """How far below the centre of mass the upright shape ends."""
        return max((y for part in self.solids for _, y in part), default=1.0)

    @property
    def half_width(self) -> float:
        """How far to the right of the centre of mass the upright shape ends."""
        return max((x for part in self.solids for x, _ in part), default=1.0)


def _box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _regular(corners: int, first: float) -> Polygon:
    return tuple((cos(first + 2 * pi * k / corners), sin(first + 2 * pi * k / corners)) for k in range(corners))


def _star() -> tuple[Polygon, ...]:
    """Two triangles; it stands on two of its six points."""
    return _regular(3, 0.0), _regular(3, pi)


def _of(*parts: Polygon, outline: tuple[Polygon, ...] | None = None) -> Shape:
    return Shape(parts, parts if outline is None else outline)


_W = CUP_WALL
SHAPES: dict[int, Shape] = {
    DISC: Shape((), ()),
    SQUARE: _of(_box(-0.85, -0.85, 0.85, 0.85)),
    TRIANGLE: _of(_regular(3, -pi / 2)),
    HEXAGON: _of(_regular(6, 0.0)),
    BRICK: _of(_box(-1.1, -0.6, 1.1, 0.6)),
    STAR: _of(*_star()),
    ELL: _of(_box(-0.65, -1.15, 0.05, 0.75), _box(0.05, 0.1, 1.05, 0.75)),
    CROSS: _of(_box(-0.35, -1.0, 0.35, 1.0), _box(-1.0, -0.35, 1.0, 0.35)),
    HOURGLASS: _of(
        ((-0.85, -0.95), (0.85, -0.95), (0.25, 0.0), (-0.25, 0.0)),
        ((-0.25, 0.0), (0.25, 0.0), (0.85, 0.95), (-0.85, 0.95)),
    ),
    CUP: _of(
        _box(-1.0, -1.0, 1.0, -1.0 + _W), _box(-1.0, -1.0, -1.0 + _W, 1.0), _box(1.0 - _W, -1.0, 1.0, 1.0),
        outline=(_box(-1.0, -1.0, 1.0, 1.25),),  # over the edge of what it stands on, or what is in it shines through

    ),
    TUMBLER: _of(((-0.65, -1.0), (0.65, -1.0), (0.75, 1.0), (-0.75, 1.0))),
    SHARD: _of(((-0.9, 0.5), (0.2, -1.0), (1.0, 0.6))),
}  # fmt: skip


@cache
def edges() -> tuple[np.ndarray, np.ndarray]:
    """Every drawn part as half-planes: outward normals `[shapes, parts, edges, 2]` and offsets `[shapes, parts, edges]`.

    A point p is inside a part where max over its edges of (n·p − offset) is below 0. Missing edges never are the largest;
    missing parts are inside nowhere. A disc has none.
    """
    parts = max(len(shape.outline) for shape in SHAPES.values())
    sides = max(len(part) for shape in SHAPES.values() for part in shape.outline)
    normals = np.zeros((len(SHAPES), parts, sides, 2), dtype=np.float32)
    offsets = np.full((len(SHAPES), parts, sides), -1e3, dtype=np.float32)
    for code, shape in SHAPES.items():
        for place, part in enumerate(shape.outline):
            offsets[code, place] = 1e3
            for k, (x, y) in enumerate(part):
                x1, y1 = part[(k + 1) % len(part)]
                length = ((x1 - x) ** 2 + (y1 - y) ** 2) ** 0.5
                normals[code, place, k] = ((y1 - y) / length, (x - x1) / length)
                offsets[code, place, k] = normals[code, place, k] @ (x, y)
    return normals, offsets

"""Mazes by number: a spanning tree of cells, drawn by a walk that backs up where it is stuck, and what follows from it.

A layout is a grid of zones, alternately walls' lines and cells' insides: `solid[2i+1, 2j+1]` is the inside of cell (i, j), never
solid, and a zone between two cells is solid where a wall parts them. Between two cells there is exactly one way. Numbers below
2^20 are layouts to train in, those from 2^20 on layouts to be tested in: a layout's own bits say which it is, so that no maze is
in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from zlib import crc32

import numpy as np

from gedanken.errors import BadInput

TEST = 1 << 20
"""The first number of a layout to be tested in."""
SMALLEST, LARGEST = 3, 13  # cells along a side


@dataclass(frozen=True)
class Layout:
    """One maze.

    Args:
        solid: bool `[2c+1, 2c+1]` of zones, rows first.
    """

    solid: np.ndarray

    @property
    def cells(self) -> int:
        """c, cells along a side."""
        return len(self.solid) // 2

    @cached_property
    def beside(self) -> list[list[int]]:
        """The cells that each cell has a passage to."""
        cells, solid = self.cells, self.solid.tolist()
        return [
            [
                (i + di) * cells + j + dj
                for di, dj in ((0, 1), (1, 0), (0, -1), (-1, 0))
                if not solid[2 * i + 1 + di][2 * j + 1 + dj]
            ]
            for i in range(cells)
            for j in range(cells)
        ]

    @cached_property
    def apart(self) -> np.ndarray:
        """Passages between each two cells `[c², c²]`, int16; cell (i, j) is number i·c + j."""
        apart = np.full((self.cells**2, self.cells**2), -1, np.int16)
        apart[0, 0], trail = 0, [0]
        for here in trail:
            for there in self.beside[here]:
                if apart[there, there] < 0:
                    known = apart[here] >= 0
                    apart[there, known] = apart[known, there] = apart[here, known] + 1
                    apart[there, there] = 0
                    trail.append(there)
        return apart

    def way(self, start: int, goal: int) -> list[int]:
        """The cells from `start` to `goal`, both included."""
        left, way = self.apart[goal].tolist(), [start]
        while way[-1] != goal:
            way.append(min(self.beside[way[-1]], key=left.__getitem__))
        return way


@lru_cache(maxsize=2048)
def layout_of(cells: int, number: int) -> Layout:
    """The maze of a number, the same for ever.

    Raises:
        BadInput: no such maze.
    """
    if not SMALLEST <= cells <= LARGEST or not 0 <= number < 2 * TEST:
        raise BadInput(
            f"cells={cells} must lie between {SMALLEST} and {LARGEST}, and the layout's number {number} "
            f"between 0 and {2 * TEST - 1}."
        )
    draw, wanted = Random(f"maze-v1 {cells} {number}"), number >= TEST
    while True:
        layout = _drawn(cells, draw)
        if is_test(layout) == wanted:
            return layout


def is_test(layout: Layout) -> bool:
    """Whether a maze is one to be tested in: a fifth of all are."""
    return crc32(np.packbits(layout.solid).tobytes()) % 5 == 0


def _drawn(cells: int, draw: Random) -> Layout:
    solid = np.ones((2 * cells + 1, 2 * cells + 1), bool)
    solid[1::2, 1::2] = False
    first = draw.randrange(cells), draw.randrange(cells)
    reached, trail = {first}, [first]
    while trail:
        i, j = trail[-1]
        beside = [(i + di, j + dj) for di, dj in ((0, 1), (1, 0), (0, -1), (-1, 0))]
        new = [(a, b) for a, b in beside if 0 <= a < cells and 0 <= b < cells and (a, b) not in reached]
        if not new:
            trail.pop()
            continue
        a, b = draw.choice(new)
        solid[i + a + 1, j + b + 1] = False
        reached.add((a, b))
        trail.append((a, b))
    return Layout(solid)

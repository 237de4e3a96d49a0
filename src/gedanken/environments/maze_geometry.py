"""A maze in px: its walls as blocks, and the one way between two points, exactly.

A maze of more cells is a larger world seen from farther away: walls, steps, goals and the dot shrink with the cells.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

from gedanken.environments.dot_blocks import Blocks, highest, lowest
from gedanken.environments.gates import Gate, Point, narrowed, taut
from gedanken.environments.maze_layout import LARGEST, SMALLEST, Layout, layout_of
from gedanken.errors import BadInput

_NOWHERE = -1e3  # a block that no dot meets: worlds of a batch have as many blocks each


@dataclass(frozen=True, kw_only=True)
class MazeConfig:
    """Lengths of a maze; pixel k covers [k - 0.5, k + 0.5].

    Args:
        cells: c, along each side; all lengths below that are not in px are in cells.
        scale: coordinates run from 0 to `scale - 1` on both axes, in px.
        border: index of the one-pixel border line, counted from each side.
        wall: thickness of a wall, in cells.
        stride: longest move of one environment step, in cells.
        nearness: a goal nearer than this is reached, in cells.
        clearance: how far from a surface the dot is stopped, in px.
        smallest_dot: the dot's sigma is never less than this, in px.
    """

    cells: int = 7
    scale: int = 65
    border: int = 4
    wall: float = 0.26
    stride: float = 0.164
    nearness: float = 0.41
    clearance: float = 0.01
    smallest_dot: float = 0.8

    def __post_init__(self) -> None:
        if not SMALLEST <= self.cells <= LARGEST:
            raise BadInput(f"cells={self.cells} must lie between {SMALLEST} and {LARGEST} along a side.")
        if not (0 < self.wall < 0.8 and 0 < self.stride < 0.5 and 0 < self.nearness <= 0.5 and self.clearance > 0):
            raise BadInput(
                f"wall={self.wall}, stride={self.stride}, nearness={self.nearness} (cells) and clearance={self.clearance} (px) "
                "must be above 0 and well below a cell."
            )

    @property
    def pitch(self) -> float:
        """Length of a cell in px, its share of the walls included."""
        return (self.scale - 2 - 2 * self.border) / self.cells

    @property
    def max_step(self) -> float:
        """Longest move of one environment step, in px."""
        return self.stride * self.pitch

    @property
    def goal_radius(self) -> float:
        """A goal nearer than this is reached, in px."""
        return self.nearness * self.pitch

    @property
    def low(self) -> float:
        """Smallest coordinate the dot can have."""
        return lowest(self.border, self.clearance)

    @property
    def high(self) -> float:
        """Largest coordinate the dot can have."""
        return highest(self.scale, self.border, self.clearance)


@lru_cache(maxsize=64)
def edges_of(config: MazeConfig) -> tuple[float, ...]:
    """Where the zones of a layout begin and end, 2c + 2 px; the first and the last are the border line."""
    half = config.wall * config.pitch / 2
    lines = [config.border + 0.5 + config.pitch * line for line in range(config.cells + 1)]
    inner = [edge for line in lines[1:-1] for edge in (line - half, line + half)]
    return (lines[0] - 1, lines[0], *inner, lines[-1], lines[-1] + 1)


@lru_cache(maxsize=2048)
def _rectangles(config: MazeConfig, number: int) -> np.ndarray:
    """Walls as `[R, 2, 2]`, low and high corner (x, y) each, clearance included; those in one line are one."""
    solid, edges = layout_of(config.cells, number).solid, edges_of(config)
    found = []
    for line in range(2, 2 * config.cells, 2):
        for first, last in _runs(solid[line]):
            found.append(((edges[first], edges[line]), (edges[last + 1], edges[line + 1])))
        for first, last in _runs(solid[:, line]):
            found.append(((edges[line], edges[first]), (edges[line + 1], edges[last + 1])))
    return np.array(found) + np.array([[-config.clearance], [config.clearance]])


def _runs(solid: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of solid zones longer than one: a post alone belongs to a wall across."""
    padded = np.concatenate(([0], solid.astype(np.int8), [0]))
    starts, ends = np.nonzero(np.diff(padded) == 1)[0], np.nonzero(np.diff(padded) == -1)[0] - 1
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if b > a]


@lru_cache(maxsize=16)
def blocks_of(config: MazeConfig, numbers: tuple[int, ...]) -> Blocks:
    """The walls of a batch of mazes."""
    walls = [_rectangles(config, number) for number in numbers]
    blocks = np.full((len(walls), max(map(len, walls)), 2, 2), _NOWHERE, np.float32)
    for row, each in zip(blocks, walls, strict=True):
        row[: len(each)] = each
    return Blocks(*torch.from_numpy(blocks).unbind(2))


def way(config: MazeConfig, layout: Layout, start: Point, goal: Point, margin: float = 0.0) -> list[Point]:
    """The corners of the shortest way, which keeps `margin` px from the corners of walls."""
    edges = edges_of(config)
    first, last = (_zone(edges, point) for point in (start, goal))
    if first == last:
        return [start, goal]
    _, here, there = min(
        (int(layout.apart[a, b]), a, b) for a in _cells(layout.cells, first) for b in _cells(layout.cells, last)
    )
    zones = [first]
    for cell in layout.way(here, there):
        i, j = divmod(cell, layout.cells)
        zone = (2 * i + 1, 2 * j + 1)
        if max(abs(zone[0] - zones[-1][0]), abs(zone[1] - zones[-1][1])) == 2:
            zones.append(((zone[0] + zones[-1][0]) // 2, (zone[1] + zones[-1][1]) // 2))
        if zone != zones[-1]:
            zones.append(zone)
    if last != zones[-1]:
        zones.append(last)
    gates = [_gate(edges, config.clearance, a, b) for a, b in pairwise(zones)]
    return taut(start, narrowed(gates, margin), goal)


def _zone(edges: Sequence[float], point: Point) -> tuple[int, int]:
    """Row and column of the zone that a point lies in; one on an edge, of the cell beside it."""
    column, row = (min(max(bisect_right(edges, each) - 1, 1), len(edges) - 3) for each in point)
    return row, column


def _cells(cells: int, zone: tuple[int, int]) -> list[int]:
    """The cell of a zone, or the two that it lies between."""
    row, column = zone
    rows = [row // 2] if row % 2 else [row // 2 - 1, row // 2]
    columns = [column // 2] if column % 2 else [column // 2 - 1, column // 2]
    return [i * cells + j for i in rows for j in columns]


def _gate(edges: Sequence[float], clearance: float, before: tuple[int, int], after: tuple[int, int]) -> Gate:
    """What two neighbouring zones share, as who goes from one to the other has it to the left and right."""
    (row, column), (down, along) = before, (after[0] - before[0], after[1] - before[1])
    if along:
        face = edges[column + 1] if along > 0 else edges[column]
        top, bottom = edges[row] + clearance, edges[row + 1] - clearance
        return ((face, top), (face, bottom)) if along > 0 else ((face, bottom), (face, top))
    face = edges[row + 1] if down > 0 else edges[row]
    left, right = edges[column] + clearance, edges[column + 1] - clearance
    return ((right, face), (left, face)) if down > 0 else ((left, face), (right, face))

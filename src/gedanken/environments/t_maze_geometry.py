"""A T: where its walls, its gate and its shafts are, and the shortest way, exactly.

From the top: the cell of the prize, the bar of the T, its stem with a gate across, and the pit. The lower part of the stem,
below the gate, is where one waits. Nothing leads from one of the three places to another but the shafts at the ends of the bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gedanken.environments.dot_blocks import Blocks, highest, lowest
from gedanken.environments.gates import Gate, Point, narrowed, taut
from gedanken.errors import BadInput
from gedanken.types import State

_FAR = 1e6  # px: where a gate is that stands open


@dataclass(frozen=True, kw_only=True)
class TMazeConfig:
    """Lengths of the T in px; pixel k covers [k - 0.5, k + 0.5].

    Args:
        scale: coordinates run from 0 to `scale - 1` on both axes.
        border: index of the one-pixel border line, counted from each side.
        clearance: how far from a surface the dot is stopped, so that it never lies on one.
        max_step: longest move of one environment step.
        goal_radius: a goal nearer than this is reached.
        stem: its left and right side, which are those of both cells too.
        rows: lower end of the prize's cell, upper and lower end of the bar, of the gate, of the pit's roof.
        shaft: width of the shafts at both ends of the bar.
        sign: side of the square that the cue is, in the wall left or right of where one waits.
    """

    scale: int = 65
    border: int = 4
    clearance: float = 0.01
    max_step: float = 1.8
    goal_radius: float = 4.5
    stem: tuple[float, float] = (25.0, 39.0)
    rows: tuple[float, float, float, float, float, float, float] = (13.0, 17.0, 29.0, 37.0, 39.0, 49.0, 53.0)
    shaft: float = 6.5
    sign: float = 12.0

    def __post_init__(self) -> None:
        rising = (self.low, *self.rows, self.high)
        if any(above >= below for above, below in pairwise(rising)):
            raise BadInput(f"rows={self.rows} must rise between {self.low} and {self.high}, the ends of the arena.")
        left, right = self.stem
        if not self.low + self.shaft < left < right < self.high - self.shaft:
            raise BadInput(f"stem={self.stem} must lie between the shafts, which are {self.shaft} px wide.")
        if self.clearance <= 0 or self.max_step <= 0 or self.sign <= 0:
            raise BadInput(
                f"clearance={self.clearance}, max_step={self.max_step}, sign={self.sign}: all must be positive."
            )

    @property
    def low(self) -> float:
        """Smallest coordinate the dot can have."""
        return lowest(self.border, self.clearance)

    @property
    def high(self) -> float:
        """Largest coordinate the dot can have."""
        return highest(self.scale, self.border, self.clearance)

    @property
    def prize(self) -> Point:
        """Middle of the cell above: where the shaft of the right arm ends."""
        return (sum(self.stem) / 2, (self.low + self.rows[0]) / 2)

    @property
    def pit(self) -> Point:
        """Middle of the cell below: where the other shaft ends."""
        return (sum(self.stem) / 2, (self.rows[6] + self.high) / 2)

    @property
    def waiting(self) -> tuple[Point, Point]:
        """Opposite corners of the place where one waits, with a little room to the walls."""
        room = 2.0
        return (self.stem[0] + room, self.rows[4] + room), (self.stem[1] - room, self.rows[5] - room)

    @property
    def solids(self) -> list[tuple[Point, Point]]:
        """The walls, each from its upper left to its lower right corner."""
        (left, right), rows, end = self.stem, self.rows, float(self.scale)
        return [
            ((-end, -end), (left, rows[1])),
            ((right, -end), (2 * end, rows[1])),
            ((left, rows[0]), (right, rows[1])),
            ((-end, rows[2]), (left, 2 * end)),
            ((right, rows[2]), (2 * end, 2 * end)),
            ((left, rows[5]), (right, rows[6])),
        ]

    @property
    def gate(self) -> tuple[Point, Point]:
        """The gate across the stem."""
        return (self.stem[0], self.rows[3]), (self.stem[1], self.rows[4])


def is_open(state: State) -> Bool[Tensor, " B"]:
    """Whether the delay is over."""
    return state["clock"] >= state["delay"]


def blocks_of(config: TMazeConfig, state: State) -> Blocks:
    """Six walls, and the gate while it is shut."""
    corners = torch.tensor([*config.solids, config.gate]).expand(len(state["clock"]), -1, -1, -1).clone()
    corners[is_open(state), -1] = _FAR
    low, high = corners.unbind(2)
    return Blocks(low - config.clearance, high + config.clearance)


def arm_of(config: TMazeConfig, position: Float[Tensor, "*B two"]) -> Tensor:
    """Which shaft a position lies in: 0 the left one, 1 the right one, -1 neither."""
    x, y = position.unbind(-1)
    bar = (y > config.rows[1]) & (y < config.rows[2])
    left, right = x < config.low + config.shaft, x > config.high - config.shaft
    return torch.where(bar & left, 0, torch.where(bar & right, 1, -1))


def place_of(config: TMazeConfig, point: Point) -> str:
    """`prize`, `pit`, or `t` for the stem and the bar."""
    if point[1] < config.rows[0]:
        return "prize"
    return "pit" if point[1] > config.rows[5] + config.clearance else "t"


def ways(config: TMazeConfig, start: Point, cue: int, goal: Point, margin: float = 0.0) -> list[list[Point]]:
    """The shortest way in pieces, one more than shafts are gone down; none where no way leads there.

    Args:
        config: lengths.
        start, goal: where from and to.
        cue: the arm whose shaft leads to the prize, 0 or 1.
        margin: kept from the corners of the T.
    """
    begin, end = place_of(config, start), place_of(config, goal)
    if begin == end:
        return [_within(config, start, goal, margin) if begin == "t" else [start, goal]]
    if begin != "t" or end == "t":
        return []
    arm = cue if end == "prize" else 1 - cue
    x = config.low + config.shaft if arm == 0 else config.high - config.shaft
    inside = config.clearance + margin
    y = min(max(start[1], config.rows[1] + inside), config.rows[2] - inside)
    landed = config.prize if end == "prize" else config.pit
    return [_within(config, start, (x, y), margin), [landed, goal]]


def _within(config: TMazeConfig, start: Point, goal: Point, margin: float) -> list[Point]:
    """Around the corners between stem and bar, where one lies in each."""
    corner = config.rows[2] + config.clearance
    up, down = start[1] > corner >= goal[1], goal[1] > corner >= start[1]
    if not up and not down:
        return [start, goal]
    left, right = (config.stem[0] + config.clearance, corner), (config.stem[1] - config.clearance, corner)
    gate: Gate = (left, right) if up else (right, left)
    return taut(start, narrowed([gate], margin), goal)

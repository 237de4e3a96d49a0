"""Where the walls of Two Rooms stand, how a dot moves between them, and how long the shortest way is.

Everything is a pure function of `position [B, 2]` (x, y in px), `wall_x [B]` and `door_y [B]`. The dot is a point; it
stops at the first contact of its straight path with a border or the wall and does not slide. Geometry after the Wall
environment of PLDM (arXiv:2502.14819) and Two Rooms of EB-JEPA (arXiv:2602.03604).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gedanken.environments.dot_blocks import Blocks, highest, lowest
from gedanken.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class TwoRoomsConfig:
    """Lengths of Two Rooms in px; pixel k covers [k - 0.5, k + 0.5].

    Args:
        scale: coordinates run from 0 to `scale - 1` on both axes.
        border: index of the one-pixel border line, counted from each side.
        wall_width: thickness of the vertical wall.
        door_half: half the opening of the door.
        clearance: how far from a surface the dot is stopped, so that it never lies on one.
        max_step: longest move of one environment step.
        fixed_wall_x: column of the wall in the fixed layout.
        fixed_door_y: row of the door's centre in the fixed layout.
        random_wall_x: the wall's column in a random layout is a whole number in [low, high).
        random_door_y: the door's row in a random layout, likewise.
        min_task_distance: start and goal of a task are at least this far apart, in a straight line.
        goal_radius: a goal nearer than this is reached.
    """

    scale: int = 65
    border: int = 4
    wall_width: float = 3.0
    door_half: float = 4.0
    clearance: float = 0.01
    max_step: float = 1.8
    fixed_wall_x: float = 32.0
    fixed_door_y: float = 18.0
    random_wall_x: tuple[int, int] = (20, 44)
    random_door_y: tuple[int, int] = (10, 54)
    min_task_distance: float = 20.0
    goal_radius: float = 4.5

    def __post_init__(self) -> None:
        if self.clearance <= 0 or self.max_step <= 0:
            raise BadInput(f"clearance={self.clearance} and max_step={self.max_step} must be positive.")
        if self.door_half <= self.clearance:
            raise BadInput(
                f"door_half={self.door_half} must exceed clearance={self.clearance}, or no dot fits through."
            )
        for name, (low, high), margin in (
            ("random_wall_x", self.random_wall_x, self.wall_width / 2),
            ("random_door_y", self.random_door_y, self.door_half),
        ):
            if not (self.low + margin < low < high and high - 1 + margin < self.high):
                raise BadInput(
                    f"{name}={(low, high)} must be an increasing range well inside {self.low}..{self.high} px."
                )

    @property
    def low(self) -> float:
        """Smallest coordinate the dot can have."""
        return lowest(self.border, self.clearance)

    @property
    def high(self) -> float:
        """Largest coordinate the dot can have."""
        return highest(self.scale, self.border, self.clearance)


@dataclass(frozen=True)
class Walls:
    """The faces a dot can touch, `[B]` each: the wall from `left` to `right`, open from `top` to `bottom`.

    The dot may lie on a face but not beyond it; faces stand `clearance` in front of the drawn surfaces.
    """

    left: Tensor
    right: Tensor
    top: Tensor
    bottom: Tensor

    @classmethod
    def of(cls, config: TwoRoomsConfig, wall_x: Tensor, door_y: Tensor) -> Walls:
        reach = config.wall_width / 2 + config.clearance
        opening = config.door_half - config.clearance
        return cls(wall_x - reach, wall_x + reach, door_y - opening, door_y + opening)

    @property
    def blocks(self) -> Blocks:
        """The wall above the door and the wall below it."""
        beyond = torch.full_like(self.left, torch.inf)
        above = torch.stack((self.left, -beyond), -1), torch.stack((self.right, self.top), -1)
        below = torch.stack((self.left, self.bottom), -1), torch.stack((self.right, beyond), -1)
        return Blocks(*(torch.stack(corners, 1) for corners in zip(above, below, strict=True)))


def geodesic(walls: Walls, start: Tensor, goal: Tensor) -> Tensor:
    """Length in px of the shortest free path between `start` and `goal` `[B, 2]`, exactly: `[B]`.

    A path from one room to the other crosses two gates, the door's two ends. For a fixed crossing of the first gate the
    best crossing of the second is where the straight line to the goal meets it, clamped to the opening; and the first
    crossing of a taut path is a corner, or lies on the straight line to the goal or to a corner of the second gate.
    """
    swap = (start[:, 0] > goal[:, 0])[:, None]
    start, goal = torch.where(swap, goal, start), torch.where(swap, start, goal)
    near = _gate(walls.left, start, goal)
    far = _gate(walls.right, start, goal)
    aims = torch.stack((goal, far(walls.top), far(walls.bottom), near(walls.top), near(walls.bottom)))
    first = near(_crossing(start, aims, walls.left).clamp(walls.top, walls.bottom))
    second = far(_crossing(first, goal, walls.right).clamp(walls.top, walls.bottom))
    return (_length(first - start) + _length(second - first) + _length(goal - second)).amin(0)


def _gate(gate_x: Tensor, start: Tensor, goal: Tensor) -> Callable[[Tensor], Tensor]:
    """Points of the gate at `gate_x`, by row; where start and goal lie on one side of it, the end nearest to it."""
    before = (gate_x <= start[:, 0])[:, None]
    behind = (gate_x >= goal[:, 0])[:, None]

    def point(row: Tensor) -> Tensor:
        return torch.where(before, start, torch.where(behind, goal, torch.stack((gate_x.expand_as(row), row), -1)))

    return point


def _crossing(start: Tensor, aim: Tensor, gate_x: Tensor) -> Tensor:
    """Row at which the straight line from `start` to `aim` meets the column `gate_x`."""
    run = aim[..., 0] - start[..., 0]
    share = (gate_x - start[..., 0]) / torch.where(run == 0, 1.0, run)
    # A vertical line meets the gate all along: its end is as good a row as any, and keeps a corner a corner.
    share = torch.where(run == 0, 1.0, share)
    return start[..., 1] + share * (aim[..., 1] - start[..., 1])


def _length(leg: Tensor) -> Tensor:
    return torch.linalg.vector_norm(leg, dim=-1)

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
        return self.border + 0.5 + self.clearance

    @property
    def high(self) -> float:
        """Largest coordinate the dot can have."""
        return self.scale - 1 - self.border - 0.5 - self.clearance


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

    def blocks(self, position: Tensor) -> Tensor:
        """Whether `position` `[B, 2]` lies inside the wall, `[B]` bool."""
        x, y = position.unbind(-1)
        return (x > self.left) & (x < self.right) & ((y < self.top) | (y > self.bottom))


def move(config: TwoRoomsConfig, walls: Walls, position: Tensor, action: Tensor) -> Tensor:
    """Where a straight move ends: `position + action` `[B, 2]`, or the first contact with a wall or border."""
    x, y = position.unbind(-1)
    dx, dy = action.unbind(-1)
    unbounded = torch.full_like(x, torch.inf)
    enter_x, leave_x = _inside(x, dx, walls.left, walls.right)
    enter_top, leave_top = _inside(y, dy, -unbounded, walls.top)
    enter_bottom, leave_bottom = _inside(y, dy, walls.bottom, unbounded)
    contact_top = _contact(enter_x, leave_x, enter_top, leave_top)
    contact_bottom = _contact(enter_x, leave_x, enter_bottom, leave_bottom)
    contact = torch.minimum(contact_top, contact_bottom)

    border = torch.minimum(_border_contact(config, x, dx), _border_contact(config, y, dy))
    share = torch.minimum(contact, border).clamp(max=1.0)
    end_x, end_y = x + share * dx, y + share * dy

    # Rounding may leave the end of a long move a little beyond the face it met: put it exactly on it.
    stopped = contact <= border.clamp(max=1.0)
    met_side = stopped & (enter_x == contact)
    met_jamb = stopped & ~met_side
    end_x = torch.where(met_side, torch.where(dx > 0, walls.left, walls.right), end_x)
    end_y = torch.where(met_jamb, torch.where(dy < 0, walls.top, walls.bottom), end_y)
    return torch.stack((end_x, end_y), -1).clamp(config.low, config.high)


def _inside(start: Tensor, move: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """When, in shares of the move, one coordinate enters and leaves the open interval (low, high)."""
    still = move == 0
    safe = torch.where(still, 1.0, move)
    to_low, to_high = (low - start) / safe, (high - start) / safe
    # A coordinate that does not change is inside always or never.
    always = torch.where((start > low) & (start < high), torch.inf, -torch.inf)
    enter = torch.where(still, -always, torch.minimum(to_low, to_high))
    leave = torch.where(still, always, torch.maximum(to_low, to_high))
    return enter, leave


def _contact(enter_x: Tensor, leave_x: Tensor, enter_y: Tensor, leave_y: Tensor) -> Tensor:
    """Share of the move at which the dot meets a block; inf where it never does."""
    enter, leave = torch.maximum(enter_x, enter_y), torch.minimum(leave_x, leave_y)
    return torch.where((enter < leave) & (leave > 0), enter, torch.inf)


def _border_contact(config: TwoRoomsConfig, start: Tensor, move: Tensor) -> Tensor:
    """Share of the move at which one coordinate meets a border; inf where it stands still."""
    face = torch.where(move > 0, config.high, config.low)
    return torch.where(move == 0, torch.inf, (face - start) / torch.where(move == 0, 1.0, move))


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

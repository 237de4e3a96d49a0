"""Four rooms in a ring: where their walls and doors are, and the shortest way around, exactly.

Rooms and doors alternate, clockwise: top left, upper door, top right, right door, bottom right, lower door, bottom left, left
door.
A way from one to another leads around one side of the middle or the other, through gates that are known (`gates.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gedanken.environments.dot_blocks import Blocks, highest, lowest
from gedanken.environments.gates import Gate, Point, length, narrowed, taut
from gedanken.errors import BadInput
from gedanken.types import State

_ROUNDING = 1e-3
"""px: a dot that touches a wall is in its room, whatever side of the face its float32 lies on."""

DOORS = ("up", "right", "down", "left")
"""The order of a state's `doors` `[B, 4]`: y of the upper one, x of the right one, y of the lower one, x of the left one."""


@dataclass(frozen=True, kw_only=True)
class FourRoomsConfig:
    """Lengths of Four Rooms in px; pixel k covers [k - 0.5, k + 0.5].

    Args:
        scale: coordinates run from 0 to `scale - 1` on both axes.
        border: index of the one-pixel border line, counted from each side.
        wall_width: thickness of both walls.
        door_half: half the opening of a door.
        clearance: how far from a surface the dot is stopped, so that it never lies on one.
        max_step: longest move of one environment step.
        fixed_walls: column of the vertical and row of the horizontal wall in the fixed layout.
        fixed_doors: of the fixed layout, as in `DOORS`.
        random_walls: both in a random layout, whole numbers in [low, high).
        door_margin: px at least between a random door's middle and the wall or border that its own wall ends at.
        goal_radius: a goal nearer than this is reached.
    """

    scale: int = 65
    border: int = 4
    wall_width: float = 3.0
    door_half: float = 4.0
    clearance: float = 0.01
    max_step: float = 1.8
    fixed_walls: tuple[float, float] = (32.0, 32.0)
    fixed_doors: tuple[float, float, float, float] = (14.0, 46.0, 50.0, 18.0)
    random_walls: tuple[int, int] = (27, 38)
    door_margin: float = 6.0
    goal_radius: float = 4.5

    def __post_init__(self) -> None:
        if self.clearance <= 0 or self.max_step <= 0:
            raise BadInput(f"clearance={self.clearance} and max_step={self.max_step} must be positive.")
        if not self.clearance < self.door_half <= self.door_margin:
            raise BadInput(
                f"door_half={self.door_half} must exceed clearance={self.clearance}, or no dot fits through, and be at most "
                f"door_margin={self.door_margin}."
            )
        least = 2 * self.door_margin + self.wall_width / 2
        if not self.low + least < self.random_walls[0] < self.random_walls[1] <= self.high - least:
            raise BadInput(
                f"random_walls={self.random_walls} leave a room too narrow for a door; keep them near the middle."
            )

    @property
    def low(self) -> float:
        """Smallest coordinate the dot can have."""
        return lowest(self.border, self.clearance)

    @property
    def high(self) -> float:
        """Largest coordinate the dot can have."""
        return highest(self.scale, self.border, self.clearance)


def blocks_of(config: FourRoomsConfig, state: State) -> Blocks:
    """Three pieces of the vertical wall and three of the horizontal one."""
    reach, opening = config.wall_width / 2 + config.clearance, config.door_half - config.clearance
    up, right, down, left = state["doors"].unbind(-1)
    corners = [
        *_pieces(state["wall_x"], (up, down), reach, opening, flipped=False),
        *_pieces(state["wall_y"], (left, right), reach, opening, flipped=True),
    ]
    return Blocks(*(torch.stack(each, 1) for each in zip(*corners, strict=True)))


def _pieces(
    wall: Tensor, doors: tuple[Tensor, Tensor], reach: float, opening: float, flipped: bool
) -> list[tuple[Tensor, Tensor]]:
    beyond = torch.full_like(wall, torch.inf)
    first, second = doors
    ends = ((-beyond, first - opening), (first + opening, second - opening), (second + opening, beyond))
    low, high = wall - reach, wall + reach
    pieces = [(torch.stack((low, start), -1), torch.stack((high, end), -1)) for start, end in ends]
    return [(one.flip(-1), other.flip(-1)) for one, other in pieces] if flipped else pieces


@dataclass(frozen=True)
class Ring:
    """One world's rooms and doors as places 0 to 7 of a ring, with the gate between each and the next.

    Args:
        config: lengths.
        wall_x, wall_y: where the walls are.
        doors: as in `DOORS`.
    """

    config: FourRoomsConfig
    wall_x: float
    wall_y: float
    doors: tuple[float, ...]

    def place(self, point: Point) -> int:
        """Where on the ring a point lies; rooms are even, doors odd."""
        reach = self.config.wall_width / 2 + self.config.clearance - _ROUNDING
        x, y = point[0] - self.wall_x, point[1] - self.wall_y
        if abs(x) < reach:
            return 1 if y < 0 else 5
        if abs(y) < reach:
            return 3 if x > 0 else 7
        return (0 if x < 0 else 2) if y < 0 else (6 if x < 0 else 4)

    def gate(self, place: int) -> Gate:
        """The gate from `place` to the next one clockwise."""
        reach = self.config.wall_width / 2 + self.config.clearance
        opening = self.config.door_half - self.config.clearance
        door = (
            place // 2
        )  # gates 0 and 1 are the two faces of the upper door, 2 and 3 those of the right one, and so on
        middle, before = self.doors[door], -reach if place % 2 == 0 else reach
        # Clockwise, the upper door leads right, the right one down, the lower one left, the left one up.
        along = before if door in (0, 1) else -before
        inward = opening if door in (0, 3) else -opening
        if door in (0, 2):
            face = self.wall_x + along
            return (face, middle - inward), (face, middle + inward)
        face = self.wall_y + along
        return (middle - inward, face), (middle + inward, face)

    def way(self, start: Point, goal: Point, margin: float = 0.0) -> list[Point]:
        """The corners of the shortest way, which keeps `margin` from the ends of all gates."""
        first, last = self.place(start), self.place(goal)
        ahead = [self.gate((first + step) % 8) for step in range((last - first) % 8)]
        back = [
            (right, left) for left, right in (self.gate((first - 1 - step) % 8) for step in range((first - last) % 8))
        ]
        ways = [taut(start, narrowed(gates, margin), goal) for gates in ((ahead, back) if first != last else ([],))]
        return min(ways, key=length)

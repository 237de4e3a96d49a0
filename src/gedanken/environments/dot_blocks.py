"""What a dot runs into: rectangles, and the border of a square arena. It stops at the first contact and does not slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class Arena(Protocol):
    """The square that a dot moves in; lengths in px, pixel k covers [k - 0.5, k + 0.5]."""

    @property
    def scale(self) -> int:
        """Coordinates run from 0 to `scale - 1` on both axes."""
        ...

    @property
    def border(self) -> int:
        """Index of the one-pixel border line, counted from each side."""
        ...

    @property
    def clearance(self) -> float:
        """How far from a surface the dot is stopped, so that it never lies on one."""
        ...

    @property
    def max_step(self) -> float:
        """Longest move of one environment step."""
        ...

    @property
    def goal_radius(self) -> float:
        """A goal nearer than this is reached."""
        ...

    @property
    def low(self) -> float:
        """Smallest coordinate the dot can have."""
        ...

    @property
    def high(self) -> float:
        """Largest coordinate the dot can have."""
        ...


def lowest(border: int, clearance: float) -> float:
    """Smallest coordinate a dot can have: in front of the border line."""
    return border + 0.5 + clearance


def highest(scale: int, border: int, clearance: float) -> float:
    """Largest coordinate a dot can have."""
    return scale - 1 - border - 0.5 - clearance


@dataclass(frozen=True)
class Blocks:
    """R rectangles a world that a dot may touch but not enter: from `low` to `high`, (x, y) in px, clearance included."""

    low: Float[Tensor, "B R two"]
    high: Float[Tensor, "B R two"]

    def cover(self, position: Float[Tensor, "B two"]) -> Bool[Tensor, " B"]:
        """Whether a position lies inside one of them."""
        inside = (position[:, None] > self.low) & (position[:, None] < self.high)
        return inside.all(-1).any(-1)


def move(
    arena: Arena, blocks: Blocks, position: Float[Tensor, "B two"], action: Float[Tensor, "B two"]
) -> Float[Tensor, "B two"]:
    """Where a straight move ends: `position + action`, or the first contact with a block or the border."""
    enter, leave = _inside(position[:, None], action[:, None], blocks.low, blocks.high)  # [B, R, 2]
    first, last = enter.amax(-1), leave.amin(-1)
    contact, which = torch.where((first < last) & (last > 0), first, torch.inf).min(1)

    border = torch.minimum(*(_border_contact(arena, *axis) for axis in zip(position.T, action.T, strict=True)))
    share = torch.minimum(contact, border).clamp(max=1.0)
    end = position + share[:, None] * action

    # Rounding may leave the end of a long move a little beyond the face it met: put it exactly on it.
    row = torch.arange(len(position))
    stopped = contact <= border.clamp(max=1.0)
    met_side = stopped & (enter[row, which, 0] == contact)
    met = torch.stack((met_side, stopped & ~met_side), -1)
    face = torch.where(action > 0, blocks.low[row, which], blocks.high[row, which])
    return torch.where(met, face, end).clamp(arena.low, arena.high)


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


def _border_contact(arena: Arena, start: Tensor, move: Tensor) -> Tensor:
    """Share of the move at which one coordinate meets a border; inf where it stands still."""
    face = torch.where(move > 0, arena.high, arena.low)
    return torch.where(move == 0, torch.inf, (face - start) / torch.where(move == 0, 1.0, move))

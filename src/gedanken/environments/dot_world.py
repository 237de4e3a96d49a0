"""What the worlds of a dot have in common: how an action is carried out, and what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from gedanken.contracts import World
from gedanken.environments.dot_blocks import Arena, Blocks, move
from gedanken.environments.dot_render import IMAGE_SIZE, LARGEST, SMALLEST
from gedanken.environments.gates import Point
from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import ActionSpec, State, StreamSpec

RATE_HZ = 10.0  # nominal: these worlds have no clock of their own


@runtime_checkable
class DotWorld(World, Protocol):
    """A world in which a dot moves between blocks; its states hold a `position` `[B, 2]` (px)."""

    @property
    def config(self) -> Arena:
        """Lengths, in px."""
        ...

    @property
    def options(self) -> dict[str, str | int]:
        """What `make_world` makes it with."""
        ...

    def blocks(self, state: State) -> Blocks:
        """What the dots run into."""
        ...

    def render(self, state: State, positions: Tensor) -> Tensor:
        """Whole trajectories: uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]`."""
        ...

    def whole_route(self, state: State, positions: Float[Tensor, "B L two"]) -> Bool[Tensor, " B"]:
        """Whether a trajectory leads as far as a task of this world does."""
        ...


def checked_size(size: int) -> int:
    """Raise `BadInput` where no picture is drawn of `size` pixels a side."""
    if not SMALLEST <= size <= LARGEST:
        raise BadInput(f"size={size} must lie between {SMALLEST} and {LARGEST} pixels a side; {IMAGE_SIZE} is usual.")
    return size


def streams(size: int) -> dict[str, StreamSpec]:
    """One stream, `pixels`: uint8 `(S, S, 3)`."""
    return {"pixels": StreamSpec((size, size, 3), "uint8", rate_hz=RATE_HZ)}


def action_spec(arena: Arena) -> ActionSpec:
    """The wanted move (x, y) in px; a longer one than the longest step is shortened to that."""
    limit = arena.max_step
    return ActionSpec(2, (-limit, -limit), (limit, limit), norm=limit, unit="px/step", rate_hz=RATE_HZ)


def limited(arena: Arena, action: Tensor) -> Tensor:
    """The action as it is carried out: shortened to the longest step where it is longer, its direction kept."""
    norm = action.norm(dim=-1, keepdim=True)
    return torch.where(norm > arena.max_step, action * (arena.max_step / norm), action)


def stepped(arena: Arena, blocks: Blocks, state: State, action: Tensor) -> dict[str, Tensor]:
    """Move each dot by `action` `[B, 2]` px, limited, or to its first contact with a block or the border.

    Raises:
        ShapeError: `action` does not fit the state.
        NonFinite: an action is NaN or infinite.
    """
    position = state["position"]
    if action.shape != position.shape:
        raise ShapeError(
            f"actions have shape {tuple(action.shape)}; expected {tuple(position.shape)}, one (x, y) a world."
        )
    if not bool(torch.isfinite(action).all()):
        raise NonFinite("an action is NaN or infinite; check what the planner returned.")
    return {**state, "position": move(arena, blocks, position, limited(arena, action.to(position.dtype)))}


def check_positions(state: State, positions: Tensor) -> None:
    """Raise `ShapeError` unless there is one trajectory `[T, 2]` a world."""
    count = len(state["position"])
    if positions.dim() != 3 or positions.shape[0] != count or positions.shape[2] != 2:
        raise ShapeError(f"positions have shape {tuple(positions.shape)}; expected [B={count}, T, 2].")


def reached(arena: Arena, state: State, goal: State) -> Tensor:
    """Whether each dot is within the goal's radius, `[B]` bool."""
    return (state["position"] - goal["position"]).norm(dim=-1) < arena.goal_radius


def anywhere_free(arena: Arena, blocks: Blocks, count: int, generator: Generator) -> Tensor:
    """Positions `[B, 2]` uniform over the free space."""
    position = _anywhere(arena, count, generator)
    while bool((blocked := blocks.cover(position)).any()):
        position = torch.where(blocked[:, None], _anywhere(arena, count, generator), position)
    return position


def along(ways: Sequence[Sequence[Point]], position: Tensor, arena: Arena) -> Tensor:
    """Actions `[B, 2]` toward the next corner of each way; a corner that is reached already is passed over."""
    aims = []
    for way, (x, y) in zip(ways, position.tolist(), strict=True):
        ahead = [point for point in way[1:] if hypot(point[0] - x, point[1] - y) > 1e-3]
        aims.append(ahead[0] if ahead else (x, y))
    return limited(arena, torch.tensor(aims, dtype=position.dtype) - position)


def _anywhere(arena: Arena, count: int, generator: Generator) -> Tensor:
    return arena.low + (arena.high - arena.low) * torch.rand(count, 2, generator=generator)

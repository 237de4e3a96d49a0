"""Places in a picture: where a world's agent is seen, and the state in which it would be seen elsewhere.

A person points at a picture; a world knows states. A place is (x, y) as shares of the picture's width and height, from 0 at
the left and the top to 1. Only tools for people ask; the model and the agent see pictures alone.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gedanken.contracts import World
from gedanken.environments.dot_render import IMAGE_SIZE
from gedanken.environments.dot_world import DotWorld
from gedanken.types import State


@runtime_checkable
class Places(Protocol):
    """A world whose agent has a place in the picture."""

    def of(self, state: State) -> Float[Tensor, "B 2"]:
        """Where the agent is seen."""
        ...

    def free(self, state: State, places: Float[Tensor, "B 2"]) -> Bool[Tensor, " B"]:
        """Whether the agent of each row could be there."""
        ...

    def at(self, state: State, places: Float[Tensor, "B 2"]) -> State:
        """The same worlds with the agent elsewhere; `free` says whether it could be."""
        ...

    @property
    def unit(self) -> Float[Tensor, " 2"]:
        """Share of the picture that one unit of action moves the agent by in one environment step, along x and y."""
        ...


class DotPlaces:
    """`Places` of a world in which a dot moves, such as Two Rooms.

    Args:
        world: whose walls count.
    """

    def __init__(self, world: DotWorld) -> None:
        self._world = world

    @property
    def unit(self) -> Float[Tensor, " 2"]:
        """A px of the world, as a share of the picture."""
        return torch.full((2,), 1 / IMAGE_SIZE)

    def of(self, state: State) -> Float[Tensor, "B 2"]:
        """Pixel k covers [k - 0.5, k + 0.5] px."""
        return (state["position"] + 0.5) / IMAGE_SIZE

    def free(self, state: State, places: Float[Tensor, "B 2"]) -> Bool[Tensor, " B"]:
        """Within the border, and not in a wall."""
        position, arena = places * IMAGE_SIZE - 0.5, self._world.config
        inside = ((position >= arena.low) & (position <= arena.high)).all(dim=-1)
        return inside & ~self._world.blocks(state).cover(position)

    def at(self, state: State, places: Float[Tensor, "B 2"]) -> State:
        """The dot elsewhere, walls and look as they are."""
        return {**state, "position": (places * IMAGE_SIZE - 0.5).to(state["position"].dtype)}


def places_of(world: World) -> Places | None:
    """The places of a world: ours, or what it offers as `places` itself; None where it has none."""
    if isinstance(world, DotWorld):
        return DotPlaces(world)
    offered = getattr(world, "places", None)
    return offered if isinstance(offered, Places) else None

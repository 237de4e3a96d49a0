"""A world's true state: which of its entries are physics rather than looks, and the vector an oracle reads them from."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.contracts import World
from gedanken.errors import ShapeError
from gedanken.types import State


def physical(world: World, state: State) -> dict[str, Tensor]:
    """The entries of `state` that are not factors of variation, and so decide what happens."""
    looks = world.factors("default", 1, Generator())
    return {name: values for name, values in state.items() if name not in looks}


def dressed(world: World, state: State) -> dict[str, Tensor]:
    """`state` in the world's default look."""
    return {**state, **world.factors("default", rows_in(state), Generator())}


def rows_in(state: State) -> int:
    """How many worlds a state holds."""
    return len(next(iter(state.values())))


def rows_of(state: State, rows: Tensor | slice) -> dict[str, Tensor]:
    """These worlds of a state."""
    return {name: values[rows] for name, values in state.items()}


class StateVector:
    """The physical entries of a world's state, side by side in the order of their names: S numbers.

    Args:
        world: whose states are packed.
    """

    def __init__(self, world: World) -> None:
        example = physical(world, world.sample(1, Generator()))
        self._entries = {name: (example[name].shape[1:], example[name].dtype) for name in sorted(example)}
        self._sizes = [shape.numel() for shape, _ in self._entries.values()]

    @property
    def width(self) -> int:
        """S."""
        return sum(self._sizes)

    def pack(self, state: State) -> Float[Tensor, "B S"]:
        """A state as vectors; looks are left out."""
        rows = rows_in(state)
        # Sizes are given, not inferred: a batch may be empty.
        parts = zip(self._entries, self._sizes, strict=True)
        return torch.cat([state[name].reshape(rows, size).float() for name, size in parts], dim=1)

    def unpack(self, vectors: Float[Tensor, "B S"]) -> dict[str, Tensor]:
        """Vectors as a state without looks.

        Raises:
            ShapeError: the vectors are not S wide.
        """
        if vectors.shape[1] != self.width:
            raise ShapeError(f"state vectors are {vectors.shape[1]} wide; this world's have S={self.width} numbers.")
        parts = vectors.split(self._sizes, dim=1)
        return {
            name: part.reshape(len(vectors), *shape).to(dtype)
            for part, (name, (shape, dtype)) in zip(parts, self._entries.items(), strict=True)
        }

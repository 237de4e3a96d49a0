"""What a scorer is shown: clips in a batch, and what it answers, how surprising each frame of each is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gedanken.environments.table import Quadruplet
from gedanken.types import State

POSSIBLE, IMPOSSIBLE = ((0, 0), (1, 1)), ((0, 1), (1, 0))
"""Clips of a quadruplet as (context, outcome)."""

FOUR = (*POSSIBLE, *IMPOSSIBLE)


@dataclass(frozen=True)
class Clips:
    """Clips to be scored.

    Args:
        frames: uint8 `[C, L, height, width, 3]`.
        actions: float32 `[C, L-1, width]`; action k leaves frame k.
        starts: the true worlds at frame 0, which only an oracle may look at; empty where nobody knows.
    """

    frames: UInt8[Tensor, "C L height width channels"]
    actions: Float[Tensor, "C past A"]
    starts: State


Surprise = Callable[[Clips], Tensor]
"""How surprising each frame is: clips `[C, L, ...]` → `[C, L]`, more is more surprising; frame 0 surprises nobody."""


@dataclass(frozen=True)
class Scorer:
    """A surprise, and how that of a whole clip is told from its frames'.

    Args:
        name: for tables.
        surprise: of each frame.
        by: `mean` over the frames, or the `max` of them.
    """

    name: str
    surprise: Surprise
    by: str = "mean"

    def curves(self, clips: Clips) -> Float[Tensor, "C L"]:
        """The surprise of each frame, in double: sums of nearly equal clips are compared."""
        return self.surprise(clips).double()

    def whole(self, curves: Float[Tensor, "C L"]) -> Float[Tensor, " C"]:
        """The surprise of whole clips."""
        return curves.amax(1) if self.by == "max" else curves.mean(1)


def four_clips(quads: Sequence[Quadruplet]) -> Clips:
    """The clips of quadruplets in the order of `FOUR`: `[4·Q, 32, ...]`."""
    return Clips(
        torch.stack([quad.clip(*which) for quad in quads for which in FOUR]),
        torch.stack([quad.done(*which) for quad in quads for which in FOUR]),
        {
            name: torch.stack([quad.starts[name][context] for quad in quads for context, _ in FOUR])
            for name in quads[0].starts
        },
    )


def in_batches(quads: Iterable[Quadruplet], size: int = 4) -> Iterator[list[Quadruplet]]:
    """Quadruplets, a few at a time; they are drawn as they are asked for, and none is kept."""
    batch: list[Quadruplet] = []
    for quad in quads:
        batch.append(quad)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

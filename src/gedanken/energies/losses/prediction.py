"""Compare what was predicted k steps ahead, in open loop from every frame of a window, with what was then seen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, ShapeError


def open_loop_errors(predicted: Sequence[Tensor], latents: Float[Tensor, "B T P D"]) -> Float[Tensor, " ahead"]:
    """Mean squared error of the 1-, 2-, … step predictions, each averaged over all starts it was made from.

    Targets are not detached: gradients reach the encoder from both sides, and the anti-collapse terms hold it up.

    Args:
        predicted: for each k = 1, 2, … the latents `[B, S, P, D]` predicted k steps on from frames 0, 1, …, S of them and T−k
            at most.
        latents: encoded frames `[B, T, P, D]`.
    Raises:
        BadInput: nothing was predicted.
        ShapeError: predictions that do not fit the frames they are of.
    """
    if not predicted:
        raise BadInput("nothing was predicted; predict at least 1 step ahead.")
    errors: list[Tensor] = []
    for k, ahead in enumerate(predicted, start=1):
        seen = latents[:, k : k + ahead.shape[1]]
        if ahead.shape != seen.shape or not seen.shape[1]:
            raise ShapeError(
                f"predictions {k} steps ahead are {tuple(ahead.shape)}; frames to compare them with, {tuple(seen.shape)}."
            )
        errors.append((ahead - seen).square().mean())
    return torch.stack(errors)

"""Predict k steps ahead in open loop, from every frame of a window, and compare with what was seen."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput


def open_loop_errors(
    step: Callable[[Tensor, Tensor], Tensor],
    latents: Float[Tensor, "B T P D"],
    actions: Float[Tensor, "B past A"],
    ahead: int,
) -> Float[Tensor, " ahead"]:
    """Mean squared error of the 1…`ahead`-step predictions, each averaged over all starts that have a target.

    Targets are not detached: gradients reach the encoder from both sides, and the anti-collapse terms hold it up.

    Args:
        step: (latents `[B, S, P, D]`, actions `[B, S, A]`) → latents one model step later.
        latents: encoded frames `[B, T, P, D]`.
        actions: `[B, T-1, A]`; action k leaves frame k.
        ahead: steps to predict, 1 ≤ ahead < T.
    Raises:
        BadInput: if the window is too short for `ahead`.
    """
    frames = latents.shape[1]
    if not 1 <= ahead < frames:
        raise BadInput(f"ahead={ahead} needs a window of at least {ahead + 1} frames; this one has {frames}.")
    predicted, errors = latents, []
    for k in range(1, ahead + 1):
        starts = frames - k
        predicted = step(predicted[:, :starts], actions[:, k - 1 : k - 1 + starts])
        errors.append((predicted - latents[:, k:]).square().mean())
    return torch.stack(errors)

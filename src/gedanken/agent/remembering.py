"""What an agent keeps of a model step: what it saw, what it did then, and how surprised it was."""

from __future__ import annotations

from torch import Tensor

from gedanken.types import Moment, Observation


def moments_of(
    observation: Observation, latents: Tensor, actions: Tensor, surprise: Tensor | None, task: str, now: float
) -> list[Moment]:
    """One moment for each row of a batch, in episodes named `<task>-<row>`.

    Args:
        observation: streams `[B, ...]`; pixels of three channels become thumbnails, other streams are not kept.
        latents: `[B, P, D]` of it.
        actions: `[B, A]` that follow, in the environment's own units.
        surprise: `[B]` squared latent distance to what was expected; None at the first step.
        task: what the episodes are named after.
        now: seconds since 1970.
    """
    pixels = observation.get("pixels")
    seen = pixels is not None and pixels.dim() == 4 and pixels.shape[-1] == 3
    return [
        Moment(
            latent=latents[row],
            episode=f"{task}-{row}",
            time=now,
            action=actions[row],
            pixels=pixels[row] if pixels is not None and seen else None,
            surprise=None if surprise is None else float(surprise[row]),
        )
        for row in range(len(latents))
    ]

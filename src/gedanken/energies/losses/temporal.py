"""Two views of change in time: neighbours should be near (temporal similarity), yet a trajectory must not stand still."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def temporal_similarity(latents: Float[Tensor, "B T P D"]) -> Float[Tensor, ""]:
    """Mean squared difference of consecutive latents (PLDM, arXiv:2502.14819)."""
    return (latents[:, 1:] - latents[:, :-1]).square().mean()


def time_variance(latents: Float[Tensor, "B T P D"], target: float = 1.0) -> Float[Tensor, ""]:
    """The variance hinge over time inside each trajectory, frames 1…T−1: breaks the slow-feature trap (arXiv:2211.10831)."""
    spread = latents[:, 1:].var(dim=1)
    return (target - (spread + 1e-4).sqrt()).relu().mean()

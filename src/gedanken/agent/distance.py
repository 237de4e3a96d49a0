"""How far apart two latents are: the one distance that energies, thresholds and memories have in common."""

from jaxtyping import Float
from torch import Tensor


def apart(one: Tensor, other: Tensor) -> Float[Tensor, " B"]:
    """Squared distance of latents `[B, P, D]`, mean over P and D."""
    return (one - other).square().mean(dim=(1, 2))

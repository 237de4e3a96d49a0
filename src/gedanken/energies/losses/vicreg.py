"""Keep latents spread out and decorrelated: the variance and covariance terms of VICReg (arXiv:2105.04906).

Samples are those of the whole batch, also where several processes hold a part of it each; their parts are of one size.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gedanken.collectives import batch_mean, batch_sum, processes
from gedanken.errors import ShapeError


def _centred(latents: Tensor) -> Tensor:
    if latents.dim() != 2 or latents.shape[0] < 2:
        raise ShapeError(f"expected samples × dimensions with at least 2 samples; got {tuple(latents.shape)}.")
    return latents - batch_mean(latents.mean(dim=0))


def variance(latents: Float[Tensor, "samples D"], target: float = 1.0) -> Float[Tensor, ""]:
    """Mean over dimensions of max(0, target − standard deviation); unbiased variance, 1e-4 under the root.

    Raises:
        ShapeError: if there are fewer than two samples.
    """
    spread = batch_sum(_centred(latents).square().sum(dim=0)) / (processes() * latents.shape[0] - 1)
    return (target - (spread + 1e-4).sqrt()).relu().mean()


def covariance(latents: Float[Tensor, "samples D"]) -> Float[Tensor, ""]:
    """Mean square of the off-diagonal covariances: divided by D(D−1), not by D as in the paper, so weights differ.

    Raises:
        ShapeError: if there are fewer than two samples.
    """
    centred, width = _centred(latents), latents.shape[1]
    matrix = batch_sum(centred.T @ centred) / (processes() * latents.shape[0] - 1)
    off_diagonal = matrix.square().sum() - matrix.diagonal().square().sum()
    return off_diagonal / max(width * (width - 1), 1)

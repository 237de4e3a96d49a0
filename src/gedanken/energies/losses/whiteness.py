"""Keep latents from collapsing by asking for a covariance of one in every direction, by its logarithm.

The divergence of a Gaussian of this covariance from the standard normal, D of its numbers: ½ (tr C − log det C − D) / D. Its
pull on a direction grows as one over the variance there, so a direction that hardly varies is not overlooked, as it is by
VICReg's hinge and squares: there 32 numbers may be five, told again and again (docs/decisions/0017). The log-determinant as a
barrier against that is CorInfoMax's (arXiv:2209.07999).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.collectives import batch_mean, batch_sum, processes
from gedanken.errors import ShapeError

_LEAST = 1e-3
"""Added to every direction's variance, so that the first steps of a training are finite."""


def whiteness(latents: Float[Tensor, "samples D"]) -> Float[Tensor, ""]:
    """About 0 for decorrelated numbers of variance 1, 0.4 for a deviation of 2 in half of them, 2.95 for all zeros.

    Samples are those of the whole batch, also where several processes hold a part of it each, all of one size.

    Raises:
        ShapeError: if there are fewer than two samples.
    """
    if latents.dim() != 2 or latents.shape[0] < 2:
        raise ShapeError(f"expected samples × dimensions with at least 2 samples; got {tuple(latents.shape)}.")
    width = latents.shape[1]
    with torch.autocast(latents.device.type, enabled=False):
        rows = latents.float()
        centred = rows - batch_mean(rows.mean(dim=0))
        covariance = batch_sum(centred.T @ centred) / (processes() * len(rows) - 1)
        floor = _LEAST * torch.eye(width, device=rows.device)
        return (covariance.diagonal().sum() - torch.logdet(covariance + floor) - width) / (2 * width)

"""What in a picture caused a surprise: parts of it are replaced by what was expected there, and the surprise is measured again.

The picture is cut into cells. Each in turn is replaced by the same cell of the picture that was expected, together with its
neighbours, so that a thing on a boundary is replaced whole; a cell counts by how much the surprise falls. Occlusion, after
Zeiler and Fergus (arXiv:1311.2901), with the expectation in place of grey.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gedanken.recipes import Loaded
from gedanken.types import Observation

CELLS = 8


@torch.no_grad()
def causes(
    loaded: Loaded, seen: Observation, expected: Float[Tensor, "P D"], picture: UInt8[Tensor, "height width 3"]
) -> Float[Tensor, "cells cells"]:
    """Share of the surprise that is gone when the cells around a place are as they were expected to be; below 0 where it grows.

    Args:
        loaded: the model.
        seen: the moment, streams `[1, ...]`.
        expected: the latent that was expected.
        picture: what that latent looks like.
    """
    pixels = seen["pixels"][0]
    height, width = pixels.shape[:2]
    rows = torch.arange(height) * CELLS // height
    columns = torch.arange(width) * CELLS // width
    cells = torch.cartesian_prod(torch.arange(CELLS), torch.arange(CELLS))
    near = ((rows[None, :, None] - cells[:, :1, None]).abs() <= 1) & (
        (columns[None, None, :] - cells[:, 1:, None]).abs() <= 1
    )
    mended = torch.where(near[..., None], picture, pixels)
    batch = {name: values.expand(len(mended), *values.shape[1:]) for name, values in seen.items()} | {"pixels": mended}
    latents = loaded.model.encode({name: values[:, None] for name, values in batch.items()})[:, 0]
    before = loaded.model.encode({name: values[:, None] for name, values in seen.items()})[0, 0]
    surprise = (before - expected).square().mean()
    left = (latents - expected).square().mean(dim=(1, 2))
    return (1 - left / surprise.clamp_min(1e-12)).view(CELLS, CELLS)

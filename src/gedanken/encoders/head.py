"""The head: how an encoder's last features become the latent, which decides what may keep latents from collapsing.

`layer_norm` ends in a LayerNorm: latents of one length, which suits the variance and covariance terms. SIGReg shapes the
whole cloud of latents and a fixed length is in its way, so `batch_norm_mlp` ends in a linear layer (LeWM, arXiv:2603.19312).
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from gedanken.batch_norm import BatchNorm
from gedanken.errors import BadInput

Head = Literal["layer_norm", "batch_norm_mlp"]
_HEADS = ("layer_norm", "batch_norm_mlp")


def check_head(head: str, hidden: int) -> None:
    """Raise `BadInput` where no head can be built."""
    if head not in _HEADS:
        raise BadInput(f"head={head!r} is unknown; choose one of {', '.join(_HEADS)}.")
    if hidden < 1:
        raise BadInput(f"head_hidden={hidden} must be at least 1.")


def head_layers(head: Head, features: int, latent: int, hidden: int) -> tuple[nn.Module, nn.Module]:
    """The two halves of a head, so that `norm(project(rows).float())` turns features `[rows, F]` into latents `[rows, D]`.

    The norm is apart because it works in float32 whatever the type of the layers before.

    Args:
        head: which one.
        features: F.
        latent: D.
        hidden: units of `batch_norm_mlp` between its two linear layers. In training mode its BatchNorm reads the statistics
            of the batch at hand, at least two rows; in `eval()` those it kept, so that latents do not depend on each other.
    """
    if head == "layer_norm":
        return nn.Linear(features, latent), nn.LayerNorm(latent)
    mlp = nn.Sequential(nn.Linear(features, hidden), BatchNorm(hidden), nn.GELU(), nn.Linear(hidden, latent))
    return mlp, nn.Identity()

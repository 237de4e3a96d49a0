"""From a loss to weights that are a little better: gradients, clipped by their norm, and AdamW."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_FUSED = ("cpu", "cuda")
"""Devices on which torch has AdamW in one pass over the weights: a third of the time that its single operations take."""


class Descent:
    """The optimiser of a run and how a step is taken with it.

    Args:
        parameters: what is trained, all on one device.
        beta2: decay of the average of squared gradients.
        weight_decay: AdamW's.
        clip: largest norm of the gradient.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], beta2: float, weight_decay: float, clip: float) -> None:
        self.parameters, self.clip = list(parameters), clip
        self.optimiser = torch.optim.AdamW(
            self.parameters,
            betas=(0.9, beta2),
            weight_decay=weight_decay,
            fused=self.parameters[0].device.type in _FUSED,
        )

    def __call__(self, loss: Tensor, learning_rate: float) -> Tensor:
        """Take a step; returns the norm the gradient had. Where that is not finite the weights stay as they are."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        if torch.isfinite(norm):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate
            self.optimiser.step()
        return norm

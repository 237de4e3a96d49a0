"""Rollouts of `ResidualMLP` in as few operations as there are products, the known of each worked out beforehand."""

from __future__ import annotations

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.models.engine.folding import affine
from gedanken.models.residual_mlp import ResidualMLP

gelu_ = torch.ops.aten.gelu_


class ResidualEngine:
    """A copy of a predictor's weights as its rollouts want them: float32, in which they are the predictor's own to 1e-5.

    Products are PyTorch's public ones: at the few rows of a search oneDNN's packed ones gain nothing that can be relied on.

    Args:
        predictor: in evaluation mode, of float32 on a CPU.
    """

    def __init__(self, predictor: ResidualMLP) -> None:
        self.latent: int = predictor.from_latent.in_features
        self.action: int = predictor.from_action.in_features
        # What adds up in the first layer has one bias, which comes with the action.
        self.from_latent, self.first_bias = turned(predictor.from_latent)
        self.from_action, _ = turned(predictor.from_action)
        *inner, last = (turned(layer) for layer in predictor.body if isinstance(layer, nn.Linear))
        self.inner, self.last = inner, last
        self.norm = deepcopy(predictor.norm)

    def __call__(
        self, latents: Float[Tensor, "B T D"], past: Float[Tensor, "B past A"], actions: Float[Tensor, "B N H A"]
    ) -> Float[Tensor, "B N H D"]:
        """Latents predicted; only the last of the context is read, and its part of the first step once for all candidates."""
        batch, candidates, horizon, _ = actions.shape
        start = latents[:, -1]
        shared = (start @ self.from_latent)[:, None]
        now = start[:, None].expand(-1, candidates, -1).flatten(0, 1)
        steps: list[Tensor] = []
        for action in actions.permute(2, 0, 1, 3).flatten(1, 2).contiguous():
            inner = torch.addmm(self.first_bias, action, self.from_action)
            if steps:
                inner.addmm_(now, self.from_latent)
            else:
                inner.view(batch, candidates, -1).add_(shared)
            inner = gelu_(inner)
            for weight, bias in self.inner:
                inner = gelu_(torch.addmm(bias, inner, weight))
            weight, bias = self.last
            now = self.norm(torch.addmm(bias, inner, weight).add_(now))
            steps.append(now)
        return torch.stack(steps, dim=1).view(batch, candidates, horizon, -1)


def turned(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """A linear layer's weight `[inner, outer]` and bias, zero where it has none, for `addmm`."""
    weight, bias = affine(layer)
    return weight.float().t(), bias.float()

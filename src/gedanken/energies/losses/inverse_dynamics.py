"""Which action led from here to there? A latent that can tell has kept what actions change (PLDM, arXiv:2502.14819)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class InverseDynamics(nn.Module):
    """A small network that names the mean action of a block from the latents before and after it.

    The mean over the block's `frame_skip` environment actions is asked for, since their order leaves little trace.
    """

    def __init__(self, latent: int, width: int, frame_skip: int, hidden: int = 256) -> None:
        super().__init__()
        self.width, self.frame_skip = width, frame_skip
        self.network = nn.Sequential(
            nn.Linear(2 * latent, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )

    def forward(self, latents: Float[Tensor, "B T P D"], actions: Float[Tensor, "B past A"]) -> Float[Tensor, ""]:
        """Mean squared error of the action named, in z-scores; `actions` `[B, T-1, A]` are normalised."""
        pairs = torch.cat([latents[:, :-1].flatten(2), latents[:, 1:].flatten(2)], dim=-1)
        block_mean = actions.unflatten(-1, (self.frame_skip, self.width)).mean(dim=-2)
        return (self.network(pairs).float() - block_mean).square().mean()

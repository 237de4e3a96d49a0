"""A second, slower clock in the same latent space: some model steps as one macro-action, and one prediction of where it leads.

After hierarchical planning with latent world models (HWM, arXiv:2604.03208). What a macro-action is, is learned with the
prediction: a few numbers that tell where a stretch of actions leads. So few that a search among them proposes little that nobody
ever did.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import ShapeError
from gedanken.models.residual_mlp import ResidualMLP, ResidualMLPConfig


class SlowClock(nn.Module):
    """Latents `[..., P, D]` and macro-actions `[..., M]` → the latents `stride` model steps later.

    Args:
        latent: D.
        action: A, numbers in one model step's action.
        stride: model steps of one macro-action.
        width: M, each number within −1 and 1.
        hidden: units of all hidden layers.
    """

    low: Tensor
    high: Tensor

    def __init__(self, latent: int, action: int, stride: int, width: int, hidden: int) -> None:
        super().__init__()
        self.stride, self.width = stride, width
        self.encoder = nn.Sequential(
            nn.Linear(stride * action, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, width),
            nn.Tanh(),
        )
        self.predictor = ResidualMLP(ResidualMLPConfig(hidden=hidden), latent, width)
        # What recordings did: a search that leaves it is answered with nonsense.
        self.register_buffer("low", -torch.ones(width))
        self.register_buffer("high", torch.ones(width))

    def macro(self, actions: Float[Tensor, "*rows stride A"]) -> Float[Tensor, "*rows M"]:
        """The macro-action that a stretch of normalised actions amounts to."""
        if actions.shape[-2] != self.stride:
            raise ShapeError(f"a macro-action is {self.stride} model steps long; these are {actions.shape[-2]}.")
        return self.encoder(actions.flatten(-2))

    def step(self, latents: Float[Tensor, "*rows P D"], macros: Float[Tensor, "*rows M"]) -> Float[Tensor, "*rows P D"]:
        """The latents one macro-action later."""
        return self.predictor(latents, self.predictor.condition(macros))

    def rollout(self, latents: Float[Tensor, "B P D"], macros: Float[Tensor, "B N H M"]) -> Float[Tensor, "B N H P D"]:
        """The latents after each of H macro-actions, of N candidates for each start."""
        now, seen = latents[:, None].expand(-1, macros.shape[1], -1, -1), []
        for each in macros.unbind(2):
            now = self.step(now, each)
            seen.append(now)
        return torch.stack(seen, dim=2)

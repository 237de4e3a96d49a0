"""How many steps it takes from one latent to another, learned from recordings alone.

Latent distance tells near from far only nearby, and knows no walls. What can be learned is whether two frames lie within k
steps of each other, for each k: frames of one episode that far apart say yes, frames of other episodes say no (after
semi-parametric topological memory, arXiv:1803.00653). The expected number of steps follows; beyond the largest k all is far.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

_PAIRS = 1 << 14
"""Compared at once: more falls out of the cache."""


class ReachHead(nn.Module):
    """Latents now and then `[..., P, D]` → `[..., K]`: logits of being within 1, 2, … K model steps.

    Args:
        latent: D.
        hidden: units of both hidden layers.
        farthest: K.
    """

    def __init__(self, latent: int, hidden: int, farthest: int) -> None:
        super().__init__()
        self.farthest = farthest
        self.from_latent = nn.Linear(latent, hidden)
        self.to_latent = nn.Linear(latent, hidden)
        self.body = nn.Sequential(nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, farthest))

    def forward(self, now: Float[Tensor, "*rows P D"], then: Float[Tensor, "*rows P D"]) -> Float[Tensor, "*rows K"]:
        """Logits, mean over P."""
        return self.body(self.from_latent(now) + self.to_latent(then)).mean(dim=-2)

    @torch.no_grad()
    def steps(self, some: Float[Tensor, "n P D"], others: Float[Tensor, "m P D"]) -> Float[Tensor, "n m"]:
        """Model steps expected from each of the first to each of the second, from 1 to K; K is K or farther."""
        now, then = self.from_latent(some), self.to_latent(others)
        found = []
        for rows in now.split(max(1, _PAIRS // max(1, len(then)))):
            logits = self.body(rows[:, None] + then).mean(dim=-2)  # [rows, m, K]
            found.append(1 + torch.sigmoid(-logits[..., :-1]).sum(dim=-1))
        return torch.cat(found) if found else some.new_zeros(0, len(others))

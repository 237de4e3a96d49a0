"""Latent × actions → latents.

In: a `Context` of latents and candidate actions `[B, N, H, A]`. Out: a `Rollout` `[B, N, H, P, D]`.
Open `jepa.py` first: encoder and predictor under one roof; `residual_mlp.py` is the predictor it starts with.
"""

from gedanken.models.jepa import JEPA
from gedanken.models.residual_mlp import ResidualMLP, ResidualMLPConfig

__all__ = ["JEPA", "ResidualMLP", "ResidualMLPConfig"]

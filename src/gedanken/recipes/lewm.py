"""LeWM: predict in latent space, and hold the latents up by one term that asks them to be Gaussian (arXiv:2603.19312).

Two terms and one weight. The encoder's head must not end in a norm, nor the predictor: a LayerNorm fixes the length of a latent
and is in the way of the Gaussian.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor, nn

from gedanken.collectives import processes
from gedanken.energies.losses import open_loop_errors, sigreg
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.types import Windows

PAPER_BATCH = 128
"""SIGReg grows with the batch, so its weight belongs to one; the paper's is kept and other batches are scaled to it."""


@dataclass(frozen=True, kw_only=True)
class LeWMConfig:
    """How the two terms are weighed.

    Args:
        kind: tells this objective from the others in a file.
        ahead: steps predicted in open loop from every start; the paper predicts one.
        prediction: weight of the mean squared prediction error.
        sigreg: weight of the Gaussian term at the paper's batch of 128.
        slices: random directions in which latents are compared with a Gaussian; the paper's 1024 gain little over fewer.
    """

    kind: Literal["lewm"] = "lewm"
    ahead: int = 1
    prediction: float = 1.0
    sigreg: float = 0.09
    slices: int = 256

    def __post_init__(self) -> None:
        if self.ahead < 1 or self.slices < 1:
            raise BadInput(f"ahead={self.ahead} and slices={self.slices} must each be at least 1.")
        if self.prediction < 0 or self.sigreg < 0:
            raise BadInput(f"prediction={self.prediction} and sigreg={self.sigreg} are weights of at least 0.")


class LeWM(nn.Module):
    """The objective: both terms of one batch. It has no weights of its own."""

    def __init__(self, config: LeWMConfig, latent: int, width: int, frame_skip: int) -> None:
        super().__init__()
        self.config = config

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        """Weighted terms by name."""
        weigh = self.config
        latents = model.encode(windows.observations)
        predicted = model.open_loop(latents, windows.actions, weigh.ahead)
        scale = weigh.sigreg * PAPER_BATCH / (processes() * len(latents))
        return {
            "prediction": weigh.prediction * open_loop_errors(predicted, latents).mean(),
            "sigreg": scale * sigreg(latents, generator, weigh.slices),
        }

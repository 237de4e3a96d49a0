"""Learn to expect what is out of sight: predict on with eyes shut, and be judged by what was there.

A stretch of frames is taken away and the predictor reads its own predictions in their place, so what is hidden must live on in
its memory. Against collapse `whiteness` holds up what *changes*: latents less their own mean over the window. A picture's
background, or the place in it, would else fill the latents for nothing, the slow-feature trap (arXiv:2211.10831), since both are
the same in all of a window's frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Generator, Tensor, nn

from gedanken.energies.losses import whiteness
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.types import Windows


@dataclass(frozen=True, kw_only=True)
class BlinksConfig:
    """How often eyes are shut, and how the terms are weighed.

    Args:
        kind: tells this objective from the others in a file.
        ahead: longest stretch of frames, in model steps, for which the eyes are shut.
        share: of windows in which they are; 0 learns from one step ahead alone.
        prediction, whiteness: weights; 0 leaves out. A number whose prediction errs by a share r of its variance ends at
            a variance of 1 / (1 + 2 r · prediction / whiteness).
    """

    kind: Literal["blinks"] = "blinks"
    ahead: int = 8
    share: float = 0.6
    prediction: float = 1.0
    whiteness: float = 4.0

    def __post_init__(self) -> None:
        if self.ahead < 1 or not 0 <= self.share <= 1:
            raise BadInput(f"ahead={self.ahead} must be at least 1 step, and share={self.share} from 0 to 1.")
        if min(self.prediction, self.whiteness) < 0:
            raise BadInput("the weights prediction and whiteness must be at least 0; 0 leaves a term out.")


class Blinks(nn.Module):
    """The objective: weighted terms of one batch. It has no weights of its own."""

    def __init__(self, config: BlinksConfig, latent: int, width: int, frame_skip: int) -> None:
        super().__init__()
        self.config = config

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        """Weighted terms by name."""
        weigh = self.config
        latents = model.encode(windows.observations)
        shut = shut_eyes(*latents.shape[:2], weigh.share, weigh.ahead, generator).to(latents.device)
        predicted = model.watched(latents, windows.actions, shut)
        moving = (latents - latents.mean(dim=1, keepdim=True)).flatten(0, 2)
        terms = {
            "prediction": (weigh.prediction, lambda: (predicted - latents[:, 1:]).square().mean()),
            "whiteness": (weigh.whiteness, lambda: whiteness(moving)),
        }
        return {name: weight * term() for name, (weight, term) in terms.items() if weight}


def shut_eyes(batch: int, frames: int, share: float, longest: int, generator: Generator) -> Bool[Tensor, "B T"]:
    """Which frames nobody sees: in a share of the rows one stretch of 1 to `longest`, never the first frame."""
    first = torch.randint(1, max(frames - 1, 2), (batch, 1), generator=generator)
    length = torch.randint(1, longest + 1, (batch, 1), generator=generator)
    blinks = torch.rand(batch, 1, generator=generator) < share
    frame = torch.arange(frames)
    return blinks & (frame >= first) & (frame < first + length)

"""Learn to expect what is out of sight: cover a part of the picture for a while, and be judged by what was there.

What is covered reads as nothing, so it must live on in the predictor's memory, as it must behind a curtain; a recording has few
curtains, and covers can be anywhere. Against collapse `whiteness` holds up what *changes*: latents less their own mean over the
window. A picture's background, or the place in it, would else fill the latents for nothing, the slow-feature trap
(arXiv:2211.10831), since both are the same in all of a window's frames. Blocks of places that stay covered for a stretch of
frames are V-JEPA's masks (arXiv:2404.08471).
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

_WHOLE = 0.25
"""Share of the covers that hide all of the picture."""


@dataclass(frozen=True, kw_only=True)
class CoveredConfig:
    """How much is covered, and how the terms are weighed.

    Args:
        kind: tells this objective from the others in a file.
        ahead: longest stretch of frames, in model steps, for which a cover stays.
        share: of windows in which there is one; 0 learns from one step ahead alone.
        prediction, whiteness: weights; 0 leaves out. A number whose prediction errs by a share r of its variance ends at
            a variance of 1 / (1 + 2 r · prediction / whiteness).
    """

    kind: Literal["covered"] = "covered"
    ahead: int = 8
    share: float = 0.8
    prediction: float = 1.0
    whiteness: float = 4.0

    def __post_init__(self) -> None:
        if self.ahead < 1 or not 0 <= self.share <= 1:
            raise BadInput(f"ahead={self.ahead} must be at least 1 step, and share={self.share} from 0 to 1.")
        if min(self.prediction, self.whiteness) < 0:
            raise BadInput("the weights prediction and whiteness must be at least 0; 0 leaves a term out.")


class Covered(nn.Module):
    """The objective: weighted terms of one batch. It has no weights of its own."""

    def __init__(self, config: CoveredConfig, latent: int, width: int, frame_skip: int) -> None:
        super().__init__()
        self.config = config

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        """Weighted terms by name."""
        weigh = self.config
        latents = model.encode(windows.observations)
        batch, frames, places, _ = latents.shape
        grid = getattr(model.encoder, "grid", (1, places))
        hidden = covers(batch, frames, grid, weigh.share, weigh.ahead, generator).to(latents.device)
        predicted = model.watched(latents, windows.actions, hidden)
        moving = (latents - latents.mean(dim=1, keepdim=True)).flatten(0, 2)
        terms = {
            "prediction": (weigh.prediction, lambda: (predicted - latents[:, 1:]).square().mean()),
            "whiteness": (weigh.whiteness, lambda: whiteness(moving)),
        }
        return {name: weight * term() for name, (weight, term) in terms.items() if weight}


def covers(
    batch: int, frames: int, grid: tuple[int, int], share: float, longest: int, generator: Generator
) -> Bool[Tensor, "B T P"]:
    """What nobody sees: in a share of the rows one block of places, for up to `longest` frames, never in the first.

    A block is half as wide and half as high as the picture at least, some of it outside; one in four is all of the picture.
    """
    first, last = _stretch(frames - 1, 1, longest, batch, generator)
    frame = torch.arange(frames) - 1
    during = (frame >= first) & (frame < last) & (frame >= 0)
    whole = torch.rand(batch, 1, generator=generator) < _WHOLE
    sides = []
    for side in grid:
        start, stop = _stretch(side, (side + 1) // 2, side, batch, generator)
        place = torch.arange(side)
        sides.append(whole | ((place >= start) & (place < stop)))
    covered = torch.rand(batch, 1, 1, generator=generator) < share
    block = (sides[0][:, :, None] & sides[1][:, None, :]).flatten(1)
    return covered & during[:, :, None] & block[:, None, :]


def _stretch(size: int, least: int, most: int, batch: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """First and one after the last `[B, 1]` of stretches of `least` to `most`, at least one of it within 0 to `size`."""
    length = torch.randint(least, most + 1, (batch, 1), generator=generator)
    first = (torch.rand(batch, 1, generator=generator) * (size + length - 1)).long() - length + 1
    return first, first + length

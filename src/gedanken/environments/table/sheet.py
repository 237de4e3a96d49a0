"""Contact sheets: a quadruplet as four strips of frames, so that a person sees what is odd."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from gedanken.environments.table.crossing import Quadruplet
from gedanken.errors import BadInput

SHOWN = 14  # frames of a strip
ROWS = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Clips as (context, outcome): each possible one above what cannot follow from the same context."""

_RED = (255, 0, 0)
_SCALE = 2


def sheet(quads: Sequence[Quadruplet]) -> Image.Image:
    """A picture of four strips a quadruplet, evenly spread frames from left to right; impossible ones have a red edge.

    Raises:
        BadInput: there are none.
    """
    if not quads:
        raise BadInput("there is nothing to draw; give one quadruplet at least.")
    strips = [_strip(quad, *each) for quad in quads for each in ROWS]
    drawn = Image.fromarray(torch.cat(strips).numpy())
    return drawn.resize((drawn.width * _SCALE, drawn.height * _SCALE), Image.Resampling.NEAREST)


def _strip(quad: Quadruplet, context: int, outcome: int) -> Tensor:
    clip = quad.clip(context, outcome)
    chosen = torch.linspace(0, len(clip) - 1, SHOWN).round().long()
    strip = torch.cat(list(clip[chosen]), dim=1)
    strip[-1:] = 0
    if context != outcome:
        strip[:2] = torch.tensor(_RED, dtype=torch.uint8)
    return strip

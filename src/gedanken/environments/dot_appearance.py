"""How Two Rooms looks: the factors of variation of a drawing, with disjoint ranges for training and testing.

Factors are the entries of a state that physics never reads: `dot_color`, `wall_color`, `background_color` `[B, 3]`
(0 to 255), `dot_sigma [B]` (px), `texture_amplitude [B]` (grey levels) and `texture_seed [B]` (int64).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from gedanken.errors import unknown_name

# Wall and background share one red and dot and background share green and blue: the red channel holds the dot alone,
# and a normaliser that divides by each channel's own spread makes the small dot as large as the walls.
DOT_COLOR = (255.0, 40.0, 64.0)
WALL_COLOR = (32.0, 200.0, 180.0)
BACKGROUND_COLOR = (32.0, 40.0, 64.0)
DOT_SIGMA = 1.3


@dataclass(frozen=True)
class FactorRanges:
    """Half-open ranges [low, high) one split draws from; hues in turns of the colour circle."""

    hue: tuple[float, float]
    dot_sigma: tuple[float, float]
    texture_amplitude: tuple[float, float]
    texture_seed: tuple[int, int]


FACTOR_RANGES: dict[str, FactorRanges] = {
    "train": FactorRanges(
        hue=(0.0, 0.45), dot_sigma=(1.0, 1.45), texture_amplitude=(0.0, 10.0), texture_seed=(0, 2**20)
    ),
    "test": FactorRanges(
        hue=(0.55, 0.95), dot_sigma=(1.5, 1.9), texture_amplitude=(12.0, 24.0), texture_seed=(2**20, 2**21)
    ),
}


def default_factors(count: int) -> dict[str, Tensor]:
    """The standard look, `count` times."""
    return {
        "dot_color": torch.tensor(DOT_COLOR).expand(count, 3),
        "wall_color": torch.tensor(WALL_COLOR).expand(count, 3),
        "background_color": torch.tensor(BACKGROUND_COLOR).expand(count, 3),
        "dot_sigma": torch.tensor(DOT_SIGMA).expand(count),
        "texture_amplitude": torch.tensor(0.0).expand(count),
        "texture_seed": torch.tensor(0).expand(count),
    }


def draw_factors(split: str, count: int, generator: Generator) -> dict[str, Tensor]:
    """`count` appearances of `split`: `default`, `train` or `test`.

    Raises:
        UnknownName: there is no such split.
    """
    if split == "default":
        return default_factors(count)
    if split not in FACTOR_RANGES:
        raise unknown_name("split", split, ("default", *FACTOR_RANGES))
    ranges = FACTOR_RANGES[split]

    def uniform(bounds: tuple[float, float]) -> Tensor:
        return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, generator=generator)

    # The dot is bright, the wall half bright and the background dark, so that every draw can be made out.
    return {
        "dot_color": _rgb(uniform(ranges.hue), saturation=0.85, value=1.0),
        "wall_color": _rgb(uniform(ranges.hue), saturation=0.5, value=0.6),
        "background_color": _rgb(uniform(ranges.hue), saturation=0.5, value=0.2),
        "dot_sigma": uniform(ranges.dot_sigma),
        "texture_amplitude": uniform(ranges.texture_amplitude),
        "texture_seed": torch.randint(*ranges.texture_seed, (count,), generator=generator),
    }


def _rgb(hue: Tensor, saturation: float, value: float) -> Tensor:
    """Colours `[B, 3]` in 0 to 255 of hues `[B]` in turns."""
    # Each channel is a trapezoid of the hue, a third of a turn apart.
    distance = ((hue[:, None] * 6 - torch.tensor([0.0, 2.0, 4.0]) + 3) % 6 - 3).abs()
    return 255 * value * (1 - saturation * (1 - (2 - distance).clamp(0, 1)))

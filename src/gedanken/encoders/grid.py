"""Pixels to a grid of latents: one for each square of 8×8 pixels, so that a small thing has a latent of its own.

One vector for a whole picture loses what is small. Here P = height/8 × width/8, and the latent of a place has seen a square of
14 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gedanken.encoders.pixels import checked_pixels, normalised_frames, register_statistics
from gedanken.errors import BadInput
from gedanken.types import Observation

CELL = 8
"""Pixels along the side of a place."""


@dataclass(frozen=True, kw_only=True)
class GridEncoderConfig:
    """How pixels become a grid of latents.

    Args:
        kind: tells this configuration from another encoder's.
        size: (height, width) of a frame in pixels, each a multiple of 8.
        channels: colours of a frame.
        width: channels of the first layer; the two after it have twice as many.
        latent: D, the width of each place's latent.
    """

    kind: Literal["grid"] = "grid"
    size: tuple[int, int] = (64, 64)
    channels: int = 3
    width: int = 32
    latent: int = 32

    def __post_init__(self) -> None:
        if any(side <= 0 or side % CELL for side in self.size):
            raise BadInput(f"size={self.size} must be positive multiples of {CELL} pixels; resize the frames first.")
        if min(self.channels, self.width, self.latent) < 1:
            raise BadInput("channels, width and latent must each be at least 1.")

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w): rows and columns of places."""
        return self.size[0] // CELL, self.size[1] // CELL


class GridEncoder(nn.Module):
    """Frames `[B, T, height, width, channels]` uint8 → latents `[B, T, P, D]`, places row by row from the top left.

    There is no norm at the end: where nothing is, a latent should be short, and a norm would blow up what is left of it.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: GridEncoderConfig) -> None:
        super().__init__()
        self.config = config
        register_statistics(self, config.channels)
        first, later = config.width, 2 * config.width
        self.convolutions = nn.Sequential(
            nn.Conv2d(config.channels, first, kernel_size=6, stride=4, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, later, kernel_size=3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(later, later, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(later, config.latent, kernel_size=1),
        )

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w): rows and columns of places, P = h·w."""
        return self.config.grid

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the `pixels` stream.

        Raises:
            ShapeError: if frames have another size or number of channels than the encoder was made for.
        """
        pixels = checked_pixels(observation, self.config.size, self.config.channels)
        maps = self.convolutions(normalised_frames(pixels, self.pixel_mean, self.pixel_std))
        return maps.float().flatten(2).transpose(1, 2).reshape(*pixels.shape[:2], -1, self.config.latent)

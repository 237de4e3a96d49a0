"""Pixels as they are, cut into squares: an encoder that learns nothing, so that what predicts its latents predicts pixels.

It is what a model that predicts in latent space is compared with: the same predictor, the same data, no latents of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gedanken.encoders.grid import CELL
from gedanken.encoders.pixels import checked_pixels, normalised_frames, register_statistics
from gedanken.errors import BadInput
from gedanken.types import Observation


@dataclass(frozen=True, kw_only=True)
class PatchesConfig:
    """Which squares.

    Args:
        kind: tells this configuration from another encoder's.
        size: (height, width) of a frame in pixels, each a multiple of 8.
        channels: colours of a frame.
    """

    kind: Literal["patches"] = "patches"
    size: tuple[int, int] = (64, 64)
    channels: int = 3

    def __post_init__(self) -> None:
        if self.channels < 1 or any(side <= 0 or side % CELL for side in self.size):
            raise BadInput(
                f"size={self.size} must be positive multiples of {CELL} pixels and channels={self.channels} at least 1."
            )

    @property
    def latent(self) -> int:
        """D: the numbers of one square."""
        return CELL * CELL * self.channels

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w): rows and columns of squares."""
        return self.size[0] // CELL, self.size[1] // CELL


class Patches(nn.Module):
    """Frames `[B, T, height, width, channels]` uint8 → their squares in z-scores `[B, T, P, D]`, row by row."""

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: PatchesConfig) -> None:
        super().__init__()
        self.config = config
        register_statistics(self, config.channels)

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w): rows and columns of squares, P = h·w."""
        return self.config.grid

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the `pixels` stream.

        Raises:
            ShapeError: if frames have another size or number of channels than the encoder was made for.
        """
        pixels = checked_pixels(observation, self.config.size, self.config.channels)
        frames = normalised_frames(pixels, self.pixel_mean, self.pixel_std)
        squares = frames.unflatten(3, (-1, CELL)).unflatten(2, (-1, CELL))  # frame, channel, row, y, column, x
        return squares.permute(0, 2, 4, 3, 5, 1).reshape(*pixels.shape[:2], -1, self.config.latent)

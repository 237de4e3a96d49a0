"""Pixels to one vector by a few strided convolutions: the backward pass is the bottleneck on a CPU, so resolution falls fast.

Two stems: `patchify` cuts the picture into overlapping 6×6 patches at stride 4 in its first layer; `strided` halves the
resolution layer by layer and keeps more detail at about three times the cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput, ShapeError
from gedanken.types import Observation

Stem = Literal["patchify", "strided"]

# (channels as a multiple of the base width, kernel, stride, padding) of each layer
_STEMS: Mapping[str, tuple[tuple[int, int, int, int], ...]] = {
    "patchify": ((1, 6, 4, 1), (2, 3, 2, 1), (2, 3, 1, 1)),
    "strided": ((1, 5, 2, 2), (2, 3, 2, 1), (2, 3, 2, 1)),
}


@dataclass(frozen=True, kw_only=True)
class ConvEncoderConfig:
    """How pixels become a vector.

    Args:
        stem: `patchify` (fast) or `strided` (finer).
        size: (height, width) of a frame in pixels, each a multiple of 8.
        channels: colours of a frame.
        width: channels of the first layer; the later ones have twice as many.
        latent: D, the latent's width.
    """

    stem: Stem = "patchify"
    size: tuple[int, int] = (64, 64)
    channels: int = 3
    width: int = 32
    latent: int = 128

    def __post_init__(self) -> None:
        if self.stem not in _STEMS:
            raise BadInput(f"stem={self.stem!r} is unknown; choose one of {', '.join(_STEMS)}.")
        if any(side <= 0 or side % 8 for side in self.size):
            raise BadInput(f"size={self.size} must be positive multiples of 8 pixels; resize the frames first.")
        if min(self.channels, self.width, self.latent) < 1:
            raise BadInput("channels, width and latent must each be at least 1.")


class ConvEncoder(nn.Module):
    """Frames `[B, T, height, width, channels]` uint8 → latents `[B, T, 1, D]`.

    Pixels are normalised inside by the training set's own mean and deviation of each channel, which are buffers and so
    part of the model file: a small dot in a channel of its own becomes large, or inverse dynamics never starts.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: ConvEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("pixel_mean", torch.zeros(config.channels))
        self.register_buffer("pixel_std", torch.ones(config.channels))
        layers: list[nn.Module] = []
        channels = config.channels
        for multiple, kernel, stride, padding in _STEMS[config.stem]:
            layers += [nn.Conv2d(channels, multiple * config.width, kernel, stride, padding), nn.ReLU(inplace=True)]
            channels = multiple * config.width
        self.convolutions = nn.Sequential(*layers)
        cells = config.size[0] * config.size[1] // 64
        self.project = nn.Linear(channels * cells, config.latent)
        self.norm = nn.LayerNorm(config.latent)

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the `pixels` stream.

        Raises:
            ShapeError: if frames have another size or number of channels than the encoder was made for.
        """
        if "pixels" not in observation:
            raise ShapeError(f"this encoder reads the stream 'pixels'; the observation has {sorted(observation)}.")
        pixels = observation["pixels"]
        expected = (*self.config.size, self.config.channels)
        if pixels.dim() != 5 or pixels.shape[2:] != expected:
            raise ShapeError(f"pixels are {tuple(pixels.shape)}; expected [B, T, {', '.join(map(str, expected))}].")
        batch, past = pixels.shape[:2]
        # Frames come as height × width × channels, which is what channels-last convolutions read: no copy is made.
        frames = pixels.flatten(0, 1).permute(0, 3, 1, 2).float()
        scale = self.pixel_std.reciprocal()[:, None, None]
        features = self.convolutions((frames - self.pixel_mean[:, None, None]) * scale)
        return self.norm(self.project(features.flatten(1)).float()).view(batch, past, 1, -1)

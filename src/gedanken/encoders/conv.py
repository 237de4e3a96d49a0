"""Pixels to one vector by a few strided convolutions: the backward pass is the bottleneck on a CPU, so resolution falls fast.

Two stems: `patchify` cuts the picture into overlapping 6×6 patches at stride 4 in its first layer; `strided` halves the
resolution layer by layer and keeps more detail at about three times the cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from gedanken.encoders.head import Head, check_head, head_layers
from gedanken.encoders.pixels import checked_pixels, normalised_frames, register_statistics
from gedanken.errors import BadInput
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
        kind: tells this configuration from another encoder's.
        stem: `patchify` (fast) or `strided` (finer).
        size: (height, width) of a frame in pixels, each a multiple of 8.
        channels: colours of a frame.
        width: channels of the first layer; the later ones have twice as many.
        latent: D, the latent's width.
        head: how features become the latent; `batch_norm_mlp` where SIGReg keeps latents from collapsing.
        head_hidden: hidden units of `batch_norm_mlp`.
    """

    kind: Literal["conv"] = "conv"
    stem: Stem = "patchify"
    size: tuple[int, int] = (64, 64)
    channels: int = 3
    width: int = 32
    latent: int = 128
    head: Head = "layer_norm"
    head_hidden: int = 512

    def __post_init__(self) -> None:
        if self.stem not in _STEMS:
            raise BadInput(f"stem={self.stem!r} is unknown; choose one of {', '.join(_STEMS)}.")
        if any(side <= 0 or side % 8 for side in self.size):
            raise BadInput(f"size={self.size} must be positive multiples of 8 pixels; resize the frames first.")
        if min(self.channels, self.width, self.latent) < 1:
            raise BadInput("channels, width and latent must each be at least 1.")
        check_head(self.head, self.head_hidden)


class ConvEncoder(nn.Module):
    """Frames `[B, T, height, width, channels]` uint8 → latents `[B, T, 1, D]`.

    Pixels are normalised inside, by statistics that are part of the model file.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: ConvEncoderConfig) -> None:
        super().__init__()
        self.config = config
        register_statistics(self, config.channels)
        layers: list[nn.Module] = []
        channels = config.channels
        for multiple, kernel, stride, padding in _STEMS[config.stem]:
            layers += [nn.Conv2d(channels, multiple * config.width, kernel, stride, padding), nn.ReLU(inplace=True)]
            channels = multiple * config.width
        self.convolutions = nn.Sequential(*layers)
        cells = config.size[0] * config.size[1] // 64
        self.project, self.norm = head_layers(config.head, channels * cells, config.latent, config.head_hidden)

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the `pixels` stream.

        Raises:
            ShapeError: if frames have another size or number of channels than the encoder was made for.
        """
        pixels = checked_pixels(observation, self.config.size, self.config.channels)
        features = self.convolutions(normalised_frames(pixels, self.pixel_mean, self.pixel_std))
        return self.norm(self.project(features.flatten(1)).float()).view(*pixels.shape[:2], 1, -1)

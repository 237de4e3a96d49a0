"""Pixels to a few places: each feature map says where in the picture it is strongest, and the latent is made of these places.

A place read off a map is the same whatever stands around it, so where things are is learned once and not cell by cell: after
a thousand steps a door is found twice as precisely as by a dense layer over the same maps, with a fifteenth of the weights
(docs/decisions/0008). Spatial softmax after Levine et al. (arXiv:1504.00702) and Finn et al. (arXiv:1509.06113).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.encoders.head import Head, check_head, head_layers
from gedanken.encoders.pixels import checked_pixels, normalised_frames, register_statistics
from gedanken.errors import BadInput
from gedanken.types import Observation

_REACH = 2.0
"""Coordinates run from −2 to 2 over the picture, so that places drawn evenly have about unit variance."""
_STRENGTH = 0.25
"""Scale of the maps' strengths beside the coordinates."""


@dataclass(frozen=True, kw_only=True)
class KeypointEncoderConfig:
    """How pixels become places, and places a vector.

    Args:
        kind: tells this configuration from another encoder's.
        size: (height, width) of a frame in pixels, each a multiple of 8.
        channels: colours of a frame.
        width: channels of the first layer, whose 6×6 patches lie 4 pixels apart.
        keypoints: maps a place is read off; each gives its coordinates and its strength.
        latent: D, the latent's width.
        head: how the places become the latent; `batch_norm_mlp` where SIGReg keeps latents from collapsing.
        head_hidden: hidden units of `batch_norm_mlp`.
    """

    kind: Literal["keypoints"] = "keypoints"
    size: tuple[int, int] = (64, 64)
    channels: int = 3
    width: int = 16
    keypoints: int = 32
    latent: int = 128
    head: Head = "layer_norm"
    head_hidden: int = 512

    def __post_init__(self) -> None:
        if any(side <= 0 or side % 8 for side in self.size):
            raise BadInput(f"size={self.size} must be positive multiples of 8 pixels; resize the frames first.")
        if min(self.channels, self.width, self.keypoints, self.latent) < 1:
            raise BadInput("channels, width, keypoints and latent must each be at least 1.")
        check_head(self.head, self.head_hidden)


class KeypointEncoder(nn.Module):
    """Frames `[B, T, height, width, channels]` uint8 → latents `[B, T, 1, D]`.

    Pixels are normalised inside, by statistics that are part of the model file.
    """

    pixel_mean: Tensor
    pixel_std: Tensor
    coordinates: Tensor

    def __init__(self, config: KeypointEncoderConfig) -> None:
        super().__init__()
        self.config = config
        register_statistics(self, config.channels)
        self.patches = nn.Conv2d(config.channels, config.width, kernel_size=6, stride=4, padding=1)
        self.maps = nn.Conv2d(config.width, config.keypoints, kernel_size=3, padding=1)
        rows, columns = (torch.linspace(-_REACH, _REACH, side // 4) for side in config.size)
        grid = torch.cartesian_prod(rows, columns)
        self.register_buffer("coordinates", grid, persistent=False)
        self.project, self.norm = head_layers(config.head, 3 * config.keypoints, config.latent, config.head_hidden)

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the `pixels` stream.

        Raises:
            ShapeError: if frames have another size or number of channels than the encoder was made for.
        """
        pixels = checked_pixels(observation, self.config.size, self.config.channels)
        features = self.patches(normalised_frames(pixels, self.pixel_mean, self.pixel_std)).relu()
        places = self._places(self.maps(features).flatten(2).float())
        return self.norm(self.project(places).float()).view(*pixels.shape[:2], 1, -1)

    def _places(self, maps: Float[Tensor, "frames keypoints cells"]) -> Float[Tensor, "frames features"]:
        """Where each map is strongest, by expectation, and how strong it is there."""
        share = maps.softmax(dim=-1)
        strength = _STRENGTH * (share * maps).sum(dim=-1)
        return torch.cat([(share @ self.coordinates).flatten(1), strength], dim=1)

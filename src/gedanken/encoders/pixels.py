"""Pixels as every encoder wants them: of the size it was made for, each channel of mean 0 and deviation 1."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn, ones, zeros

from gedanken.errors import ShapeError
from gedanken.types import Observation


def register_statistics(encoder: nn.Module, channels: int) -> None:
    """Give an encoder the buffers `pixel_mean` and `pixel_std`, to be set to the training set's own.

    They are part of the model file: a small dot in a channel of its own becomes large, or inverse dynamics never starts.
    """
    encoder.register_buffer("pixel_mean", zeros(channels))
    encoder.register_buffer("pixel_std", ones(channels))


def checked_pixels(observation: Observation, size: tuple[int, int], channels: int) -> Tensor:
    """The `pixels` stream `[B, T, height, width, channels]`.

    Raises:
        ShapeError: if there is none, or its frames have another size or number of channels than the encoder was made for.
    """
    if "pixels" not in observation:
        raise ShapeError(f"this encoder reads the stream 'pixels'; the observation has {sorted(observation)}.")
    pixels = observation["pixels"]
    expected = (*size, channels)
    if pixels.dim() != 5 or pixels.shape[2:] != expected:
        raise ShapeError(f"pixels are {tuple(pixels.shape)}; expected [B, T, {', '.join(map(str, expected))}].")
    return pixels


def normalised_frames(
    pixels: Tensor, mean: Float[Tensor, " channels"], std: Float[Tensor, " channels"]
) -> Float[Tensor, "frames channels height width"]:
    """Pixels `[B, T, height, width, channels]` as one stack of B·T frames in z-scores."""
    # Whole rows of pixels at a time: broadcast over the three colours alone, this took half of an encoder's training step.
    width = pixels.shape[3]
    rows = pixels.flatten(3).to(torch.float32, copy=True).sub_(mean.repeat(width)).mul_(std.reciprocal().repeat(width))
    # Frames come as height × width × channels, which is what channels-last convolutions read: no copy is made.
    return rows.view(pixels.shape).flatten(0, 1).permute(0, 3, 1, 2)

"""Pixels as every encoder wants them: of the size it was made for, each channel of mean 0 and deviation 1."""

from __future__ import annotations

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
    # Frames come as height × width × channels, which is what channels-last convolutions read: no copy is made.
    frames = pixels.flatten(0, 1).permute(0, 3, 1, 2).float()
    return (frames - mean[:, None, None]) * std.reciprocal()[:, None, None]

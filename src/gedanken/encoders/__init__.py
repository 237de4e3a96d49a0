"""Observation → latent.

In: a mapping of named streams `[B, T, ...]`, pixels as uint8. Out: latents `[B, T, P, D]`.
Open `conv.py` first: the small convolutional encoder that every shipped model uses.
"""

from gedanken.encoders.conv import ConvEncoder, ConvEncoderConfig

__all__ = ["ConvEncoder", "ConvEncoderConfig"]

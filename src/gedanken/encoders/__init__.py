"""Observation → latent.

In: a mapping of named streams `[B, T, ...]`, pixels as uint8. Out: latents `[B, T, P, D]`.
Open `conv.py` first: the small convolutional encoder that every shipped model uses. `vit.py` is a transformer beside it;
both see `pixels.py` before them and end in a `head.py`.
"""

from gedanken.encoders.conv import ConvEncoder, ConvEncoderConfig
from gedanken.encoders.vit import ViTEncoder, ViTEncoderConfig

__all__ = ["ConvEncoder", "ConvEncoderConfig", "ViTEncoder", "ViTEncoderConfig"]

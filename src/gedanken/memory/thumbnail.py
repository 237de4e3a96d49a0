"""Pictures small enough to keep ten of each second: at most 64 x 64, as WebP.

A picture of at most 256 colours that takes at most 1000 bytes so is kept without loss, as rendered worlds often are (200 bytes
for two-rooms); any other at quality 70 (1 KB for a camera's). Where Pillow was built without WebP, PNG and JPEG take its place.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError, features
from torch import Tensor

from gedanken.errors import BadMemoryFile, ShapeError

SIDE = 64
_FEW, _EXACT_BYTES = 256, 1000
_KINDS = ("WEBP", "PNG", "JPEG")


def encoded(pixels: Tensor) -> bytes:
    """The thumbnail of uint8 pixels `[height, width, 3]`; larger ones are averaged down, in proportion."""
    if pixels.dtype != torch.uint8 or pixels.dim() != 3 or pixels.shape[2] != 3 or not pixels.numel():
        raise ShapeError(
            f"the pixels are {pixels.dtype} {tuple(pixels.shape)}; expected torch.uint8 [height, width, 3], or None."
        )
    image = Image.fromarray(pixels.cpu().numpy())
    if max(image.size) > SIDE:
        scale = SIDE / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    exact, lossy = ("WEBP", "WEBP") if features.check("webp") else ("PNG", "JPEG")
    if image.getcolors(_FEW) is not None:
        kept = _saved(image, exact, lossless=True, method=2, quality=50) if exact == "WEBP" else _saved(image, exact)
        if len(kept) <= _EXACT_BYTES:
            return kept
    return _saved(image, lossy, method=4, quality=70) if lossy == "WEBP" else _saved(image, lossy, quality=70)


def decoded(picture: bytes, moment: int) -> Tensor:
    """Pixels uint8 `[height, width, 3]` of a stored thumbnail.

    Raises:
        BadMemoryFile: it is no picture of a kind that is kept here, or a larger one.
    """
    try:
        with Image.open(io.BytesIO(picture), formats=_KINDS) as image:
            if max(image.size) > SIDE:  # known before a byte of it is unpacked
                raise BadMemoryFile(
                    f"the thumbnail of moment {moment} says it is {image.size}; at most {SIDE} is kept."
                )
            return torch.from_numpy(np.array(image.convert("RGB")))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadMemoryFile(f"the thumbnail of moment {moment} cannot be read; the file is damaged.") from error


def _saved(image: Image.Image, kind: str, **how: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()

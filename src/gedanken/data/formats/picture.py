"""One still picture: decoded from PNG or JPEG, and made smaller by averaging over area."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from gedanken.data.formats.packages import first_line
from gedanken.errors import BadEpisodeFile

MOST_PIXELS = 50_000_000
"""Of one picture: a few bytes can claim one that fills the memory."""

_ENCODINGS = ("JPEG", "PNG")


def decoded(content: object, size: tuple[int, int] | None, where: str) -> np.ndarray:
    """The picture in `content` as uint8 `[height, width, 3]`.

    Args:
        content: bytes of one JPEG or PNG.
        size: height and width wanted, averaged over area; None keeps the picture's own.
        where: how a refusal names the picture, such as "row 3 of drive.parquet".
    Raises:
        BadEpisodeFile: no bytes, no such picture, or one of more than `MOST_PIXELS`.
    """
    if not isinstance(content, bytes):
        raise BadEpisodeFile(f"{where} holds {type(content).__name__} where an encoded image was expected.")
    try:
        with Image.open(BytesIO(content), formats=_ENCODINGS) as picture:
            # Looked at before decoding.
            if picture.width * picture.height > MOST_PIXELS:
                raise BadEpisodeFile(f"{where} claims a picture of {picture.width}×{picture.height} pixels.")
            return _resized(picture.convert("RGB"), size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadEpisodeFile(f"{where} holds no readable JPEG or PNG: {first_line(error)}.") from error


def resized(pixels: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """uint8 `[height, width, 3]` at `size`, each new pixel the mean of the area it covers; another aspect is squeezed."""
    return pixels if size in (None, pixels.shape[:2]) else _resized(Image.fromarray(pixels), size)


def _resized(picture: Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    if size is not None:
        picture = picture.resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture)

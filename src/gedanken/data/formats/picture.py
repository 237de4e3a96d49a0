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


def is_encoded(content: object) -> bool:
    """Whether this is the beginning of a JPEG or PNG."""
    return _bytes(content)[:2] == b"\xff\xd8" or _bytes(content)[:8] == b"\x89PNG\r\n\x1a\n"


def decoded(content: object, size: tuple[int, int] | None, where: str) -> np.ndarray:
    """The picture in `content` as uint8 `[height, width, 3]`.

    Args:
        content: bytes of one JPEG or PNG, or a mapping that holds them under "bytes", as Hugging Face keeps them.
        size: height and width wanted, averaged over area; None keeps the picture's own.
        where: how a refusal names the picture, such as "row 3 of drive.parquet".
    Raises:
        BadEpisodeFile: no bytes, no such picture, or one of more than `MOST_PIXELS`.
    """
    encoded = _bytes(content) or content
    if not isinstance(encoded, bytes):
        raise BadEpisodeFile(f"{where} holds {type(content).__name__} where an encoded image was expected.")
    try:
        with Image.open(BytesIO(encoded), formats=_ENCODINGS) as picture:
            # Looked at before decoding.
            if picture.width * picture.height > MOST_PIXELS:
                raise BadEpisodeFile(f"{where} claims a picture of {picture.width}×{picture.height} pixels.")
            return _resized(picture.convert("RGB"), size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadEpisodeFile(f"{where} holds no readable JPEG or PNG: {first_line(error)}.") from error


def resized(pixels: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """uint8 `[height, width, 3]` at `size`, each new pixel the mean of the area it covers; another aspect is squeezed."""
    return pixels if size in (None, pixels.shape[:2]) else _resized(Image.fromarray(pixels), size)


def shrunk(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Frames `[L, height, width, channels]` of 1 or 3 channels brought to `size`, averaged over area."""
    if frames.shape[1:3] == size:
        return frames
    channels = frames.shape[-1]
    pictures = (Image.fromarray(frame[..., 0] if channels == 1 else frame) for frame in frames)
    return np.stack([_resized(each, size) for each in pictures]).reshape(len(frames), *size, channels)


def _bytes(content: object) -> bytes:
    inner = content.get("bytes") if isinstance(content, dict) else content
    return inner if isinstance(inner, bytes) else b""


def _resized(picture: Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    if size is not None:
        picture = picture.resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture)

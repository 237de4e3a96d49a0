"""Pictures from a file nobody vouches for, as uint8 frames of one size."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from gedanken.data.formats.arrow import first_line
from gedanken.errors import BadEpisodeFile

_ENCODINGS = ("JPEG", "PNG")
_MOST_PIXELS = 50_000_000


def is_encoded(content: object) -> bool:
    """Whether this is the beginning of a JPEG or PNG."""
    return _bytes(content)[:2] == b"\xff\xd8" or _bytes(content)[:8] == b"\x89PNG\r\n\x1a\n"


def decoded(name: str, row: int, content: object, size: tuple[int, int]) -> np.ndarray:
    """A JPEG or PNG as uint8 `[height, width, 3]`, averaged over area; raises `BadEpisodeFile` for anything else."""
    content = _bytes(content) or content
    if not isinstance(content, bytes):
        raise BadEpisodeFile(f"row {row} of {name} holds {type(content).__name__} where an encoded image was expected.")
    try:
        with Image.open(BytesIO(content), formats=_ENCODINGS) as picture:
            # Looked at before decoding: a few bytes can claim a picture that fills the memory.
            if picture.width * picture.height > _MOST_PIXELS:
                raise BadEpisodeFile(
                    f"row {row} of {name} claims a picture of {picture.width}×{picture.height} pixels."
                )
            small = picture.convert("RGB").resize((size[1], size[0]), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadEpisodeFile(f"row {row} of {name} holds no readable JPEG or PNG: {first_line(error)}.") from error
    return np.asarray(small)


def shrunk(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Frames `[L, height, width, channels]` of 1 or 3 channels brought to `size`, averaged over area."""
    if frames.shape[1:3] == size:
        return frames
    channels = frames.shape[-1]
    pictures = (Image.fromarray(frame[..., 0] if channels == 1 else frame) for frame in frames)
    small = [np.asarray(each.resize((size[1], size[0]), Image.Resampling.BOX)) for each in pictures]
    return np.stack(small).reshape(len(frames), *size, channels)


def _bytes(content: object) -> bytes:
    """The bytes themselves, or beside their path, as Hugging Face keeps them."""
    inner = content.get("bytes") if isinstance(content, dict) else content
    return inner if isinstance(inner, bytes) else b""

"""Numbers and pictures as a page takes them: short, finite, and a picture as a data URL."""

from __future__ import annotations

import math
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from gedanken.serving.pictures import png


def picture(frame: UInt8[Tensor, "height width 3"]) -> str:
    """A frame as a data URL."""
    return f"data:image/png;base64,{png(frame.numpy())}"


def rounded(values: Tensor, digits: int = 4) -> Any:
    """Nested lists of numbers with few digits, which is most of what a message weighs."""
    return _rounded(values.tolist(), digits)


def finite(value: float | None, digits: int = 4) -> float | None:
    """The number with so many significant digits; None where it is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{digits}g}")


def _rounded(value: Any, digits: int) -> Any:
    return [_rounded(each, digits) for each in value] if isinstance(value, list) else round(value, digits)

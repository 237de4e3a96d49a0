"""Frames that carry their own number, so that whoever was given one can tell which it is.

Sixteen squares along the top edge, white for a 1 and black for a 0, lowest bit first; they survive JPEG. NumPy only.
"""

from __future__ import annotations

import numpy as np

BITS = 16


def side(size: int) -> int:
    """Pixels along a square in a picture of `size` pixels."""
    return min(size // BITS, 8)


def stamped(frames: np.ndarray) -> np.ndarray:
    """Frames `[L, S, S, 3]` uint8 with their numbers, counted from 0, drawn into a copy."""
    marked, pixels = frames.copy(), side(frames.shape[1])
    bits = (np.arange(len(frames))[:, None] >> np.arange(BITS)) & 1
    row = np.repeat(bits * np.uint8(255), pixels, axis=1).astype(np.uint8)
    marked[:, :pixels, : BITS * pixels] = row[:, None, :, None]
    return marked


def strip(size: int) -> tuple[slice, slice]:
    """Rows and columns that hold what `read` needs: one row through the middle of the squares."""
    pixels = side(size)
    return slice(pixels // 2, pixels // 2 + 1), slice(0, BITS * pixels)


def read(strips: np.ndarray) -> np.ndarray:
    """Numbers of frames whose strips `[..., 1, 16·side]` (one channel) were kept."""
    pixels = strips.shape[-1] // BITS
    bits = strips[..., 0, pixels // 2 :: pixels].astype(np.int64) > 127
    return (bits << np.arange(BITS)).sum(-1)

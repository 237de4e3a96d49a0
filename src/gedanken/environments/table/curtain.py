"""Curtains: boards that fall fast in front of the scene and rise slowly, by the clock alone.

That they fall faster than they rise is a control in itself: the largest change of a clip is then a curtain that falls, and
says nothing of what happens behind it.
"""

from __future__ import annotations

import numpy as np

FALL_SPEED = 28.0  # px a frame
RISE_SPEED = 5.0  # px a frame
UP = -1.0  # y of the lower edge of a curtain that is out of the picture


def lower_edges(curtain: np.ndarray, times: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """y of the curtains' lower edges.

    Args:
        curtain: `[..., curtains, 4]`: x0, x1, height, and the y of the lower edge once it is down.
        times: `[..., curtains, 3]`: frame it begins to fall, frame it begins to rise, y it rises to.
        clock: `[...]` frames since the start.
    Returns:
        `[..., curtains]`.
    """
    clock = clock[..., None]
    falls, rises, risen = times[..., 0], times[..., 1], times[..., 2]
    down = np.minimum(curtain[..., 3], (clock - falls + 1.0) * FALL_SPEED)
    up = np.maximum(risen, curtain[..., 3] - (clock - rises + 1.0) * RISE_SPEED)
    return np.where(clock < falls, UP, np.where(clock >= rises, up, down))

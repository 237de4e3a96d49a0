"""Bounds of actions where a recording names none: the lowest and highest that occur."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gedanken.types import ActionSpec


def action_of(parts: Iterable[np.ndarray], width: int, rate_hz: float | None) -> ActionSpec:
    """The spec of actions whose bounds are those that occur in `parts`, each `[rows, width]`.

    A column that never changes gets half a unit to each side, since a bound must lie below the other.
    """
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for part in parts:
        if len(part):
            low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
    never = low > high
    low[never], high[never] = 0.0, 0.0
    still = low == high
    return ActionSpec(width, tuple((low - still / 2).tolist()), tuple((high + still / 2).tolist()), rate_hz=rate_hz)

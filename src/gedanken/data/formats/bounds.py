"""What an action may be, as far as a recording tells: the bounds stated, or those that occur."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gedanken.errors import BadInput
from gedanken.types import ActionSpec

_SLACK = 1e-3
"""Room, as a part of its size (at least 1), around a command that never changes: a bound needs a width."""


def bounded_actions(
    columns: Sequence[str],
    lowest: np.ndarray,
    highest: np.ndarray,
    bounds: Sequence[tuple[float, float]] | None,
    *,
    unit: str = "",
    rate_hz: float | None = None,
) -> ActionSpec:
    """The spec of actions that were seen to run from `lowest` to `highest`, each `[width]`.

    Raises:
        BadInput: `bounds` are not one pair a column, or an action lies outside of them.
    """
    if bounds is None:
        slack = np.where(lowest < highest, 0.0, _SLACK * np.maximum(1.0, np.abs(lowest)))
        low, high = tuple((lowest - slack).tolist()), tuple((highest + slack).tolist())
        return ActionSpec(len(columns), low, high, unit=unit, rate_hz=rate_hz)
    if len(bounds) != len(columns):
        raise BadInput(f"{len(bounds)} bounds were given for {len(columns)} actions; one pair each is needed.")
    for column, smallest, largest, (low, high) in zip(columns, lowest.tolist(), highest.tolist(), bounds, strict=True):
        if smallest < low or largest > high:
            raise BadInput(
                f"action {column!r} runs from {smallest:g} to {largest:g}, outside its bounds {low} to {high}."
            )
    low, high = tuple(float(low) for low, _ in bounds), tuple(float(high) for _, high in bounds)
    return ActionSpec(len(columns), low, high, unit=unit, rate_hz=rate_hz)


def action_of(parts: Iterable[np.ndarray], width: int, rate_hz: float | None) -> ActionSpec:
    """The spec of actions that occur in `parts`, each `[rows, width]`; of width 0 where there are none at all.

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


def joined_units(units: Sequence[str]) -> str:
    """One unit where all are alike, otherwise one each."""
    return units[0] if len(set(units)) == 1 else ", ".join(units)

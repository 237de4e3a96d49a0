"""Numbers as a reader wants them: three digits that count, thin spaces, a real minus."""

from __future__ import annotations

import math

_NARROW = "\u202f"
"""Narrow space that does not break a line."""


def number(value: float | int) -> str:
    """About three significant digits: 0.0123, 1.5, 1 230, 4.1e−9."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e7):
        mantissa, power = f"{value:.1e}".split("e")
        return _minus(f"{mantissa.removesuffix('.0')}e{int(power)}")
    decimals = 0 if size >= 100 or value == int(value) else max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}".replace(",", _NARROW)
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def percent(share: float | int) -> str:
    """A share as 96.4 %."""
    return f"{100 * share:.1f}{_NARROW}%"


def interval(low: float | int, high: float | int) -> str:
    """Two shares as 94.1–98.0."""
    return f"{100 * low:.1f}–{100 * high:.1f}"


def duration(seconds: float | int) -> str:
    """Seconds as 850 µs, 12.3 ms or 1.5 s."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1 or not seconds:
            return f"{number(seconds * factor)}{_NARROW}{unit}"
    return f"{number(seconds * 1e6)}{_NARROW}µs"


def _minus(text: str) -> str:
    return text.replace("-", "−")

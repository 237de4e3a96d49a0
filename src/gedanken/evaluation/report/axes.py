"""From values to places on paper: nice ticks, linear or logarithmic, and the frame that carries them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gedanken.evaluation.report.markup import Markup, joined, tag
from gedanken.evaluation.report.numerals import number

WIDTH, HEIGHT = 340.0, 210.0
"""Drawing units of a chart; a page shows it about that many pixels wide, on a phone too, so text stays readable."""
LEFT, RIGHT, TOP, BOTTOM = 46.0, 328.0, 12.0, 176.0


@dataclass(frozen=True)
class Axis:
    """A range of values, from `low` to `high`, laid out between two places."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where values lie; NaN for what a logarithmic axis cannot show."""
        values = values.astype(float)
        low, high = self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log10(np.where(values > 0, values, np.nan))
            low, high = math.log10(low), math.log10(high)
        return self.start + (values - low) / (high - low) * (self.stop - self.start)

    def at(self, value: float) -> float:
        """Where one value lies."""
        return float(self.place(np.array([value]))[0])

    def ticks(self) -> list[float]:
        """A few round values inside the range."""
        return _log_ticks(self.low, self.high) if self.log else _linear_ticks(self.low, self.high)


def spanning(values: np.ndarray, start: float, stop: float, log: bool = False, zero: bool = False) -> Axis:
    """An axis that shows all finite values, with a little air; `zero` begins it at 0."""
    seen = values[np.isfinite(values)]
    seen = seen[seen > 0] if log else seen
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (1.0, 10.0)
    if log:
        return Axis(low / 1.15, high * 1.15, start, stop, log=True)
    low = min(low, 0.0) if zero else low
    air = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    return Axis(low if zero and low == 0 else low - air, high + air, start, stop)


def exact(values: np.ndarray, start: float, stop: float) -> Axis:
    """An axis from the least to the greatest value, without air."""
    low, high = float(np.min(values)), float(np.max(values))
    return Axis(low, high if high > low else low + 1.0, start, stop)


def frame(x: Axis, y: Axis, x_label: str = "", y_label: str = "") -> Markup:
    """Grid lines, tick labels and names of the axes."""
    parts = [tag("line", class_="base", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM)]
    for value in y.ticks():
        place = y.at(value)
        parts.append(tag("line", class_="grid", x1=LEFT, x2=RIGHT, y1=place, y2=place))
        parts.append(tag("text", number(value), class_="tick end", x=LEFT - 7, y=place + 3.5))
    for value in x.ticks():
        place = x.at(value)
        parts.append(tag("line", class_="base", x1=place, x2=place, y1=BOTTOM, y2=BOTTOM + 4))
        parts.append(tag("text", number(value), class_="tick middle", x=place, y=BOTTOM + 17))
    if x_label:
        parts.append(tag("text", x_label, class_="name end", x=RIGHT, y=BOTTOM + 32))
    if y_label:
        parts.append(tag("text", y_label, class_="name", x=4, y=BOTTOM + 32))
    return joined(parts)


def _linear_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [factor * 10.0**decade for decade in decades for factor in factors]
        found = [value for value in found if low <= value <= high]
        if len(found) >= 3:
            break
    if len(found) < 2:
        return _linear_ticks(low, high, wanted=3)
    every = math.ceil(len(found) / 6)
    return found[::every]

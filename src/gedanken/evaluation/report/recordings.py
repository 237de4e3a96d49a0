"""Recordings as they are: a strip of frames, and beneath it, on the same clock, what was done and what sensors read."""

from __future__ import annotations

import numpy as np

from gedanken.evaluation.report import pictures
from gedanken.evaluation.report.axes import Axis, spanning
from gedanken.evaluation.report.data import Recording
from gedanken.evaluation.report.markup import Markup, joined, tag
from gedanken.evaluation.report.numerals import number
from gedanken.evaluation.report.svg import through

_WIDTH, _HEIGHT = 1040.0, 96.0
_TOP, _BOTTOM = 8.0, 76.0
_MOST_POINTS = 800
_COLOURS = 6


def recording(each: Recording) -> Markup:
    """One recording; all of its rows span the same time from side to side."""
    rows: list[Markup] = []
    for label, frames in each.strips:
        rows += [
            tag("p", label, class_="label"),
            tag("img", class_="frames", src=pictures.strip(frames, gap=0), alt=f"{each.title}: {label}"),
        ]
    for label, lines in each.lines:
        rows += [_key(label, lines), _ribbon(f"{each.title}: {label}", lines, each)]
    note = tag("p", each.note, class_="note") if each.note else Markup()
    return tag("figure", tag("figcaption", each.title), *rows, note)


def _key(label: str, lines: np.ndarray) -> Markup:
    """What the lines are, their colours, and from where to where they run."""
    channels = lines.shape[1]
    shown = range(min(channels, _COLOURS)) if channels > 1 else ()
    keys = [tag("span", tag("i", class_=f"key s{channel}"), str(channel)) for channel in shown]
    seen = lines[np.isfinite(lines)]
    span = f"{number(float(seen.min()))} to {number(float(seen.max()))}" if len(seen) else "no finite value"
    return tag("p", tag("span", label), *keys, tag("span", span), class_="legend")


def _ribbon(label: str, lines: np.ndarray, each: Recording) -> Markup:
    """Channels against time, marks behind them."""
    x = Axis(0.0, float(max(each.length - 1, 1)), 0.0, _WIDTH)
    y = spanning(lines.ravel(), _BOTTOM, _TOP)
    step = max(1, len(lines) // _MOST_POINTS)
    places = x.place(np.arange(0, len(lines), step))
    parts = [_mark(x, first, last) for first, last in each.marks]
    parts.append(tag("line", class_="base", x1=0, x2=_WIDTH, y1=_BOTTOM + 4, y2=_BOTTOM + 4))
    for channel in range(lines.shape[1]):
        path = through(places, y.place(lines[::step, channel]))
        parts.append(tag("path", class_=f"line s{channel % _COLOURS}", d=path))
    parts += [_tick(x, value, each.seconds_a_frame) for value in x.ticks()]
    return tag(
        "svg", *parts, class_="chart ribbon", viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", role="img", aria_label=label
    )


def _tick(x: Axis, frame: float, seconds_a_frame: float | None) -> Markup:
    place = x.at(frame)
    words = number(frame) if seconds_a_frame is None else f"{number(frame * seconds_a_frame)} s"
    side = "tick" if place < 20 else "tick end" if place > _WIDTH - 20 else "tick middle"
    line = tag("line", class_="base", x1=place, x2=place, y1=_BOTTOM + 4, y2=_BOTTOM + 8)
    return joined([line, tag("text", words, class_=side, x=place, y=_HEIGHT - 1)])


def _mark(x: Axis, first: int, last: int) -> Markup:
    start, stop = x.at(float(first)), x.at(float(last))
    return tag("rect", class_="found", x=start - 1.5, y=0, width=max(stop - start, 0.0) + 3, height=_BOTTOM + 4)

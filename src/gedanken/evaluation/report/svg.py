"""Charts as inline SVG, coloured by the page's own variables, so that they follow its theme; drawn by hand, no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, groupby

import numpy as np

from gedanken.evaluation.landscape import Landscape
from gedanken.evaluation.report.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, exact, frame, spanning
from gedanken.evaluation.report.data import Chart, EndStates, Series, Values
from gedanken.evaluation.report.markup import Markup, joined, tag
from gedanken.evaluation.report.numerals import number

_LOG_SPAN = 8
_MOST_POINTS = 400
LEVELS = 12
"""Steps of colour in a heat map; the style sheet names each."""


def canvas(label: str, *children: str, width: float = WIDTH, height: float = HEIGHT) -> Markup:
    """An SVG that scales with its column, and what it shows in words."""
    box = f"0 0 {width:g} {height:g}"
    return tag("svg", *children, class_="chart", viewBox=box, role="img", aria_label=label)


def line_chart(chart: Chart) -> Markup:
    """Lines, their bands, and the mark."""
    lines = [_thinned(series) for series in chart.series]
    values = _gathered([part for line in lines for part in (line.y, line.low, line.high)])
    if chart.mark is not None:
        values = np.append(values, chart.mark[0])
    log = _is_logarithmic(values) if chart.log_y is None else chart.log_y
    x = exact(_gathered([line.x for line in lines]), LEFT + 4, RIGHT)
    y = spanning(values, BOTTOM, TOP, log=log, zero=not log and bool((values[np.isfinite(values)] >= 0).all()))
    parts = [frame(x, y, chart.x_label, chart.y_label)]
    if chart.mark is not None:
        parts.append(_mark(y.at(chart.mark[0]), chart.mark[1]))
    drawn = list(zip(colours(lines), lines, strict=True))
    parts += [_band(x, y, line, colour) for colour, line in drawn if line.low is not None]
    for colour, line in drawn:
        path = through(x.place(_array(line.x)), y.place(_array(line.y)))
        parts.append(tag("path", class_=f"{'faint' if line.faint else 'line'} {colour}", d=path))
    return canvas(chart.title, *parts)


def colours(lines: Sequence[Series]) -> list[str]:
    """The style sheet's name of each line's colour; a faint line shares that of the next."""
    before = accumulate((not line.faint for line in lines), initial=0)
    return [f"s{count % 6}" for count, _ in zip(before, lines, strict=False)]


def scatter(states: EndStates) -> Markup:
    """Imagined against executed distances, with the diagonal on which a true model lies."""
    pairs = np.stack([_array(states.imagined), _array(states.executed)], axis=1)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    top = 1.06 * float(pairs.max(initial=0.0)) or 1.0
    x, y = Axis(0.0, top, LEFT, RIGHT), Axis(0.0, top, BOTTOM, TOP)
    unit = f" ({states.unit})" if states.unit else ""
    parts = [frame(x, y, f"imagined{unit}", f"↑ executed{unit}")]
    parts.append(tag("line", class_="mark", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=TOP))
    success = np.ones(len(states.imagined), bool) if states.success is None else np.asarray(states.success, bool)
    for imagined, executed, reached in zip(states.imagined, states.executed, success, strict=True):
        if np.isfinite(imagined) and np.isfinite(executed):
            place = {"cx": x.at(imagined), "cy": y.at(executed)}
            parts.append(tag("circle", class_="dot hit" if reached else "dot miss", r=2.6, **place))
    return canvas("imagined against executed distance to the goal", *parts)


def heat_map(landscape: Landscape, title: str) -> Markup:
    """Energies as bands of colour, the minimum ringed, the true action crossed; a square of the action's range."""
    size, left, top = 250.0, 46.0, 10.0
    x = exact(landscape.x, left, left + size)
    y = exact(landscape.y, top, top + size)
    parts = [_bands(landscape, left, top, size), _heat_ticks(x, y, landscape.unit)]
    if landscape.true is not None:
        parts.append(_cross(*_placed(x, y, landscape.true)))
    column, row = _placed(x, y, landscape.minimum)
    parts += [tag("circle", class_=f"{name} ring", cx=column, cy=row, r=6.5) for name in ("halo", "pen")]
    parts.append(_scale(landscape, left + size + 14, top, size))
    return canvas(f"energy over actions: {title}", *parts, height=top + size + 38)


def _bands(landscape: Landscape, left: float, top: float, size: float) -> Markup:
    """One rectangle for each run of equal colour in a row, each a hair too large so that no seam shows."""
    rows, columns = landscape.energy.shape
    low, high = _limits(landscape)
    shares = (landscape.energy - low) / (high - low)
    levels = np.where(np.isnan(shares), -1, np.clip(np.nan_to_num(shares) * LEVELS, 0, LEVELS - 1)).astype(int)
    wide, tall = size / columns, size / rows
    parts: list[str] = []
    for row, line in enumerate(levels.tolist()):
        column = 0
        for level, run in groupby(line):
            count = len(list(run))
            if level >= 0:
                box = {
                    "x": left + column * wide,
                    "y": top + row * tall,
                    "width": count * wide + 0.3,
                    "height": tall + 0.3,
                }
                parts.append(tag("rect", class_=f"h{level}", **box))
            column += count
    return tag("g", *parts, class_="heat")


def _heat_ticks(x: Axis, y: Axis, unit: str) -> Markup:
    parts: list[str] = []
    for value in x.ticks():
        parts.append(tag("text", number(value), class_="tick middle", x=x.at(value), y=y.stop + 16))
    for value in y.ticks():
        parts.append(tag("text", number(value), class_="tick end", x=x.start - 7, y=y.at(value) + 3.5))
    parts.append(
        tag(
            "text",
            f"action (x →, y ↓), {unit}" if unit else "action (x →, y ↓)",
            class_="name end",
            x=x.stop,
            y=y.stop + 32,
        )
    )
    return joined(parts)


def _scale(landscape: Landscape, left: float, top: float, size: float) -> Markup:
    """The colours from the least energy, below, to the greatest."""
    low, high = _limits(landscape)
    tall = size / LEVELS
    boxes = [
        tag("rect", class_=f"h{level}", x=left, y=top + size - (level + 1) * tall, width=8.0, height=tall)
        for level in range(LEVELS)
    ]
    ends = ((high, top + 8), (low, top + size))
    words = [tag("text", number(value), class_="tick", x=left + 11, y=place) for value, place in ends]
    return joined([tag("g", *boxes, class_="heat"), *words])


def _placed(x: Axis, y: Axis, action: tuple[float, float]) -> tuple[float, float]:
    return x.at(action[0]), y.at(action[1])


def _cross(column: float, row: float) -> Markup:
    arm = 5.5
    path = f"M{column - arm:.1f} {row - arm:.1f}l{2 * arm} {2 * arm}m0 {-2 * arm}l{-2 * arm} {2 * arm}"
    return joined([tag("path", class_=name, d=path) for name in ("halo", "pen")])


def _limits(landscape: Landscape) -> tuple[float, float]:
    low, high = float(np.nanmin(landscape.energy)), float(np.nanmax(landscape.energy))
    return low, high if high > low else low + 1.0


def _mark(place: float, name: str) -> Markup:
    line = tag("line", class_="mark", x1=LEFT, x2=RIGHT, y1=place, y2=place)
    return joined([line, tag("text", name, class_="name end", x=RIGHT, y=place - 4)])


def _band(x: Axis, y: Axis, line: Series, colour: str) -> Markup:
    columns, low, high = x.place(_array(line.x)), y.place(_array(line.low)), y.place(_array(line.high))
    keep = np.isfinite(columns) & np.isfinite(low) & np.isfinite(high)
    around = np.concatenate([columns[keep], columns[keep][::-1]]), np.concatenate([low[keep], high[keep][::-1]])
    return tag("path", class_=f"band {colour}", d=through(*around) + "Z") if keep.any() else Markup()


def through(columns: np.ndarray, rows: np.ndarray) -> str:
    """Moves and lines through the finite points; a gap where one is not."""
    words, pen = [], "M"
    for column, row in zip(columns.tolist(), rows.tolist(), strict=True):
        if not (np.isfinite(column) and np.isfinite(row)):
            pen = "M"
            continue
        words.append(f"{pen}{column:.1f} {row:.1f}")
        pen = "L"
    return "".join(words)


def _thinned(series: Series) -> Series:
    """Every k-th point where there are more than can be seen, the last one kept."""
    count = len(series.x)
    if count <= _MOST_POINTS:
        return series
    kept = np.unique(np.linspace(0, count - 1, _MOST_POINTS).round().astype(int))
    low, high = (None if part is None else _array(part)[kept] for part in (series.low, series.high))
    return replace(series, x=_array(series.x)[kept], y=_array(series.y)[kept], low=low, high=high)


def _is_logarithmic(values: np.ndarray) -> bool:
    seen = values[np.isfinite(values)]
    return len(seen) > 0 and bool((seen > 0).all()) and float(seen.max() / seen.min()) >= _LOG_SPAN


def _gathered(parts: Sequence[Values | None]) -> np.ndarray:
    arrays = [_array(part) for part in parts if part is not None and len(part)]
    return np.concatenate(arrays) if arrays else np.array([0.0, 1.0])


def _array(values: Values | None) -> np.ndarray:
    return np.asarray(values, dtype=float)

"""What is better seen than read: docs/pictures/planners.svg, drawn from the ledger by `python benchmarks/table.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from claims.ledger import ROOT, Entry
from gedanken.evaluation.report.axes import BOTTOM, HEIGHT, RIGHT, TOP, WIDTH, Axis, frame, spanning
from gedanken.evaluation.report.axes import LEFT as MARGIN
from gedanken.evaluation.report.markup import Markup, joined, tag
from gedanken.evaluation.report.svg import through

PLANNERS = ROOT / "docs" / "pictures" / "planners.svg"
COLOURS = ("#1f5d86", "#b8691b", "#3f7d58", "#84569a", "#a2432c")
STYLE = """
text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: #63666b; }
.end { text-anchor: end; } .middle { text-anchor: middle; } .head { font-weight: 600; font-size: 13px; }
.grid { stroke: #dcdad3; } .base { stroke: #b9b7b0; } .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.spread { stroke-width: 1; opacity: 0.55; }
@media (prefers-color-scheme: dark) { text { fill: #a3a7ae; } .grid { stroke: #2e3236; } .base { stroke: #4a4f55; } }
"""
_HEAD, _FOOT = 22.0, 24.0


def planners(entry: Entry) -> str:
    """Success against core-seconds of planning an episode, a panel a wall and a line a planner, 95 % intervals upright."""
    cost = np.array([row["planning_core_seconds"] for row in entry.beside])
    x = spanning(cost, MARGIN + 4, RIGHT, log=True)
    least = min(row["interval"][0] for row in entry.beside)
    y = Axis(
        math.floor(20 * least) / 20, 1.005, BOTTOM, TOP
    )  # planners differ by a few points: from 0 on they look alike
    walls = [(wall, list(rows)) for wall, rows in groupby(entry.beside, key=lambda row: row["name"].split(", ")[0])]
    names = list(dict.fromkeys(_planner(row) for row in entry.beside))
    colour = dict(zip(names, COLOURS, strict=False))
    panels = [_panel(wall, rows, x, y, colour, place * WIDTH) for place, (wall, rows) in enumerate(walls)]
    wide, tall = len(walls) * WIDTH, _HEAD + HEIGHT + _FOOT
    words = "success of five planners against core-seconds of planning an episode: " + ", ".join(names)
    return tag(
        "svg",
        tag("style", Markup(STYLE)),
        *panels,
        _legend(colour, tall - 8),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {wide:g} {tall:g}",
        width=wide,
        height=tall,
        role="img",
        aria_label=words,
    )


def _planner(row: Mapping[str, Any]) -> str:
    return row["name"].split(", ")[1]


def _panel(
    wall: str, rows: Sequence[Mapping[str, Any]], x: Axis, y: Axis, colour: Mapping[str, str], left: float
) -> Markup:
    parts = [
        tag("text", wall, class_="head", x=MARGIN, y=-6),
        frame(x, y, "core-seconds of planning an episode", "↑ success, share"),
    ]
    for name, found in groupby(rows, key=_planner):
        of = sorted(found, key=lambda row: row["planning_core_seconds"])
        columns = x.place(np.array([row["planning_core_seconds"] for row in of]))
        parts.append(
            tag(
                "path",
                class_="line",
                stroke=colour[name],
                d=through(columns, y.place(np.array([row["value"] for row in of]))),
            )
        )
        for row, column in zip(of, columns.tolist(), strict=True):
            low, high = (y.at(value) for value in row["interval"])
            parts.append(tag("line", class_="spread", stroke=colour[name], x1=column, x2=column, y1=low, y2=high))
            parts.append(tag("circle", fill=colour[name], cx=column, cy=y.at(row["value"]), r=3))
    return tag("g", *parts, transform=f"translate({left:g} {_HEAD:g})")


def _legend(colour: Mapping[str, str], row: float) -> Markup:
    parts = []
    for place, (name, shade) in enumerate(colour.items()):
        left = MARGIN + 118 * place
        parts.append(tag("circle", fill=shade, cx=left, cy=row - 4, r=4))
        parts.append(tag("text", name, x=left + 9, y=row))
    return joined(parts)

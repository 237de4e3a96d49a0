"""The picture of docs/speed.md: what a re-plan is made of, a bar a kind of step; drawn by `python benchmarks/where.py`."""

from __future__ import annotations

from collections.abc import Mapping

from claims.ledger import ROOT
from gedanken.evaluation.report.axes import Axis
from gedanken.evaluation.report.markup import Markup, tag
from picture import COLOURS, STYLE

SEARCH = ROOT / "docs" / "pictures" / "search.svg"
Bars = Mapping[int, Mapping[str, Mapping[str, float]]]
"""Core-milliseconds a goal: by goals in a batch, kind of step, and stage."""

WIDTH, LEFT, RIGHT, HEAD, ROW = 680.0, 150.0, 640.0, 62.0, 26.0
_KINDS = {"cold": "searches cold", "warm": "searches warm", "follows": "follows its plan"}
_SHADES = (*COLOURS, "#8a8d91")


def search(bars: Bars, chip: str) -> str:
    """Bars of stages one after the other, each as long as it took."""
    rows = [
        (f"{'alone' if goals == 1 else f'one of {goals}'}, {_KINDS[kind]}", stages)
        for kind in _KINDS
        for goals, found in bars.items()
        for stages in (found[kind],)
    ]
    x = Axis(0.0, 1.08 * max(sum(stages.values()) for _, stages in rows), LEFT, RIGHT)
    stages = list(rows[0][1])
    foot = HEAD + ROW * len(rows)
    ticks = [
        part
        for value in x.ticks()
        for part in (
            tag("line", class_="grid", x1=x.at(value), x2=x.at(value), y1=HEAD, y2=foot),
            tag("text", f"{value:g}", class_="middle", x=x.at(value), y=foot + 15),
        )
    ]
    return tag(
        "svg",
        tag("style", Markup(STYLE)),
        tag("text", "What a re-plan is made of, in core-milliseconds a goal", class_="head", x=8, y=16),
        *_legend(stages),
        *ticks,
        *(part for place, (name, found) in enumerate(rows) for part in _bar(name, found, x, HEAD + ROW * place)),
        tag("text", f"core-milliseconds a goal, one thread, {chip}", class_="end", x=RIGHT, y=foot + 31),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {foot + 38:g}",
        width=WIDTH,
        height=foot + 38,
        role="img",
        aria_label="core-milliseconds of a re-plan by stage: "
        + "; ".join(f"{name} {sum(found.values()):.1f}" for name, found in rows),
    )


def _bar(name: str, found: Mapping[str, float], x: Axis, top: float) -> list[Markup]:
    parts, reached = [tag("text", name, class_="end", x=LEFT - 8, y=top + 17)], 0.0
    for shade, (stage, took) in zip(_SHADES, found.items(), strict=True):
        left, reached = x.at(reached), reached + took
        tip = tag("title", f"{stage}: {took:.2f} ms")
        parts.append(tag("rect", tip, x=left, y=top + 4, width=x.at(reached) - left, height=ROW - 8, fill=shade))
    parts.append(tag("text", f"{reached:.1f}", x=x.at(reached) + 5, y=top + 17))
    return parts


def _legend(stages: list[str]) -> list[Markup]:
    parts = []
    for place, (stage, shade) in enumerate(zip(stages, _SHADES, strict=True)):
        left, row = 14 + 220 * (place % 3), 34 + 16 * (place // 3)
        parts.append(tag("circle", fill=shade, cx=left, cy=row - 4, r=4))
        parts.append(tag("text", stage, x=left + 9, y=row))
    return parts

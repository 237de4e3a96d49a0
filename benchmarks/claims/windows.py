"""Random windows are read faster than by the peer: raw ones by far, compressed ones at no more bytes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beside import recorded, windows
from beside.sides import PEER, peer_python
from claims.claim import Measured, Part, Quick, machine, told_once
from claims.ledger import RESULTS, Bound, Entry, at_least, at_most, read_entry
from gedanken.errors import BadInput

RAW, JPEG, BYTES = "raw over the peer's best", "jpeg over lance", "bytes of jpeg over lance"
FIGURES = ("raw, 64 px", "raw, 224 px", "compressed")


@dataclass(frozen=True)
class WindowsClaim:
    """Windows of 4 frames at frame skip 5, at 64 and 224 px, of Two Rooms and of a real road clip."""

    repeats: int = 7

    @property
    def name(self) -> str:
        return "windows"

    @property
    def what(self) -> str:
        return (
            f"random windows of 4 frames a core-second over those of {PEER}, the least of its ratios: raw and memory-mapped "
            "over its best format, compressed over its compressed one, on Two Rooms and a real road clip"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        floors = dict(zip(FIGURES, (10, 4, 1.2), strict=True))
        return (*at_least(**floors), *at_most(**{"compressed, bytes": 1.2}))

    def parts(self) -> list[Part]:
        return [Part("beside", 120.0, lambda folder: self._measure())]

    def _measure(self) -> Measured:
        peer = peer_python()
        if peer is None or "road" not in recorded.sources():
            raise BadInput(
                "this claim is measured beside the peer and on a real road clip: `make peers` makes the environment; then "
                "set PEER_PYTHON to its Python, and ROAD_CLIP to an MP4 of a drive."
            )
        return {"cases": windows.measure(peer, self.repeats)}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = parts["beside"]
        cases = found["cases"]
        figures, worst = figures_of(cases), worst_of(cases)
        return Entry(
            claim=self.name,
            what=self.what,
            value=worst["median"],
            interval=(min(worst["least"], worst["median"]), max(worst["most"], worst["median"])),
            unit="times",
            figures=figures,
            bar=self.bar,
            n=self.repeats,
            seeds=[{"seed": 0, "value": worst["median"]}],
            beside=[row for case, rows in cases.items() for row in _rows(case, rows)],
            manifest=None,
            command=f"PEER_PYTHON=… ROAD_CLIP=… gedanken reproduce {self.name}",
            git=told_once([found], "git"),
            machine=told_once([found], "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=found["core_seconds"],
            note=(
                f"Medians of {self.repeats} interleaved repeats, one pinned core, process CPU seconds; the interval is the "
                "least and the most of a repeat. The peer's windows are not stacked into a batch, ours are. The core-seconds "
                "told are of the process that asks, not of the two that answer."
            ),
            extra={"cases": cases},
        )

    def quick(self) -> Quick:
        """A sample beside the peer; without it, beside what was recorded of it, where that was on such a machine."""
        peer = peer_python()
        cases = windows.measure(peer, repeats=3, quick=True)
        known = read_entry(RESULTS / f"{self.name}.json")
        here = machine() in known.machine
        if peer is None:
            said = "on such a machine" if here else "on another machine, so a ratio of speeds says little"
            print(f"compared with the figures recorded of {PEER} {said}", file=sys.stderr)
            cases = {case: _beside_recorded(rows, known.extra["cases"][case]) for case, rows in cases.items()}
        figures, worst = figures_of(cases), worst_of(cases)
        low, high = (min(worst["least"], worst["median"]), max(worst["most"], worst["median"]))
        return Quick(worst["median"], low, high, len(cases), all(each.met_by(figures) for each in self.bar))


def figures_of(cases: Mapping[str, Any]) -> dict[str, float]:
    """What the bar is about: the worst of the recordings, each."""
    raw = {
        size: min(rows[RAW]["median"] for case, rows in cases.items() if case.endswith(f" {size}"))
        for size in recorded.SIZES
    }
    least = min(rows[JPEG]["median"] for rows in cases.values())
    return {
        **dict(zip(FIGURES, (*raw.values(), least), strict=True)),
        "compressed, bytes": max(rows[BYTES] for rows in cases.values()),
    }


def worst_of(cases: Mapping[str, Any]) -> Mapping[str, float]:
    """The ratio, with its spread, that is least of all."""
    return min((rows[each] for rows in cases.values() for each in (RAW, JPEG)), key=lambda ratio: ratio["median"])


def _rows(case: str, rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{case} px, {name}",
            "value": rows[ratio]["median"],
            "interval": (rows[ratio]["least"], rows[ratio]["most"]),
            "unit": "times",
        }
        for name, ratio in (("raw", RAW), ("compressed", JPEG))
    ]


def _beside_recorded(rows: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    best = known[RAW]["best"]
    ratios = {
        name: {key: rows[form][key] / known[other]["median"] for key in ("median", "least", "most")}
        for name, form, other in ((RAW, "raw", best), (JPEG, "jpeg", "lance"))
    }
    return {**rows, **ratios, BYTES: rows["jpeg"]["bytes a frame"] / known["lance"]["bytes a frame"]}

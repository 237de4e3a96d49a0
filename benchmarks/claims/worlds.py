"""Two Rooms is stepped and drawn many times faster than the peer's."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beside import worlds
from beside.sides import PEER, peer_python
from claims.claim import Measured, Part, Quick, machine, told_once
from claims.ledger import RESULTS, Bound, Entry, at_least, read_entry
from gedanken.errors import BadInput

OVER = f"{worlds.CLAIMED} over the peer"


@dataclass(frozen=True)
class WorldsClaim:
    """Rendered steps of Two Rooms, 256 worlds in a batch, at 64 and at 224 px."""

    repeats: int = 7

    @property
    def name(self) -> str:
        return "worlds"

    @property
    def what(self) -> str:
        return (
            f"rendered Two-Room steps a core-second, {worlds.CLAIMED} worlds in a batch, over those of {PEER}: the lesser of "
            "the ratios at 64 and at 224 px"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        return at_least(**{"64 px": 40, "224 px": 10})

    def parts(self) -> list[Part]:
        return [Part("beside", 60.0, lambda folder: self._measure())]

    def _measure(self) -> Measured:
        if (peer := peer_python()) is None:
            raise BadInput(
                "this claim is measured beside the peer: `make peers` makes its environment; then set PEER_PYTHON to its Python."
            )
        return {"cases": worlds.measure(peer, self.repeats)}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = parts["beside"]
        cases = found["cases"]
        worst = min((rows[OVER] for rows in cases.values()), key=lambda ratio: ratio["median"])
        return Entry(
            claim=self.name,
            what=self.what,
            value=worst["median"],
            interval=(min(worst["least"], worst["median"]), max(worst["most"], worst["median"])),
            unit="times",
            figures=figures_of(cases),
            bar=self.bar,
            n=self.repeats,
            seeds=[{"seed": 0, "value": worst["median"]}],
            beside=[row for size, rows in cases.items() for row in _rows(size, rows)],
            manifest=None,
            command=f"PEER_PYTHON=… gedanken reproduce {self.name}",
            git=told_once([found], "git"),
            machine=told_once([found], "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=found["core_seconds"],
            note=(
                f"Medians of {self.repeats} interleaved repeats, one pinned core, process CPU seconds; the interval is the "
                "least and the most of a repeat. The two worlds are alike, not the same. The peer has no batch: its worlds are "
                "stepped one after the other, without its wrappers, and its pictures are always drawn at 224 px; at 64 px they "
                "are made smaller. One world alone is no faster in ours. The core-seconds told are of the process that asks."
            ),
            extra={"cases": cases},
        )

    def quick(self) -> Quick:
        """A sample beside the peer; without it, beside what was recorded of it, where that was on such a machine."""
        peer = peer_python()
        cases = worlds.measure(peer, repeats=3, quick=True)
        known = read_entry(RESULTS / f"{self.name}.json")
        here = machine() in known.machine
        if peer is None:
            said = "on such a machine" if here else "on another machine, so a ratio says little"
            print(f"compared with the figures recorded of {PEER} {said}", file=sys.stderr)
            for size, rows in cases.items():
                its, ours = known.extra["cases"][size]["peer"]["median"], rows[f"ours {worlds.CLAIMED}"]
                rows[OVER] = {name: value / its for name, value in ours.items()}
        figures = figures_of(cases)
        worst = min((rows[OVER] for rows in cases.values()), key=lambda ratio: ratio["median"])
        holds = all(each.met_by(figures) for each in self.bar)
        low, high = (min(worst["least"], worst["median"]), max(worst["most"], worst["median"]))
        return Quick(worst["median"], low, high, len(cases), holds)


def figures_of(cases: Mapping[str, Any]) -> dict[str, float]:
    """What the bar is about."""
    return {f"{size} px": rows[OVER]["median"] for size, rows in cases.items()}


def _rows(size: str, rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    ratios = {count: rows[f"{count} over the peer"] for count in worlds.BATCHES}
    return [
        {
            "name": f"{size} px, {'one world' if count == 1 else f'{count} worlds'}",
            "value": ratio["median"],
            "interval": (ratio["least"], ratio["most"]),
            "unit": "times",
        }
        for count, ratio in ratios.items()
    ]

"""Exact recall from a hundred thousand moments within ten milliseconds of a core, and an hour at 10 Hz within 60 MB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from claims.recall_speed import HOUR, like_rooms, measured, rooms, track

MEDIAN, P95 = "core-ms a query, median", "core-ms a query, 95 %"
ROOMS, CAMERA = "MB an hour, two-rooms", "MB an hour, camera"
EXACT = "queries answered as by a full comparison"


@dataclass(frozen=True)
class RecallClaim:
    """One query for ten memories, warm, on one core; sizes of closed files with thumbnails."""

    moments: int = 100_000
    many: int = 1_000_000
    pictures: int = 5000
    queries: int = 1000
    checked: int = 100

    @property
    def name(self) -> str:
        return "recall"

    @property
    def what(self) -> str:
        return f"exact recall of the ten nearest of {self.moments:,} moments, one core, warm, latents of 128 numbers"

    @property
    def bar(self) -> Sequence[Bound]:
        return (*at_most(**{MEDIAN: 10, P95: 10, ROOMS: 60, CAMERA: 60}), *at_least(**{EXACT: 1}))

    def parts(self) -> list[Part]:
        return [
            Part("camera", 10.0, lambda folder: measured(iter([track()]), 0, 0)),
            Part("rooms", 20.0, lambda folder: measured(rooms(self.pictures, 0), 0, 0)),
            Part("recall", 90.0, lambda folder: measured(rooms(self.moments, 1, False), self.queries, self.checked)),
            Part(
                "million", 200.0, lambda folder: measured(like_rooms(self.many), self.queries // 5, self.checked // 10)
            ),
        ]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found, drawn, camera, many = (parts[name] for name in ("recall", "rooms", "camera", "million"))
        core = found["core_ms"]
        return Entry(
            claim=self.name,
            what=self.what,
            value=core["median"],
            interval=(core["p5"], core["p95"]),
            unit="core-ms",
            figures=_figures(found, drawn, camera),
            bar=self.bar,
            n=found["queries"],
            seeds=[{"seed": 0, "value": core["median"], "parts": {name: _plain(part) for name, part in parts.items()}}],
            beside=[
                _row("the same by the clock on the wall", found["wall_ms"], "ms", found["queries"]),
                _row(f"{many['moments']:,} moments, without pictures", many["core_ms"], "core-ms", many["queries"]),
                _row("a million by the clock on the wall", many["wall_ms"], "ms", many["queries"]),
                {
                    "name": "an hour at 10 Hz, two-rooms",
                    "value": _megabytes(drawn),
                    "unit": "MB",
                    "n": drawn["moments"],
                },
                {
                    "name": "an hour at 10 Hz, camera",
                    "value": _megabytes(camera),
                    "unit": "MB",
                    "n": camera["moments"],
                },
                {
                    "name": f"{many['moments']:,} moments, without pictures",
                    "value": many["moments"] * many["bytes"] / 1e6,
                    "unit": "MB",
                    "n": 1,
                },
                {"name": "waking with a million, once", "value": many["waking_s"], "unit": "core-s", "n": 1},
            ],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(list(parts.values()), "git"),
            machine=told_once(list(parts.values()), "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in parts.values()),
            note=(
                "The interval is of single queries, 5 to 95 %. Core time, since others used the core too. Sizes are of closed "
                "files with everything in them, thumbnails too where nothing else is said; an action has 8 numbers. The million "
                "latents are those of 4000 pictures, with noise of a tenth of their spread."
            ),
        )

    def quick(self) -> Quick:
        """As many latents near those of pictures, and sizes from 2000 pictures."""
        found = measured(like_rooms(self.moments), 200, 5)
        figures = _figures(found, measured(rooms(1000, 3), 0, 0), measured(iter([track()]), 0, 0))
        core = found["core_ms"]
        return Quick(core["median"], core["p5"], core["p95"], 200, all(bound.met_by(figures) for bound in self.bar))


def _figures(found: Measured, drawn: Measured, camera: Measured) -> dict[str, float]:
    core = found["core_ms"]
    return {
        MEDIAN: core["median"],
        P95: core["p95"],
        ROOMS: _megabytes(drawn),
        CAMERA: _megabytes(camera),
        EXACT: found["exact"],
    }


def _megabytes(part: Measured) -> float:
    return HOUR * part["bytes"] / 1e6


def _row(name: str, spent: Mapping[str, float], unit: str, count: int) -> dict[str, Any]:
    return {"name": name, "value": spent["median"], "interval": (spent["p5"], spent["p95"]), "unit": unit, "n": count}


def _plain(part: Measured) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in ("git", "machine", "core_seconds")}

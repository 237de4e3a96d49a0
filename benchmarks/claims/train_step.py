"""A training step of LeWM beside the peer's, and how many frames a second the demo's recipe trains on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from beside import recipe_rate, train_step
from beside.sides import PEER, peer_python
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from gedanken.errors import BadInput

OVER = "over peer bfloat16"
RECIPE = "frames/s of the demo's recipe"
APART = "step difference"
_PART_SECONDS: Mapping[int, float] = {64: 60.0, 224: 120.0}
_RECIPE_SECONDS = 150.0


@dataclass(frozen=True)
class TrainStepClaim:
    """16 windows of 4 frames at 64 and at 224 px, one part a repeat; and a whole training of the demo's recipe on two cores."""

    repeats: int = 5

    @property
    def name(self) -> str:
        return "train-step"

    @property
    def what(self) -> str:
        return (
            f"frames a core-second of LeWM's training step over those of {PEER} in bfloat16: the same weights, pictures and "
            "losses, 64 px"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        floors = {f"{OVER}, {size} px": limit for size, limit in zip(train_step.SIZES, (3, 2), strict=True)}
        return (*at_least(**floors, **{RECIPE: 6000}), *at_most(**{APART: 1e-3}))

    def parts(self) -> list[Part]:
        beside = [
            Part(f"{size}-{number}", _PART_SECONDS[size], lambda _, size=size, n=number: self._measure(size, n))
            for size in train_step.SIZES
            for number in range(self.repeats)
        ]
        return [*beside, Part("recipe", _RECIPE_SECONDS, lambda _: {"found": recipe_rate.measure()})]

    def _measure(self, size: int, number: int) -> Measured:
        if (peer := peer_python()) is None:
            raise BadInput(
                "this claim is measured beside the peer: `make peers` makes its environment; then set PEER_PYTHON to its Python."
            )
        # One repeat, after one of each that only warms up; seeds of two parts lie apart.
        return {"found": train_step.measure(peer, _setting(size), repeats=1, seed=10 * number)}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        cases = {
            size: [parts[f"{size}-{number}"]["found"] for number in range(self.repeats)] for size in train_step.SIZES
        }
        recipe = parts["recipe"]["found"]
        ratios = [each[OVER]["median"] for each in cases[64]]
        everything = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=median(ratios),
            interval=(min(ratios), max(ratios)),
            unit="times",
            figures=figures_of(cases) | {RECIPE: recipe["median"]},
            bar=self.bar,
            n=self.repeats,
            seeds=[{"seed": 10 * number, "value": ratio} for number, ratio in enumerate(ratios)],
            beside=[
                *(row for size, found in cases.items() for row in _rows(size, found)),
                {
                    "name": RECIPE,
                    "value": recipe["median"],
                    "interval": [recipe["least"], recipe["most"]],
                    "unit": "frames/s",
                },
            ],
            manifest=None,
            command=f"PEER_PYTHON=… gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in everything),
            note=(
                f"Medians of {self.repeats} interleaved repeats, one pinned core, process CPU seconds; the interval is the least "
                f"and the most of a repeat. Ours trains in {type_of(cases[64][0])}, the faster here; the peer is timed in "
                "both types. Reading and normalising pictures is left out of the peer's time, normalising is within ours. The "
                "recipe is timed by the clock on the wall, which wants two idle cores. The core-seconds told are of the process "
                "that asks."
            ),
            extra={"cases": {str(size): found for size, found in cases.items()}, "recipe": recipe},
        )

    def quick(self) -> Quick:
        """A step of 64 px beside the peer; without it nothing can be compared but our own step with its floor."""
        peer = peer_python()
        found = train_step.measure(peer, replace(_setting(64), steps=1), repeats=1)
        if peer is None:
            print("without the peer, only the share of the floor is told", file=sys.stderr)
            share = found[f"ours {type_of(found)}"]["share of floor"]
            return Quick(share, share, share, 1, 0 < share < 1)
        figures = figures_of({64: [found]})
        value = figures[f"{OVER}, 64 px"]
        return Quick(value, value, value, 1, all(each.met_by(figures) for each in self.bar if each.figure in figures))


def _setting(size: int) -> train_step.Setting:
    return train_step.Setting(size, steps=2 if size == 64 else 1)


def type_of(found: Mapping[str, Any]) -> str:
    """In which type ours trained."""
    return next(name.removeprefix("ours ") for name in found if name.startswith("ours "))


def figures_of(cases: Mapping[int, Sequence[Mapping[str, Any]]]) -> dict[str, float]:
    """What the bar is about: medians of the repeats, and the largest difference."""
    figures = {f"{OVER}, {size} px": median(each[OVER]["median"] for each in found) for size, found in cases.items()}
    return figures | {APART: max(each[APART] for found in cases.values() for each in found)}


def _rows(size: int, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Both ratios, frames a core-second of each, and what the chip's floor would allow."""
    ours = f"ours {type_of(found[0])}"
    rows = [
        {"name": f"{size} px, {name}", "value": median(each[name]["median"] for each in found), "unit": "times"}
        for name in (OVER, "over peer float32")
    ]
    rows += [
        {"name": f"{size} px, {name}", "value": median(each[name]["median"] for each in found), "unit": "frames/core-s"}
        for name in (ours, "peer float32", "peer bfloat16")
    ]
    share = median(each[ours]["share of floor"] for each in found)
    best = median(each[OVER]["median"] / each[ours]["share of floor"] for each in found)
    return [
        *rows,
        {"name": f"{size} px, share of floor", "value": share, "unit": "share"},
        {"name": f"{size} px, a step at the floor {OVER}", "value": best, "unit": "times"},
    ]

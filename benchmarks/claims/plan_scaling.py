"""A model that is made to be planned with: four times the horizon costs four times as much, and more candidates as much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from beside import scaling
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_most

FIGURES = ("horizon 20 over usual", "1,000 candidates over usual")


@dataclass(frozen=True)
class PlanScalingClaim:
    """Horizon 20 beside 5, and 1,000 candidates beside 300, in turns on one core."""

    repeats: int = 7

    @property
    def name(self) -> str:
        return "plan-scaling"

    @property
    def what(self) -> str:
        return (
            "core-seconds of a round of a search with horizon 20 over one with horizon 5, 300 candidates, by a predictor of "
            "LeWM's size that knows time by distance"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        return at_most(**dict(zip(FIGURES, (4.6, 3.7), strict=True)))

    def parts(self) -> list[Part]:
        return [Part("search", 90.0, lambda folder: {"found": scaling.measure(self.repeats)})]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        part = parts["search"]
        found = part["found"]
        times = found[FIGURES[0]]
        return Entry(
            claim=self.name,
            what=self.what,
            value=times["median"],
            interval=(min(times["least"], times["median"]), max(times["most"], times["median"])),
            unit="times",
            figures={name: found[name]["median"] for name in FIGURES},
            bar=self.bar,
            n=self.repeats,
            seeds=[{"seed": 0, "value": times["median"]}],
            beside=[
                {"name": FIGURES[1], "value": found[FIGURES[1]]["median"], "unit": "times"},
                *(
                    {"name": f"a round, {name}", "value": median(found[name]), "unit": "core-s"}
                    for name in scaling.CASES
                ),
            ],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once([part], "git"),
            machine=told_once([part], "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=part["core_seconds"],
            note=(
                f"Medians of {self.repeats} interleaved repeats, one pinned core, process CPU seconds; the interval is the least "
                "and the most of a repeat. Random weights: what a round takes does not depend on them. Pictures are encoded "
                "before, so that their constant cost flatters no ratio."
            ),
            extra={"found": found},
        )

    def quick(self) -> Quick:
        """Fewer repeats of the same."""
        found = scaling.measure(repeats=3, rounds=2)
        figures = {name: found[name]["median"] for name in FIGURES}
        times = found[FIGURES[0]]
        low, high = min(times["least"], times["median"]), max(times["most"], times["median"])
        return Quick(times["median"], low, high, 3, all(bound.met_by(figures) for bound in self.bar))

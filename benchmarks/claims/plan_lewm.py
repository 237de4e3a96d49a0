"""A search with LeWM at its paper's settings, beside the peer's: the same plan in a fraction of the time."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from beside import plan
from beside.sides import PEER, peer_python
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from gedanken.errors import BadInput

EXACT, ROUNDED = "over peer float32", "over peer bfloat16"
_PART_SECONDS = 180.0
_QUICK = replace(plan.LEWM, rounds=2)


@dataclass(frozen=True)
class PlanLeWMClaim:
    """300 candidates, 30 rounds, 5 blocks of 5 actions, a window of 3 and pictures of 224 px; one part a repeat."""

    repeats: int = 5

    @property
    def name(self) -> str:
        return "plan-lewm"

    @property
    def what(self) -> str:
        return (
            f"rounds a core-second of one LeWM search over those of {PEER} in float32: the same weights, settings and random "
            "numbers, frames encoded included"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        return (
            *at_least(**{EXACT: 6, ROUNDED: 4, "share of floor": 0.55}),
            *at_most(**{"rollout difference": 1e-5, "plan difference": 1e-3}),
        )

    def parts(self) -> list[Part]:
        return [Part(f"repeat-{n}", _PART_SECONDS, lambda _, n=n: self._measure(n)) for n in range(self.repeats)]

    def _measure(self, number: int) -> Measured:
        if (peer := peer_python()) is None:
            raise BadInput(
                "this claim is measured beside the peer: `make peers` makes its environment; then set PEER_PYTHON to its Python."
            )
        # One repeat, after one round of each that only warms up; seeds of two parts lie apart.
        return {"found": plan.measure(peer, repeats=1, seed=10 * number)}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = [part["found"] for part in parts.values()]
        ratios = [each[EXACT]["median"] for each in found]
        figures = figures_of(found)
        return Entry(
            claim=self.name,
            what=self.what,
            value=median(ratios),
            interval=(min(ratios), max(ratios)),
            unit="times",
            figures=figures,
            bar=self.bar,
            n=len(found),
            seeds=[{"seed": 10 * number, "value": ratio} for number, ratio in enumerate(ratios)],
            beside=[
                {"name": name, "value": figures[name], "unit": unit}
                for name, unit in ((ROUNDED, "times"), ("share of floor", "share"), ("plan difference", ""))
            ]
            + [
                {"name": name, "value": median(each[name] for each in found), "unit": "times"}
                for name in (f"floor {EXACT}", f"floor {ROUNDED}", "bfloat16 over float32")
            ],
            manifest=None,
            command=f"PEER_PYTHON=… gedanken reproduce {self.name}",
            git=told_once(list(parts.values()), "git"),
            machine=told_once(list(parts.values()), "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in parts.values()),
            note=(
                f"Medians of {len(found)} interleaved repeats, one pinned core, process CPU seconds; the interval is the least "
                f"and the most of a repeat. Ours multiplies in {type_of(found[0])}, as it chose here. Where a chip has no "
                "fast bfloat16 products, the peer's bfloat16 is measured by one round. Random weights. The floor is at the rate "
                "of the type that ours takes; `floor over peer` is what a search of nothing but its products would reach, and "
                "`bfloat16 over float32` the rates of these products on this chip. Rollouts and plans are compared in float32, "
                "whatever was timed. The core-seconds told are of the process that asks."
            ),
            extra={"cases": found, "setting": asdict(plan.LEWM)},
        )

    def quick(self) -> Quick:
        """Two rounds beside the peer; without it nothing can be compared, and the share of the floor alone is looked at."""
        peer = peer_python()
        found = plan.measure(peer, _QUICK, repeats=1)
        figures = figures_of([found])
        if peer is None:
            print("without the peer, only the share of the floor and the rollouts are checked", file=sys.stderr)
        value = figures.get(EXACT, figures["share of floor"])
        holds = all(bound.met_by(figures) for bound in self.bar if bound.figure in figures)
        return Quick(value, value, value, 1, holds)


def type_of(found: Mapping[str, Any]) -> str:
    """In which type ours multiplied."""
    return next(name.removeprefix("ours ") for name in found if name.startswith("ours "))


def figures_of(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What the bar is about: medians of the repeats, and the largest of the differences."""
    ours = f"ours {type_of(found[0])}"
    figures = {"share of floor": median(each[ours]["share of floor"] for each in found)}
    for name in (EXACT, ROUNDED):
        if name in found[0]:
            figures[name] = median(each[name]["median"] for each in found)
    for name in ("rollout difference", "plan difference"):
        if name in found[0]:
            figures[name] = max(each[name] for each in found)
    return figures

"""What must not tell possible clips from impossible ones does not; and the simulator itself does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from gedanken.environments.table import PROPERTIES, quadruplet
from gedanken.evaluation.intervals import Interval, bootstrap
from gedanken.evaluation.surprise import Scorer, scored_together, simulator_surprise
from gedanken.evaluation.surprise.classifiers import SIGHTS, fitted, judged
from gedanken.evaluation.surprise.controls import constant_velocity, untrained_controls
from gedanken.evaluation.surprise.scores import corrected, pairs_right

SPLITS = ("id", "novel-object", "novel-layout", "long-occlusion")
SIMULATOR, TRACKER, BOTH = "simulator", "constant velocity", SIGHTS[-1]
_REPORTED = (SIMULATOR, TRACKER, BOTH)  # these may know; they are no gate
_REACH = 0.03


@dataclass(frozen=True)
class PhysicsLeakageClaim:
    """Every control within 50 ± 3 % of all pairs of a split, and within its interval of 50 % in each property.

    Args:
        quads: scored quadruplets of each property and split; two pairs of one context and two of one outcome in each.
        fitted_on: quadruplets by other names that the classifiers learn from, of each property and split.
        steps: of fitting each classifier.
    """

    quads: int = 200
    fitted_on: int = 50
    steps: int = 150
    quick_quads: int = 4

    @property
    def name(self) -> str:
        return "physics-leakage"

    @property
    def what(self) -> str:
        return (
            "pairs of clips of the table in which the impossible one scores more, by what knows no physics: the control farthest "
            "from chance, mean of ten properties"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        return (
            *at_most(**{"farthest from 50 %": _REACH, "properties whose interval misses 50 %": 0}),
            *at_least(**{"simulator, worst split": 0.99}),
        )

    def parts(self) -> list[Part]:
        """One property of one split each."""
        return [
            Part(f"{split}-{name}", 260.0, lambda folder, split=split, name=name: self.measured(split, name))
            for split in SPLITS
            for name in PROPERTIES
        ]

    def measured(self, split: str, name: str, part: str = "test", quads: int | None = None) -> Measured:
        """Every control's pairs in one property of one split: share right of each quadruplet's four, and of its first two."""
        count = quads or self.quads
        digest, rejected, onsets = sha256(), {}, []

        def drawn():
            for number in range(count):
                quad = quadruplet(name, split, part, number)
                digest.update(quad.frames.numpy().tobytes())
                onsets.append(quad.onset)
                for why, times in quad.rejected.items():
                    rejected[why] = rejected.get(why, 0) + times
                for sight, right in pairs.items():
                    right.append(pairs_right(judged(models[sight], [quad], sight)))
                yield quad

        learned = [quadruplet(name, split, "train", number) for number in range(min(self.fitted_on, count))]
        models = {sight: fitted(learned, sight, steps=self.steps if quads is None else 30) for sight in SIGHTS}
        pairs: dict[str, list[torch.Tensor]] = {sight: [] for sight in SIGHTS}
        del learned
        scorers = [
            *untrained_controls(),
            Scorer(TRACKER, constant_velocity),
            Scorer(SIMULATOR, simulator_surprise),
        ]
        found = {scores.name: scores.pairs for scores in scored_together(scorers, drawn())}
        found |= {sight: torch.cat(right) for sight, right in pairs.items()}
        return {
            "pairs": {control: right.tolist() for control, right in found.items()},
            "frames": digest.hexdigest(),
            "rejected": rejected,
            "onsets": onsets,
        }

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        rows, figures = tabled({split: {name: parts[f"{split}-{name}"] for name in PROPERTIES} for split in SPLITS})
        worst = max((row for row in rows if row["gate"]), key=lambda row: abs(row["value"] - 0.5))
        every = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=worst["value"],
            interval=tuple(worst["interval"]),
            figures=figures,
            bar=self.bar,
            n=self.quads * len(PROPERTIES) * 2,
            seeds=[
                {"seed": f"table-v1 test, {name}", "value": worst["value"], "frames": part["frames"]}
                for name, part in parts.items()
            ],
            beside=rows,
            manifest=None,  # the clips are named, not listed; the hash of each part's frames stands beside it
            command=f"gedanken reproduce {self.name}",
            git=told_once(every, "git"),
            machine=told_once(every, "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in every),
            note="n counts the pairs of one context in each split; there are as many of one outcome.",
            extra={"rejected": {name: part["rejected"] for name, part in parts.items()}},
        )

    def quick(self) -> Quick:
        """A few quadruplets of the dev part."""
        found = {"id": {name: self.measured("id", name, "dev", self.quick_quads) for name in PROPERTIES}}
        rows, figures = tabled(found)
        worst = max((row for row in rows if row["gate"]), key=lambda row: abs(row["value"] - 0.5))
        holds = all(bound.met_by(figures) for bound in self.bar)
        low, high = worst["interval"]
        return Quick(worst["value"], low, high, self.quick_quads * len(PROPERTIES) * 2, holds)


def tabled(splits: Mapping[str, Mapping[str, Measured]]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """A row for each control and split, and the figures of the bar."""
    rows, misses = [], 0
    for split, properties in splits.items():
        for control in next(iter(properties.values()))["pairs"]:
            by_name = {
                name: torch.tensor(part["pairs"][control], dtype=torch.float64) for name, part in properties.items()
            }
            every = torch.cat(list(by_name.values()))
            told = bootstrap(every.mean(1)[None])
            each = {name: corrected(right.mean(1), len(by_name)) for name, right in by_name.items()}
            gate = control not in _REPORTED
            misses += gate * sum(not _holds_half(interval) for interval in each.values())
            rows.append(
                {
                    "name": f"{split}: {control}",
                    "value": told.mean,
                    "interval": [told.low, told.high],
                    "n": int(every[:, :2].numel()),
                    "gate": gate,
                    "same context": float(every[:, :2].mean()),
                    "same outcome": float(every[:, 2:].mean()),
                    "each": {name: [interval.mean, interval.low, interval.high] for name, interval in each.items()},
                }
            )
    figures = {
        "farthest from 50 %": max(abs(row["value"] - 0.5) for row in rows if row["gate"]),
        "properties whose interval misses 50 %": misses,
        "simulator, worst split": min(row["value"] for row in rows if row["name"].endswith(SIMULATOR)),
    }
    return rows, figures


def _holds_half(interval: Interval) -> bool:
    return interval.low - 1e-9 <= 0.5 <= interval.high + 1e-9

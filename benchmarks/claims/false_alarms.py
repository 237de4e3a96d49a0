"""A surprise of 1 % comes in 1 % of what is possible: the rate that a model file states, on clips it was not calibrated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from claims.physics_table import OURS, PhysicsTableClaim
from gedanken.environments.table import possible_clips
from gedanken.errors import BadInput
from gedanken.evaluation.intervals import Interval, bootstrap, wilson
from gedanken.evaluation.surprise import watch
from gedanken.recipes import load
from gedanken.training import RunFolder

_RATE = 0.01


@dataclass(frozen=True)
class FalseAlarmsClaim:
    """The models of `physics-table`, seed by seed, on fresh possible clips.

    Args:
        clips: of the part `test`, which no model learned from or was calibrated on.
        table: the claim that trained the models.
    """

    clips: int = 10_000
    table: PhysicsTableClaim = field(default_factory=PhysicsTableClaim)
    quick_clips: int = 400

    @property
    def name(self) -> str:
        return "false-alarms"

    @property
    def what(self) -> str:
        return "possible clips of the table that a model calls surprising, at a stated rate of 1 %"

    @property
    def bar(self) -> Sequence[Bound]:
        return (*at_least(**{"lowest seed": 0.005}), *at_most(**{"highest seed": 0.02}))

    def parts(self) -> list[Part]:
        """A seed each."""
        return [
            Part(f"seed-{seed}", self.clips * 0.045, lambda folder, seed=seed: self._measured(folder, seed))
            for seed in self.table.models[OURS][1]
        ]

    def _measured(self, folder: Path, seed: int) -> Measured:
        model = RunFolder(folder.parent / self.table.name / f"{OURS}-{seed}").model
        if not model.exists():
            raise BadInput(
                f"there is no {OURS}-{seed} yet: `gedanken reproduce {self.table.name} --only {OURS}-{seed}` makes it first."
            )
        return {"alarms": alarms(model, self.clips)}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        rows = torch.tensor([[int(bit) for bit in part["alarms"]] for part in parts.values()], dtype=torch.float64)
        interval, shares = bootstrap(rows), rows.mean(1).tolist()
        every = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=interval.mean,
            interval=(interval.low, interval.high),
            figures={"lowest seed": min(shares), "highest seed": max(shares)},
            bar=self.bar,
            n=self.clips,
            seeds=[{"seed": name, "value": share} for name, share in zip(parts, shares, strict=True)],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(every, "git"),
            machine=told_once(every, "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in every),
            note=f"The models are those of {self.table.name}.",
        )

    def quick(self) -> Quick:
        """The shipped model on a few hundred clips; it holds if the stated rate lies in the interval.

        Raises:
            BadInput: no model was shipped yet.
        """
        if not self.table.ships.exists():
            raise BadInput(
                f"{self.table.name} ships no model yet; make it with `gedanken reproduce {self.table.name}`."
            )
        found = alarms(self.table.ships, self.quick_clips)
        told: Interval = wilson(found.count("1"), len(found))
        return Quick(told.mean, told.low, told.high, len(found), told.low <= _RATE <= told.high)


def alarms(model: Path, clips: int) -> str:
    """1 for each clip of the test part that surprises the model at the stated rate, else 0."""
    told = load(model).model
    return "".join(str(int(watch(told, clip, _RATE).surprising)) for clip in possible_clips(clips, part="test"))

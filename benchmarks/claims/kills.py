"""Training that is killed at any moment ends, resumed, in the weights it would have had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from claims import kill_train
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from gedanken.evaluation.intervals import wilson


@dataclass(frozen=True)
class KillsClaim:
    """Share of SIGKILLed training runs that end bit for bit as the uninterrupted one, and files found broken."""

    kills: int = 200
    quick_kills: int = 4
    steps: int = 40

    @property
    def name(self) -> str:
        return "killed-training"

    @property
    def what(self) -> str:
        return "training runs killed at a random moment (SIGKILL) that end, resumed, in the same weights bit for bit"

    @property
    def bar(self) -> Sequence[Bound]:
        return (*at_least(equal=1.0), *at_most(broken=0))

    def parts(self) -> list[Part]:
        return [Part("kills", 900.0, lambda folder: kill_train.run(self.kills, self.steps, seed=0))]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = parts["kills"]
        share = wilson(found["equal"], found["kills"])
        return Entry(
            claim=self.name,
            what=self.what,
            value=share.mean,
            interval=(share.low, share.high),
            figures={"equal": share.mean, "broken": found["broken"]},
            bar=self.bar,
            n=found["kills"],
            seeds=[{"seed": 0, "value": share.mean, "killed_at": found["killed_at"], "steps": found["steps"]}],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once([found], "git"),
            machine=told_once([found], "machine"),
            training_core_seconds=found["core_seconds"],
            evaluation_core_seconds=0.0,
            note="The core-seconds of the processes that were killed are not counted.",
        )

    def quick(self) -> Quick:
        """A few kills against the same bar."""
        found = kill_train.run(self.quick_kills, self.steps, seed=1)
        share = wilson(found["equal"], found["kills"])
        whole = found["equal"] == found["kills"] and not found["broken"]
        return Quick(share.mean, share.low, share.high, found["kills"], whole)

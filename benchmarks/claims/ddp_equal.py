"""Two processes with half of the windows each take the step that one process takes, whatever the loss looks at."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from claims import two_ranks
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_most

LIMIT = 1e-5


@dataclass(frozen=True)
class DDPEqualClaim:
    """The largest difference in loss and in gradient, and how a run goes on in one process from the shards of two."""

    steps: int = 8

    @property
    def name(self) -> str:
        return "ddp-equal"

    @property
    def what(self) -> str:
        return (
            "largest difference between the gradients of 2 processes x 10 windows and 1 process x 20, in units of the largest "
            "gradient: VICReg with inverse dynamics and SIGReg, DDP and FSDP2"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        return at_most(**{"loss": LIMIT, "gradient": LIMIT, "loss after shards of 2 go on in 1": LIMIT})

    def parts(self) -> list[Part]:
        return [Part("ranks", 120.0, lambda folder: two_ranks.run(self.steps))]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = parts["ranks"]
        equal, resumed = found["equal"], found["resumed"]
        figures = {each: max(row[each] for row in equal.values()) for each in ("loss", "gradient")}
        figures["loss after shards of 2 go on in 1"] = max(row["loss"] for row in resumed.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=figures["gradient"],
            interval=(min(row["gradient"] for row in equal.values()), figures["gradient"]),
            unit="of the largest",
            figures=figures,
            bar=self.bar,
            n=len(equal),
            seeds=[{"seed": 0, "value": figures["gradient"], "steps": self.steps, "resumed": resumed}],
            beside=[
                {"name": name, "value": row["gradient"], "n": 1, "loss": row["loss"]} for name, row in equal.items()
            ],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once([found], "git"),
            machine=told_once([found], "machine"),
            training_core_seconds=found["core_seconds"],
            evaluation_core_seconds=0.0,
            note=(
                "float32, no dropout, gloo on a CPU. The interval spans the four. The third figure is "
                "of any term of the loss in the two steps after one process read the shards of two: the first comes of the "
                "weights, the second also of the optimiser's state. Core-seconds of the processes themselves are not counted."
            ),
        )

    def quick(self) -> Quick:
        """Both recipes with DDP, one step, against the same bar."""
        differences = []
        with tempfile.TemporaryDirectory() as scratch:
            for name in two_ranks.recipes(1):
                one, two = (two_ranks.trained(Path(scratch) / f"{name}-{count}", count, name, 1) for count in (1, 2))
                differences += two_ranks.compared(two, one).values()
        return Quick(max(differences), min(differences), max(differences), len(differences), max(differences) <= LIMIT)

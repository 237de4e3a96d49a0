"""Whatever is done to a file, reading it ends in an error of our own or in something read."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_most
from claims.malformed import attempt, drawn, kinds
from gedanken.evaluation.intervals import wilson

_TOLD = 20
"""Escapes that are kept in the ledger."""


@dataclass(frozen=True)
class FuzzClaim:
    """How many of so many malformed inputs escaped (`malformed.py`)."""

    inputs: int = 10_000
    quick_inputs: int = 800

    @property
    def name(self) -> str:
        return "fuzz"

    @property
    def what(self) -> str:
        return "malformed model files, recordings and run folders that end in one of our errors, or are read after all"

    @property
    def bar(self) -> Sequence[Bound]:
        return at_most(escaped=0)

    def parts(self) -> list[Part]:
        return [Part("inputs", 120.0, lambda folder: tried(self.inputs, seed=0))]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = parts["inputs"]
        share = wilson(found["inputs"] - found["escaped"], found["inputs"])
        return Entry(
            claim=self.name,
            what=self.what,
            value=share.mean,
            interval=(share.low, share.high),
            figures={"escaped": found["escaped"]},
            bar=self.bar,
            n=found["inputs"],
            seeds=[{"seed": 0, "value": share.mean, "each kind": found["each"], "escaped": found["how"]}],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once([found], "git"),
            machine=told_once([found], "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=found["spent"],
        )

    def quick(self) -> Quick:
        """Other inputs, fewer of them."""
        found = tried(self.quick_inputs, seed=1)
        share = wilson(found["inputs"] - found["escaped"], found["inputs"])
        return Quick(share.mean, share.low, share.high, found["inputs"], not found["escaped"])


def tried(inputs: int, seed: int) -> Measured:
    """As many of each kind, drawn by `seed`: how many escaped, and how the first of them did."""
    begun, random, escaped = time.process_time(), Random(seed), []
    with tempfile.TemporaryDirectory() as scratch:
        every = list(kinds().items())
        for name, kind in every:
            kind.make(Path(scratch) / name)
            kind.read(Path(scratch) / name)  # what is whole must be read, or nothing below says anything
        for number in range(inputs):
            name, kind = every[number % len(every)]
            file, edits = drawn(random)
            how = attempt(kind, Path(scratch) / name, file, edits, Path(scratch) / "changed")
            escaped += [] if how is None else [how]
    spent = time.process_time() - begun
    each = {name: len(range(place, inputs, len(every))) for place, (name, _) in enumerate(every)}
    return {"inputs": inputs, "escaped": len(escaped), "how": escaped[:_TOLD], "each": each, "spent": spent}

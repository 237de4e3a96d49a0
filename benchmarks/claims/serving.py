"""The policy server gives robots what the agent itself would, soon enough, and does not wear out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from claims import openpi_drive, soak
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least, at_most
from gedanken.evaluation.intervals import wilson

_OF_MACHINE = "Latencies and throughput are wall time and want a machine with nothing else to do."


@dataclass(frozen=True)
class ServeOpenpiClaim:
    """Goals reached through the real openpi client; whether each action is the agent's own; how soon it came."""

    pairs: int = 200
    block: int = 50
    robots: int = 16
    name: str = "serve-openpi"
    what: str = "goal pictures held at step 200 by a robot that uses the real openpi client, fixed wall, test manifest"

    @property
    def bar(self) -> Sequence[Bound]:
        return (
            *at_least(reached=0.94),
            *at_most(**{"actions that differ": 0, "p95 of a step (ms)": 40.0}),
            *at_least(**{"throughput, batches over one by one": 3.0}),
        )

    def parts(self) -> list[Part]:
        def drive(first: int) -> Part:
            run = lambda folder: openpi_drive.driven(folder, "test", first, self.block)  # noqa: E731
            return Part(f"pairs-{first}", 700.0, run)

        together = Part("throughput", 600.0, lambda folder: openpi_drive.throughput(self.robots, openpi_drive.STEPS))
        return [*(drive(first) for first in range(0, self.pairs, self.block)), together]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        drives, rates = [part for name, part in parts.items() if name != "throughput"], parts["throughput"]
        reached = [won for part in drives for won in part["reached"]]
        share, p95 = wilson(sum(reached), len(reached)), float(np.percentile(_latencies(drives), 95))
        figures = {
            "reached": share.mean,
            "actions that differ": sum(part["different"] for part in drives),
            "p95 of a step (ms)": p95,
            "throughput, batches over one by one": rates["batches"] / rates["one by one"],
        }
        return Entry(
            claim=self.name,
            what=self.what,
            value=share.mean,
            interval=(share.low, share.high),
            figures=figures,
            bar=self.bar,
            n=len(reached),
            seeds=[
                {"seed": 0, "value": share.mean, "reached": reached, "steps": sum(part["steps"] for part in drives)}
            ],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(list(parts.values()), "git"),
            machine=told_once(list(parts.values()), "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in parts.values()),
            note=f"{_OF_MACHINE} The server's and the client's own core-seconds are not counted.",
        )

    def quick(self) -> Quick:
        """Two pairs of the dev manifest against the bar, but for the throughput, which takes minutes."""
        found = openpi_drive.driven(Path(mkdtemp()), "dev", 0, 2)
        share, p95 = wilson(sum(found["reached"]), len(found["reached"])), float(np.percentile(found["latencies"], 95))
        print(f"p95 of a step: {p95:.0f} ms; actions that differ: {found['different']}")
        figures = {"reached": share.high, "actions that differ": found["different"], "p95 of a step (ms)": p95}
        holds = all(bound.met_by(figures) for bound in self.bar if bound.figure in figures)
        return Quick(share.mean, share.low, share.high, len(found["reached"]), holds)


@dataclass(frozen=True)
class ServeSoakClaim:
    """Requests answered with the memory flat, and what a bad day leaves behind."""

    requests: int = 200_000
    messages: int = 10_000
    blocks: int = 2
    name: str = "serve-soak"
    what: str = "requests answered rightly by a policy server that is worn out and abused"

    @property
    def bar(self) -> Sequence[Bound]:
        return (
            *at_least(answered=1.0, named=1.0),
            *at_most(**{"memory drift": 0.05, "wrong answers": 0}),
        )

    def parts(self) -> list[Part]:
        def wear(number: int) -> Part:
            return Part(f"worn-{number}", 2000.0, lambda folder: soak.worn(self.requests // self.blocks))

        def abuse(number: int) -> Part:
            run = lambda folder: soak.abused(self.messages // 10, number, folder / f"model-{number}")  # noqa: E731
            return Part(f"abused-{number}", 300.0, run)

        return [*map(wear, range(self.blocks)), *map(abuse, range(10))]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        worn = [part for name, part in parts.items() if name.startswith("worn")]
        abused = [part for name, part in parts.items() if name.startswith("abused")]
        share = wilson(sum(part["answered"] for part in worn), sum(part["requests"] for part in worn))
        named = sum(part["named"] for part in abused) / sum(part["malformed"] for part in abused)
        figures = {
            "answered": share.mean,
            "named": named,
            "memory drift": max(soak.drift(part["megabytes"]) for part in worn),
            "wrong answers": sum(part["wrong"] for part in abused),
        }
        return Entry(
            claim=self.name,
            what=self.what,
            value=share.mean,
            interval=(share.low, share.high),
            figures=figures,
            bar=self.bar,
            n=sum(part["requests"] for part in worn),
            seeds=[{"seed": 0, "value": share.mean, "abuse": [dict(part) for part in abused]}],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(list(parts.values()), "git"),
            machine=told_once(list(parts.values()), "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in parts.values()),
            note=(
                "One request in fifty searches, cut short by a deadline of 0 ms; the others are of a robot at its goal. A server "
                "that ended by itself would end the measurement. Its own core-seconds are not counted."
            ),
        )

    def quick(self) -> Quick:
        """A few hundred requests and forty malformed messages against the same bar, but for the memory's."""
        worn = soak.worn(600, each=100)
        abused = soak.abused(40, 99, Path(mkdtemp()), every=10)
        share = wilson(worn["answered"], worn["requests"])
        print(f"memory: {', '.join(f'{each:.0f}' for each in worn['megabytes'])} MB; abuse: {abused}")
        whole = share.mean == 1.0 and abused["named"] == abused["malformed"] and not abused["wrong"]
        return Quick(share.mean, share.low, share.high, worn["requests"], whole)


def _latencies(drives: Sequence[Measured]) -> list[float]:
    return [each for part in drives for each in part["latencies"]]

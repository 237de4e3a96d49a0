"""A claim is made of parts that can be stopped between, and a quick check that re-evaluates what was shipped.

Each part leaves one JSON file with what it measured, at which commit, on which machine, and what it cost.
"""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from claims.ledger import ROOT, Bound, Entry
from gedanken.errors import BadFile, BadInput
from gedanken.training import RunFolder

Measured = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A piece of work of a claim.

    Args:
        name: of its folder.
        core_seconds: what it is expected to cost.
        measure: does it in a folder of its own, going on where it was stopped, and returns plain JSON. It is handed the
            claim's folder, so that it finds what earlier parts left.
    """

    name: str
    core_seconds: float
    measure: Callable[[Path], Measured]


@dataclass(frozen=True)
class Quick:
    """What a quick check found: a value with its 95 % interval, of n tries, and whether the bar holds."""

    value: float
    low: float
    high: float
    n: int
    holds: bool


class Claim(Protocol):
    """Something said in the README that a command can make again."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def bar(self) -> Sequence[Bound]: ...

    def parts(self) -> Sequence[Part]:
        """What must be measured, in this order."""
        ...

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        """The ledger's entry from all parts; also ships the checkpoints that `quick` needs."""
        ...

    def quick(self) -> Quick:
        """Check what was shipped, in a minute."""
        ...


def reproduce(claim: Claim, runs: Path, only: Sequence[str] = (), tell: Callable[[str], None] = print) -> Entry | None:
    """Measure all parts that are not there yet; the entry once none is missing, else None.

    Args:
        claim: what to make again.
        runs: where run folders lie.
        only: names of the parts to measure now; all by default.
        tell: told of each part that is done.
    Raises:
        BadInput: the claim has no part of a name in `only`.
    """
    folder, parts = runs / claim.name, claim.parts()
    if unknown := set(only) - {part.name for part in parts}:
        raise BadInput(f"{claim.name} has no part {min(unknown)!r}; it has {', '.join(part.name for part in parts)}.")
    for part in parts:
        if part.name in only or not only:
            _measured(part, folder, tell)
    done = {part.name: found for part in parts if (found := _found(folder, part)) is not None}
    return claim.entry(done, folder) if len(done) == len(parts) else None


def _measured(part: Part, folder: Path, tell: Callable[[str], None]) -> None:
    if _found(folder, part) is not None:
        tell(f"{part.name}: there already")
        return
    torch.set_num_threads(1)  # a second thread wins little at these sizes, and core-seconds are what is told
    began = time.process_time()
    measured = part.measure(folder)
    record = {
        **measured,
        "git": revision(),
        "machine": machine(),
        "core_seconds": time.process_time() - began,
    }
    RunFolder(folder / part.name).write_text("part.json", json.dumps(record))
    tell(f"{part.name}: done in {record['core_seconds']:.0f} core-seconds")


def _found(folder: Path, part: Part) -> Measured | None:
    file = folder / part.name / "part.json"
    try:
        return json.loads(file.read_text()) if file.exists() else None
    except ValueError as error:
        raise BadFile(f"{file} cannot be read ({error}); delete it and give the command again.") from error


def estimate(claim: Claim, runs: Path, only: Sequence[str] = ()) -> float:
    """Core-hours still to be spent."""
    folder = runs / claim.name
    missing = [each for each in claim.parts() if (each.name in only or not only) and _found(folder, each) is None]
    return sum(part.core_seconds for part in missing) / 3600


_MEASURED_BY = ("src", "benchmarks/claims", "benchmarks/beside", "examples")


def revision() -> str:
    """The commit this runs from, with a mark where the code differs from it."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    dirty = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *_MEASURED_BY], cwd=ROOT).returncode
    return head + "+changes" * bool(dirty)


def machine() -> str:
    """What this runs on."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()}, {capability}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def told_once(parts: Sequence[Measured], name: str) -> list[str]:
    """What the parts say under `name`, without repetition, in their order."""
    return list(dict.fromkeys(part[name] for part in parts))

"""The ledger: one file a claim, from which every number in the README and the docs is generated.

An entry carries what its numbers were computed from (each seed's pairs, won or lost) and the hash of its own content, so
neither a value nor a bar can be changed by hand without a test noticing. What failed stays listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from gedanken.errors import BadFile, BadInput
from gedanken.strict_json import parse_object
from gedanken.training import RunFolder

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Bound:
    """One condition of a bar: a figure, a sign and a limit."""

    figure: str
    sign: Literal["at least", "at most", "above"]
    limit: float

    def met_by(self, figures: Mapping[str, float]) -> bool:
        """Whether the figure of this name keeps the limit."""
        value = figures[self.figure]
        if self.sign == "above":
            return value > self.limit
        return value >= self.limit if self.sign == "at least" else value <= self.limit


def at_least(**limits: float) -> tuple[Bound, ...]:
    """Figures that must reach a limit."""
    return tuple(Bound(name, "at least", limit) for name, limit in limits.items())


def above(**limits: float) -> tuple[Bound, ...]:
    """Figures that must exceed a limit."""
    return tuple(Bound(name, "above", limit) for name, limit in limits.items())


def at_most(**limits: float) -> tuple[Bound, ...]:
    """Figures that must not exceed a limit."""
    return tuple(Bound(name, "at most", limit) for name, limit in limits.items())


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What was claimed, what was asked, what came out, and everything needed to doubt it.

    Args:
        claim: name, and name of the file.
        what: the metric in a sentence.
        value, interval: the headline figure and its 95 % interval.
        unit: `share` (shown in per cent), `difference` (of shares, shown in points), or a unit to print.
        figures: what the bar is about, by name.
        bar: the conditions; empty for what is only shown.
        n: pairs, windows or tries behind each row.
        seeds: one record a seed, with its own value.
        beside: rows measured on the same pairs: name, value, interval, n and more.
        manifest: content hash of the pairs, or none.
        command: makes it again from nothing.
        git, machine: of each part, without repetition.
        training_core_seconds, evaluation_core_seconds: of all seeds together.
        note: what fell short or must be known, in words.
    """

    claim: str
    what: str
    value: float
    interval: tuple[float, float]
    unit: str = "share"
    figures: Mapping[str, float]
    bar: Sequence[Bound] = ()
    n: int
    seeds: Sequence[Mapping[str, Any]]
    beside: Sequence[Mapping[str, Any]] = ()
    manifest: str | None
    command: str
    git: Sequence[str]
    machine: Sequence[str]
    training_core_seconds: float
    evaluation_core_seconds: float
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every condition of the bar is kept."""
        return all(bound.met_by(self.figures) for bound in self.bar)


def write_entry(entry: Entry, folder: Path = RESULTS) -> Path:
    """Write an entry with its hash; returns its path."""
    record = {**asdict(entry), "holds": entry.holds}
    sealed = {**record, "sha256": _hash(record)}
    RunFolder(folder).write_text(f"{entry.claim}.json", json.dumps(sealed, indent=1) + "\n")
    return folder / f"{entry.claim}.json"


def read_entry(file: Path) -> Entry:
    """Read an entry.

    Raises:
        BadFile: it was changed since it was written, says that it holds where it does not, or is no entry.
    """
    try:
        record = parse_object(file.read_bytes())
        if record.pop("sha256", None) != _hash(record):
            raise BadInput("its content is not what its hash was taken of; it was changed by hand.")
        holds, bar = record.pop("holds"), [Bound(**each) for each in record.pop("bar")]
        entry = Entry(**{**record, "bar": bar, "interval": tuple(record["interval"])})
    except (OSError, TypeError, KeyError, BadInput) as error:
        raise BadFile(f"{file} is no ledger entry: {error} Make it again by `gedanken reproduce`.") from error
    if entry.claim != file.stem or entry.holds != holds:
        raise BadFile(f"{file} says claim={entry.claim!r}, holds={holds}; its name or its figures say otherwise.")
    return entry


def read_ledger(folder: Path = RESULTS) -> list[Entry]:
    """All entries, by name."""
    return [read_entry(file) for file in sorted(folder.glob("*.json"))]


def _hash(record: Mapping[str, Any]) -> str:
    return sha256(json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()

"""What a memory acknowledged is there, whole and found alike, whenever its writer is killed."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims import kill_memory
from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_most
from gedanken.evaluation.intervals import Interval, wilson

FAULTS = {
    "corruptions": "corrupt",
    "acknowledged moments lost": "lost",
    "retrievals that differ": "differing",
    "forgotten moments found in the bytes": "bytes_left",
}


@dataclass(frozen=True)
class MemoryKillsClaim:
    """SIGKILLs of a writing process, in parts of which every second has a memory that evicts."""

    parts_of: int = 100
    count: int = 10
    quick_kills: int = 30

    @property
    def name(self) -> str:
        return "kill-memory"

    @property
    def what(self) -> str:
        return (
            "SIGKILLs at random moments of writing, forgetting, evicting and opening after which a memory is whole, holds all "
            "that was acknowledged and recalls bit for bit what it recalled before"
        )

    @property
    def bar(self) -> Sequence[Bound]:
        return at_most(**dict.fromkeys(FAULTS, 0))

    def parts(self) -> list[Part]:
        return [
            Part(f"kills-{k}", 20.0, lambda folder, k=k: kill_memory.run(folder / f"kills-{k}", self.parts_of, seed=k))
            for k in range(self.count)
        ]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        found = list(parts.values())
        kills, figures, share = _judged(found)
        during = sum((Counter(part["during"]) for part in found), Counter[str]())
        return Entry(
            claim=self.name,
            what=self.what,
            value=share.mean,
            interval=(share.low, share.high),
            figures={**figures, "acknowledged moments": sum(part["acknowledged"] for part in found)},
            bar=self.bar,
            n=kills,
            seeds=[
                {"seed": k, "n": part["kills"], "value": _judged([part])[2].mean, **_plain(part)}
                for k, part in enumerate(found)
            ],
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(found, "git"),
            machine=told_once(found, "machine"),
            training_core_seconds=0.0,
            evaluation_core_seconds=sum(part["core_seconds"] for part in found),
            note=(
                f"synchronous=NORMAL, SQLite's write-ahead log, a local disk; power was not cut. "
                f"Killed while: {_listed(during)}. {sum(part['evicted'] for part in found)} moments were evicted. "
                "Core-seconds of the processes that were killed are not counted."
            ),
        )

    def quick(self) -> Quick:
        """A few kills against the same bar, half of them of a memory that evicts."""
        with tempfile.TemporaryDirectory() as scratch:
            found = [kill_memory.run(Path(scratch), self.quick_kills // 2, seed=seed) for seed in (100, 101)]
        kills, figures, share = _judged(found)
        return Quick(share.mean, share.low, share.high, kills, not any(figures.values()))


def _judged(parts: Sequence[Measured]) -> tuple[int, dict[str, float], Interval]:
    """Kills, the figures of the bar, and the share of kills without any fault."""
    kills = sum(part["kills"] for part in parts)
    figures = {name: float(sum(part[key] for part in parts)) for name, key in FAULTS.items()}
    return kills, figures, wilson(sum(part["sound"] for part in parts), kills)


def _plain(part: Measured) -> dict[str, Any]:
    return {name: part[name] for name in ("during", "acknowledged", "evicted", "moments_at_the_end")}


def _listed(counts: Mapping[str, int]) -> str:
    words = {
        "write": "writing",
        "forget": "forgetting",
        "reporting": "between two pieces of work",
        "opening": "opening",
    }
    return ", ".join(f"{words[name]} {count}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))

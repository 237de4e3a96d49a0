"""What was understood of recordings, and what was found: plain numbers and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gedanken.data.check.findings import Finding


@dataclass(frozen=True)
class Understood:
    """One stream, or the actions, as they are.

    Args:
        shape: of one sample.
        dtype: NumPy name.
        rate_hz: as declared; None where nothing was.
        unit: as declared.
        low, high: smallest and greatest value of each channel (the last axis), or None where there are no finite ones.
    """

    shape: tuple[int, ...]
    dtype: str
    rate_hz: float | None
    unit: str
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None


@dataclass(frozen=True)
class CheckReport:
    """What was understood and what was found.

    Args:
        source: path or name of the recordings.
        format: name of their format, or "memory".
        splits: episodes of each split that was looked at, by name.
        lengths: shortest, median and longest episode, in frames.
        frames: of all episodes together.
        seconds: their duration, by the clock or by the declared rate; None where neither is known.
        resets: how many are named inside episodes.
        streams: by name.
        action: all actions.
        clock_hz: frames a second by recorded times, or None.
        looked_at: episodes whose frames were read; the others were read but for their frames.
        findings: errors first.
    """

    source: str
    format: str
    splits: Mapping[str, int]
    lengths: tuple[int, int, int]
    frames: int
    seconds: float | None
    resets: int
    streams: Mapping[str, Understood]
    action: Understood | None
    clock_hz: float | None
    looked_at: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether no error was found; warnings and notes leave it sound."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def readable(self) -> bool:
        """Whether there was anything to look at."""
        return bool(self.splits)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {"sound": self.sound, **asdict(self)}


UNREADABLE = "unreadable"
"""Name of the finding that a path cannot be read at all."""


def unreadable(source: str, told: str, name: str = UNREADABLE) -> CheckReport:
    """The report on a path that no format could open, `told` being the one sentence of the opener, `name` the finding's."""
    finding = Finding(
        name=name,
        severity="error",
        said=told,
        todo="Copy the file again from its source, or name its format and columns."
        if name == UNREADABLE
        else "Cut these rows out, or fill them from the recording they came from; nothing else of it was looked at.",
    )
    return CheckReport(source, "", {}, (0, 0, 0), 0, None, 0, {}, None, None, 0, (finding,))

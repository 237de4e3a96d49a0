"""What a check says: a finding has a name that stays, a place, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""An error spoils what is learned; a warning should be looked at; a note says what could not be judged."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with recordings, or looks so.

    Args:
        name: a short name that does not change, such as `time-gap`; scripts may rely on it.
        severity: how it is to be taken.
        said: one sentence, with the place.
        todo: one sentence: what to do.
        episode: number of the first episode concerned, or None where it concerns all.
        frames: first and last frame concerned in that episode, or None.
        split: its split, or "" where there is only one.
        stream: the stream concerned, `actions`, `times`, or "".
        count: in how many places it was found.
    """

    name: str
    severity: Severity
    said: str
    todo: str
    episode: int | None = None
    frames: tuple[int, int] | None = None
    split: str = ""
    stream: str = ""
    count: int = 1


@dataclass(frozen=True)
class Whose:
    """An episode: its number in its split, and the split's name, "" where there is only one."""

    episode: int
    split: str = ""

    def at(self, first: int, last: int) -> Place:
        """Frames `first` to `last` of it."""
        return Place(self, int(first), int(last))


@dataclass(frozen=True)
class Place:
    """Frames of an episode, `first` to `last`, both included."""

    whose: Whose
    first: int
    last: int

    def __str__(self) -> str:
        frames = f"frame {self.first}" if self.first == self.last else f"frames {self.first}–{self.last}"
        return f"{self.whose.split} episode {self.whose.episode}, {frames}".strip()

    @property
    def frames(self) -> tuple[int, int]:
        """First and last frame."""
        return self.first, self.last


def found_at(
    name: str, severity: Severity, said: str, todo: str, places: list[Place], stream: str = ""
) -> list[Finding]:
    """One finding for all places, or none where there is no place; `said` is followed by the first of them.

    A hundred lines for a hundred places are not read; the count and one place to look at are.
    """
    if not places:
        return []
    first, more = places[0], len(places) - 1
    where = f"{first}" + (f" and {more} more place{'s' if more > 1 else ''}" if more else "")
    return [
        Finding(
            name=name,
            severity=severity,
            said=f"{said}: {where}.",
            todo=todo,
            episode=first.whose.episode,
            frames=first.frames,
            split=first.whose.split,
            stream=stream,
            count=len(places),
        )
    ]

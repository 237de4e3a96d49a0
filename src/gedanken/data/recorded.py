"""What a source says of a recording that its episode, read onto one even clock, no longer does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class AsRecorded:
    """An episode's source as it lies, for those who look for what is wrong with it.

    Args:
        times: `[n]` seconds, when each row was recorded; None where the source does not say, or the episode does itself.
        longest_gap: seconds of silence after which reading starts afresh.
        rates_hz: rates that the source names besides its times, by what names them, such as a video's own.
        notes: numbers that stand there once for the whole recording, such as a flag of overload, by name.
    """

    times: np.ndarray | None = None
    longest_gap: float = np.inf
    rates_hz: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class KeepsRecord(Protocol):
    """Episodes whose source can be asked how it lies."""

    def as_recorded(self, index: int, /) -> AsRecorded:
        """The source of episode `index`."""
        ...

"""Numbers that are missing, that never change, that were cut off, or that say the sensor was at its end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gedanken.data.check.findings import Finding, Place, Whose, found_at
from gedanken.types import Episode

_AT_ONCE = 1 << 24
_MOST_CHANNELS = 64
_FEW_VALUES = 12
_CLIPPED, _CLIPPED_MOST = 0.02, 0.6
_RUNS, _LONG_RUN = 3, 3
OVERLOAD = re.compile(r"overl|ovld|ovl\b|saturat|clip", re.IGNORECASE)


@dataclass
class ValuesSeen:
    """What was met in one stream, or in the actions, while episodes went by; C channels, the last axis of a sample.

    Args:
        low, high: smallest and greatest finite value of each channel `[C]`.
        missing: where a value is not a finite number.
        flagged: where a channel that is only 0 or 1 was 1, for a stream whose name says overload.
    """

    low: np.ndarray | None = None
    high: np.ndarray | None = None
    missing: list[Place] = field(default_factory=list)
    flagged: list[Place] = field(default_factory=list)

    def add(self, whose: Whose, values: np.ndarray, overload: bool = False) -> None:
        """Take in the values `[L, ...]` of an episode."""
        frames = max(1, _AT_ONCE // max(values[:1].size, 1))
        for first in range(0, len(values), frames):
            self._add(whose, first, values[first : first + frames], overload)

    def _add(self, whose: Whose, first: int, values: np.ndarray, overload: bool) -> None:
        flat = values.reshape(len(values), -1)
        if not flat.size:
            return
        if values.dtype.kind == "f":
            whole = np.isfinite(flat).min(axis=1)
            self.missing += [whose.at(first + a, first + b) for a, b in runs(~whole)]
            flat = flat[whole]
        if not len(flat):
            return
        # Over whole frames first: along the last axis, of three colours, numpy is many times slower.
        width = values.shape[-1] if values.ndim > 1 else 1
        low = flat.min(axis=0).reshape(-1, width).min(axis=0).astype(float)
        high = flat.max(axis=0).reshape(-1, width).max(axis=0).astype(float)
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)
        if overload and set(np.unique(flat).tolist()) <= {0, 1}:
            at = values.reshape(len(values), -1).max(axis=1) == 1
            self.flagged += [whose.at(first + a, first + b) for a, b in runs(at)]


def values_seen(seen: Mapping[str, ValuesSeen], whose: Whose, episode: Episode) -> None:
    """Take in an episode: each stream, and the actions under the name `actions`."""
    for name, values in episode.streams.items():
        seen[name].add(whose, np.asarray(values), overload=bool(OVERLOAD.search(name)))
    seen[ACTIONS].add(whose, episode.actions)


MISSING = "missing-values"
"""Name of the finding that numbers are not there, or not finite."""

ACTIONS = "actions"
"""What actions are called among streams."""


def runs(marks: np.ndarray) -> list[tuple[int, int]]:
    """First and last place of each run of True in `[n]`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def missing_values(seen: Mapping[str, ValuesSeen]) -> list[Finding]:
    """NaN and infinity."""
    return [
        finding
        for name, each in seen.items()
        for finding in found_at(
            MISSING,
            "error",
            f"{_called(name)} hold{'' if name == ACTIONS else 's'} NaN or infinity",
            "Cut these frames out, or fill them from the recording they came from; no model can learn from them.",
            each.missing,
            name,
        )
    ]


def constant_channels(seen: Mapping[str, ValuesSeen], names: Mapping[str, tuple[str, ...]]) -> list[Finding]:
    """Channels that never change; `names` are those of a stream's channels, where it has any."""
    found = []
    for name, each in seen.items():
        if each.low is None or each.high is None or OVERLOAD.search(name):
            continue
        still = np.flatnonzero(each.low == each.high)
        if not len(still):
            continue
        called = names.get(name) or tuple(map(str, range(len(each.low))))
        listed = ", ".join(called[place] for place in still[:8].tolist())
        several = len(still) > 1
        which = "all channels" if len(still) == len(each.low) else f"channel{'s' if several else ''} {listed}"
        verb = "are" if several or len(each.low) == 1 else "is"
        found.append(
            Finding(
                name="constant-channel",
                severity="warning",
                said=f"{_called(name)}: {which} {verb} {each.low[still[0]]:g} in every frame of every episode.",
                todo="Leave it out, or look for the sensor or command that was not connected.",
                stream=name,
                count=len(still),
            )
        )
    return found


def clipped_actions(actions: Sequence[tuple[Whose, np.ndarray]]) -> list[Finding]:
    """Actions that stay exactly at their greatest or smallest value again and again, between which they vary freely."""
    if not actions:
        return []
    together = np.concatenate([each for _, each in actions])
    found = []
    for channel in range(min(together.shape[1], _MOST_CHANNELS)):
        values = together[:, channel]
        values = values[np.isfinite(values)]
        # A switch, a gripper or a relay has few values, and being at one of its ends is all it can do.
        if not len(values) or len(np.unique(values)) <= _FEW_VALUES:
            continue
        for end, word in ((values.max(), "greatest"), (values.min(), "smallest")):
            share = float((values == end).mean())
            if not _CLIPPED <= share <= _CLIPPED_MOST:
                continue
            places = [
                whose.at(a, b)
                for whose, each in actions
                for a, b in runs(each[:, channel] == end)
                if b - a + 1 >= _LONG_RUN
            ]
            if len(places) >= _RUNS:
                found += found_at(
                    "clipped-action",
                    "warning",
                    f"Action {channel} is exactly at its {word} value {end:g} in {share:.0%} of the steps",
                    "If the machine was given more than was recorded, record what it was given; if the limit is its own, "
                    "say so in the action's bounds.",
                    places,
                    ACTIONS,
                )
    return found


def overload_flags(seen: Mapping[str, ValuesSeen]) -> list[Finding]:
    """Frames in which a stream that says overload is 1; and that there is such a stream, where it never is."""
    return [
        Finding(
            name="overload",
            severity="note",
            said=f"{_called(name)} flags when a sensor was at its end; it never was.",
            todo="Leave the flag out: it tells a model nothing.",
            stream=name,
        )
        for name, each in seen.items()
        if OVERLOAD.search(name) and each.high is not None and not np.any(each.high)
    ] + [
        finding
        for name, each in seen.items()
        for finding in found_at(
            "overload",
            "warning",
            f"{_called(name)} says that a sensor was at its end",
            "Cut these frames out, or mask what was measured in them.",
            each.flagged,
            name,
        )
    ]


def _called(name: str) -> str:
    return "Actions" if name == ACTIONS else f"Stream {name!r}"

"""One pass over all episodes: what each check needs is kept, what it was read from is let go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gedanken.data.check.clock import Clock, clock_findings, measured_rate
from gedanken.data.check.digest import Digest, digest
from gedanken.data.check.findings import Finding, Whose
from gedanken.data.check.report import CheckReport, Understood
from gedanken.data.check.source import Source, source_findings
from gedanken.data.check.values import (
    ACTIONS,
    ValuesSeen,
    clipped_actions,
    constant_channels,
    missing_values,
    overload_flags,
    values_seen,
)
from gedanken.data.recorded import AsRecorded
from gedanken.errors import BadInput
from gedanken.types import ActionSpec, Episode, StreamSpec


class Sight:
    """What was met while episodes went by, all of the kind of the first one."""

    def __init__(self, first: Episode) -> None:
        self.specs: Mapping[str, StreamSpec] = dict(first.specs)
        self.action: ActionSpec = first.action
        self.digests: list[Digest] = []
        self._seen = {name: ValuesSeen() for name in (*first.specs, ACTIONS)}
        self._actions: list[tuple[Whose, np.ndarray]] = []
        self._clocks: list[Clock] = []
        self._sources: list[Source] = []
        self._lengths: list[tuple[Whose, int]] = []
        self._resets = 0

    def add(self, whose: Whose, episode: Episode, recorded: AsRecorded | None = None, frames: bool = True) -> None:
        """Take in an episode, and what its source says of itself; without `frames` only what is small of it.

        Raises:
            BadInput: it has other streams or actions than the first.
        """
        if set(episode.specs) != set(self.specs) or episode.action.width != self.action.width:
            raise BadInput(
                f"episode {whose.episode} has streams {sorted(episode.specs)} and {episode.action.width} actions, the first "
                f"{sorted(self.specs)} and {self.action.width}; check recordings of one kind at a time."
            )
        self._lengths.append((whose, len(episode)))
        self._actions.append((whose, np.asarray(episode.actions)))
        self._resets += len([reset for reset in episode.resets if reset])
        if episode.times is not None:
            self._clocks.append(Clock(whose, episode.times, episode.resets))
        if recorded is not None:
            self._sources.append((whose, recorded))
        if frames:
            values_seen(self._seen, whose, episode)
            self.digests.append(digest(episode, whose, recorded))
        else:
            self._seen[ACTIONS].add(whose, episode.actions)

    def findings(self, window: int) -> list[Finding]:
        """All that values, clocks and lengths say."""
        return [
            *missing_values(self._seen),
            *clock_findings(self._clocks, dict(self.specs), self.action),
            *source_findings(self._sources, _declared(self.specs)),
            *constant_channels(self._seen, {name: spec.names for name, spec in self.specs.items()}),
            *clipped_actions(self._actions),
            *overload_flags(self._seen),
            *self._short(window),
        ]

    def report(self, source: str, format: str, splits: Mapping[str, int], findings: Iterable[Finding]) -> CheckReport:
        """What was understood, with the findings given."""
        lengths = [length for _, length in self._lengths]
        rate = measured_rate(self._clocks) or self.action.rate_hz or _declared(self.specs)
        spans = [float(each.times[-1] - each.times[0]) for each in self._clocks]
        timed = len(spans) == len(lengths)
        seconds = sum(spans) if timed else None if rate is None else sum(length - 1 for length in lengths) / rate
        streams = {
            name: _understood(spec.shape, spec.dtype, spec.rate_hz, spec.unit, self._seen[name])
            for name, spec in self.specs.items()
        }
        action = self.action
        return CheckReport(
            source=source,
            format=format,
            splits=dict(splits),
            lengths=(min(lengths), int(np.median(lengths)), max(lengths)),
            frames=sum(lengths),
            seconds=seconds,
            resets=self._resets,
            streams=streams,
            action=_understood((action.width,), "float32", action.rate_hz, action.unit, self._seen[ACTIONS]),
            clock_hz=measured_rate(self._clocks),
            looked_at=len(self.digests),
            findings=tuple(findings),
        )

    def _short(self, window: int) -> list[Finding]:
        short = [(whose, length) for whose, length in self._lengths if length < window]
        if not short:
            return []
        whose, length = short[0]
        which = (
            "every episode has"
            if len(short) == len(self._lengths) > 1
            else f"{len(short)} of {len(self._lengths)} have"
        )
        return [
            Finding(
                name="short-episode",
                severity="warning",
                said=f"Shorter than a window of {window} frames: {which} at most {max(n for _, n in short)} frames, such as "
                f"episode {whose.episode} with {length}.",
                todo="Take a shorter window, or look whether the recordings were cut off; what is shorter is left out.",
                episode=whose.episode,
                frames=(0, length - 1),
                split=whose.split,
                count=len(short),
            )
        ]


def _understood(shape: tuple[int, ...], dtype: str, rate: float | None, unit: str, seen: ValuesSeen) -> Understood:
    low, high = (None if ends is None else tuple(ends.tolist()) for ends in (seen.low, seen.high))
    return Understood(tuple(shape), dtype, rate, unit, low, high)


def _declared(specs: Mapping[str, StreamSpec]) -> float | None:
    return next((spec.rate_hz for spec in specs.values() if spec.rate_hz is not None), None)

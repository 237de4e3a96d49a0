"""When frames were taken: gaps, clocks that run back, uneven sampling, and rates that are not as declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gedanken.data.check.findings import Finding, Whose, found_at
from gedanken.types import ActionSpec, StreamSpec

_GAP = 4.0
"""Usual periods that a gap lasts at least; what is shorter is an uneven clock."""
UNEVEN, _UNEVEN_SHARE, _UNEVEN_FEWEST = 0.1, 2e-4, 3
"""How far periods differ from the usual one, in which share of the steps, for a clock to count as uneven."""
OFF = 0.03
"""By how much a rate may differ from what is declared."""


@dataclass(frozen=True)
class Clock:
    """The times of one episode and where it starts afresh."""

    whose: Whose
    times: np.ndarray
    resets: tuple[int, ...]

    @property
    def periods(self) -> np.ndarray:
        """Seconds from each frame to the next `[L-1]`; NaN across a reset."""
        periods = np.diff(self.times.astype(float))
        periods[[reset - 1 for reset in self.resets if 0 < reset < len(self.times)]] = np.nan
        return periods


def measured_rate(clocks: Sequence[Clock]) -> float | None:
    """Frames a second by the clock, gaps left out; None without a clock."""
    steady = _steady(clocks)
    return None if steady is None else float(1 / steady.mean())


def clock_findings(clocks: Sequence[Clock], specs: dict[str, StreamSpec], action: ActionSpec) -> list[Finding]:
    """Everything that the times and the declared rates say."""
    return [*_backwards(clocks), *_gaps(clocks), *_uneven(clocks), *_wrong_rates(clocks, specs, action)]


def _steady(clocks: Sequence[Clock]) -> np.ndarray | None:
    """Periods between frames that are no gap."""
    periods = np.concatenate([each.periods for each in clocks]) if clocks else np.zeros(0)
    periods = periods[np.isfinite(periods) & (periods > 0)]
    return periods[periods < _GAP * np.median(periods)] if len(periods) else None


def clearly_uneven(uneven: int, steps: int) -> bool:
    """Whether so many uneven periods among the steps are more than a hiccup."""
    return uneven >= max(_UNEVEN_FEWEST, _UNEVEN_SHARE * steps)


def _backwards(clocks: Sequence[Clock]) -> list[Finding]:
    places = [each.whose.at(int(k), int(k) + 1) for each in clocks for k in np.flatnonzero(each.periods <= 0).tolist()]
    return found_at(
        "time-backwards",
        "error",
        "Time stands still or runs backwards",
        "Sort the frames by time, or leave out those that were stored twice.",
        places,
        "times",
    )


def _gaps(clocks: Sequence[Clock]) -> list[Finding]:
    steady = _steady(clocks)
    if steady is None:
        return []
    usual = float(np.median(steady))
    limit = max(_GAP * usual, 2 * float(np.quantile(steady, 0.99)))  # an uneven clock has no gap at each late frame
    places = [
        each.whose.at(int(k), int(k) + 1)
        for each in clocks
        for k in np.flatnonzero(np.nan_to_num(each.periods) > limit).tolist()
    ]
    longest = max((float(np.nanmax(each.periods)) for each in clocks if len(each.periods)), default=0.0)
    return found_at(
        "time-gap",
        "error",
        f"Frames are missing: up to {longest:.3g} s pass from one frame to the next, where {usual:.3g} s are usual",
        "Name the frames after the gaps in the episode's resets, or split the episode there; a window must not cross one.",
        places,
        "times",
    )


def _uneven(clocks: Sequence[Clock]) -> list[Finding]:
    steady = _steady(clocks)
    if steady is None:
        return []
    usual = float(np.median(steady))
    uneven = int((np.abs(steady / usual - 1) > UNEVEN).sum())
    if not clearly_uneven(uneven, len(steady)):
        return []
    return [
        Finding(
            name="irregular-sampling",
            severity="warning",
            said=f"Frames are unevenly spaced: {uneven:,} of {len(steady):,} periods differ by more than {UNEVEN:.0%} from the "
            f"usual {usual * 1e3:.3g} ms, up to {float(steady.max()) * 1e3:.3g} ms.",
            count=uneven,
            todo=f"Resample onto an even clock of {1 / steady.mean():.4g} Hz or slower before training; actions are held, "
            "not interpolated.",
            stream="times",
        )
    ]


def _wrong_rates(clocks: Sequence[Clock], specs: dict[str, StreamSpec], action: ActionSpec) -> list[Finding]:
    declared = {name: spec.rate_hz for name, spec in specs.items()} | {"actions": action.rate_hz}
    told = {name: rate for name, rate in declared.items() if rate is not None}
    true = measured_rate(clocks)
    if true is None:
        if told and max(told.values()) > (1 + OFF) * min(told.values()):
            rates = ", ".join(f"{name} {rate:g} Hz" for name, rate in told.items())
            return [_wrong("Rates contradict one another, though there is one action between two frames: " + rates, "")]
        return []
    wrong = {name: rate for name, rate in told.items() if abs(rate / true - 1) > OFF}
    if not wrong:
        return []
    rates = ", ".join(f"{name} {rate:g} Hz" for name, rate in wrong.items())
    return [_wrong(f"Declared are {rates}; by the clock it is {true:.4g} Hz", next(iter(wrong)))]


def _wrong(said: str, stream: str) -> Finding:
    return Finding(
        name="wrong-rate",
        severity="error",
        said=f"{said}.",
        todo="Declare the rate at which frames were taken: speeds, horizons and frame skips are counted by it.",
        stream=stream,
    )

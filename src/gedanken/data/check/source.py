"""What reading has smoothed over: uneven rows and silences behind an even clock, two clocks that differ, notes on a recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gedanken.data.check.clock import OFF, UNEVEN, clearly_uneven
from gedanken.data.check.findings import Finding, Whose, found_at
from gedanken.data.check.values import OVERLOAD
from gedanken.data.recorded import AsRecorded

Source = tuple[Whose, AsRecorded]


def source_findings(sources: Sequence[Source], rate_hz: float | None) -> list[Finding]:
    """Everything that sources say and their episodes do not.

    Args:
        sources: those that were asked, of each episode.
        rate_hz: of the even clock that episodes were read onto.
    """
    return [*_uneven(sources, rate_hz), *_silences(sources), *_two_clocks(sources), *_overload_notes(sources)]


def _periods(source: Source) -> np.ndarray:
    times = source[1].times
    return np.zeros(0) if times is None else np.diff(np.asarray(times, float))


def _uneven(sources: Sequence[Source], rate_hz: float | None) -> list[Finding]:
    """Each source is held against its own usual period: a folder may hold machines of different rates."""
    all_periods = [each for each in map(_periods, sources) if len(each)]
    off = [np.abs(each / np.median(each) - 1) > UNEVEN for each in all_periods]
    uneven, steps = sum(int(each.sum()) for each in off), sum(map(len, off))
    if not clearly_uneven(uneven, steps):
        return []
    longest = max(all_periods, key=lambda each: float(each.max() / np.median(each)))
    clock = "an even clock" if rate_hz is None else f"an even clock of {rate_hz:g} Hz"
    return [
        Finding(
            name="irregular-sampling",
            severity="warning",
            said=f"Rows are unevenly spaced: {uneven:,} of {steps:,} periods differ by more than {UNEVEN:.0%} from the usual one "
            f"of their episode, up to {float(longest.max()) * 1e3:.3g} ms where {float(np.median(longest)) * 1e3:.3g} ms are "
            f"usual; they were read onto {clock}.",
            todo="Nothing, if that clock suits, but a row stands twice where none came in time; a lower rate_hz has none such.",
            stream="times",
            count=uneven,
        )
    ]


def _silences(sources: Sequence[Source]) -> list[Finding]:
    places, longest = [], 0.0
    for source in sources:
        periods = _periods(source)
        late = np.flatnonzero(periods > source[1].longest_gap)
        longest = max(longest, float(periods[late].max(initial=0.0)))
        places += [source[0].at(int(k), int(k) + 1) for k in late]
    return found_at(
        "time-gap",
        "warning",
        f"Rows are missing, for up to {longest:.3g} s; what follows was taken as a new beginning (rows of the source)",
        "Nothing, if that is so: no window crosses it. longest_gap says how long a silence may be.",
        places,
        "times",
    )


def _two_clocks(sources: Sequence[Source]) -> list[Finding]:
    for whose, each in sources:
        periods = _periods((whose, each))
        true = 1 / float(np.median(periods)) if len(periods) and np.median(periods) > 0 else None
        for name, rate in each.rates_hz.items():
            if true is not None and abs(rate / true - 1) > OFF:
                return [
                    Finding(
                        name="wrong-rate",
                        severity="error",
                        said=f"{name} runs at {rate:.4g} Hz, but by the times beside it frames were taken at {true:.4g} Hz.",
                        todo="Find out which is right; write the video again at the true rate, or leave out the column of times.",
                        episode=whose.episode,
                        split=whose.split,
                        stream="times",
                    )
                ]
    return []


def _overload_notes(sources: Sequence[Source]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for whose, each in sources:
        for name, value in each.notes.items():
            if OVERLOAD.search(name) and (name not in found or (value and found[name].severity == "note")):
                found[name] = _overload(whose, name, bool(value))
    return list(found.values())


def _overload(whose: Whose, name: str, raised: bool) -> Finding:
    if raised:
        said = f"{name!r} says of the whole of episode {whose.episode} that a sensor was at its end."
        todo = "Look for values that stay at their greatest or smallest, and cut those frames out."
        return Finding(
            name="overload", severity="warning", said=said, todo=todo, episode=whose.episode, split=whose.split
        )
    said = f"{name!r} flags, once for the whole recording, whether a sensor was at its end; it never was."
    return Finding(
        name="overload", severity="note", said=said, todo="Nothing: it is left out, as it tells a model nothing."
    )

"""What came back otherwise: an episode as it was and as a format gives it back, compared, in sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gedanken.contracts import Episodes
from gedanken.types import Episode

_CLOSE = 1e-6
"""Seconds, and share of a rate, that rounding makes."""


def differences(before: Episodes, after: Episodes, first: int = 0) -> dict[str, str]:
    """What of `before` is not the same in `after`, by aspect; empty where nothing is lost.

    Args:
        before: what was written.
        after: what is read back; its episodes from number `first` on are compared.
        first: episodes that were there already.
    """
    if len(after) - first != len(before):
        return {"episodes": f"{len(before)} episodes were written and {len(after) - first} are read back"}
    found: dict[str, str] = {}
    for number in range(len(before)):
        for aspect, said in compared(before[number], after[first + number]).items():
            found.setdefault(aspect, said)
    return found


def compared(one: Episode, other: Episode) -> dict[str, str]:
    """What of `one` is not the same in `other`, by aspect; the order of streams is no matter."""
    if set(one.streams) == set(other.streams):
        ordered = ({name: each[name] for name in one.streams} for each in (other.streams, other.specs))
        other = replace(other, **dict(zip(("streams", "specs"), ordered, strict=True)))
    aspects: dict[str, Callable[[Episode, Episode], str]] = {
        "streams": _streams,
        "pictures": _pictures,
        "numbers": _numbers,
        "names": _names,
        "units": _units,
        "rates": _rates,
        "actions": _actions,
        "bounds": _bounds,
        "times": _times,
        "resets": lambda a, b: "" if _marks(a) == _marks(b) else f"resets {_marks(a)} are {_marks(b)}",
        "origin": lambda a, b: "" if a.provenance == b.provenance else "source, licence and note are not kept",
    }
    return {aspect: said for aspect, compare in aspects.items() if (said := compare(one, other))}


def _is_picture(episode: Episode, name: str) -> bool:
    spec = episode.specs[name]
    return spec.dtype == "uint8" and len(spec.shape) == 3


def _of(episode: Episode, pictures: bool) -> dict[str, np.ndarray]:
    streams = episode.streams.items()
    return {name: np.asarray(values) for name, values in streams if _is_picture(episode, name) == pictures}


def _streams(one: Episode, other: Episode) -> str:
    if set(one.streams) == set(other.streams):
        kinds = [name for name, spec in one.specs.items() if spec.dtype != other.specs[name].dtype]
        return f"the type of {', '.join(kinds)} is another" if kinds else ""
    return f"the streams {', '.join(one.streams)} are {', '.join(other.streams)} now"


def _pictures(one: Episode, other: Episode) -> str:
    mine, theirs = _of(one, pictures=True), _of(other, pictures=True)
    worst = 0.0
    for name, values in mine.items():
        if name not in theirs or theirs[name].shape != values.shape:
            return f"pictures {name!r} {values.shape} are not there in that shape"
        worst = max(worst, float(np.abs(values.astype(np.int16) - theirs[name]).mean()))
    return f"values of pictures are off by {worst:.2g} of 255 on average" if worst else ""


def _side_by_side(episode: Episode) -> np.ndarray:
    parts = [values.reshape(len(values), -1).astype(float) for values in _of(episode, pictures=False).values()]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(episode), 0))


def _numbers(one: Episode, other: Episode) -> str:
    mine, theirs = _side_by_side(one), _side_by_side(other)
    if mine.shape != theirs.shape:
        return f"numbers {mine.shape} are {theirs.shape} now (frames, columns)"
    off = np.abs(mine - theirs).max(initial=0.0)
    return f"numbers are off by up to {off:.2g}" if off else ""


def _names(one: Episode, other: Episode) -> str:
    mine, theirs = ([each for spec in episode.specs.values() for each in spec.names] for episode in (one, other))
    kept = [name for name in theirs if name in mine]  # a table names also what had no name
    return "" if kept == mine else f"components called {', '.join(mine)} are {', '.join(theirs) or 'nothing'}"


def _units(one: Episode, other: Episode) -> str:
    mine, theirs = ([*_each_unit(episode), episode.action.unit] for episode in (one, other))
    return (
        ""
        if mine == theirs
        else f"units {', '.join(filter(None, mine)) or 'none'} are {', '.join(filter(None, theirs)) or 'none'}"
    )


def _each_unit(episode: Episode) -> list[str]:
    """The unit of every component, however streams share them out."""
    units: list[str] = []
    for spec in episode.specs.values():
        width = spec.shape[0] if len(spec.shape) == 1 else 1
        each = spec.unit.split(", ")
        units += each if len(each) == width else [spec.unit] * width
    return units


def _rates(one: Episode, other: Episode) -> str:
    mine, theirs = (
        sorted({spec.rate_hz for spec in episode.specs.values() if spec.rate_hz} | {episode.action.rate_hz or 0.0})
        for episode in (one, other)
    )
    return (
        ""
        if len(mine) == len(theirs) and np.allclose(mine, theirs, rtol=_CLOSE)
        else f"rates {mine} Hz are {theirs} Hz"
    )


def _actions(one: Episode, other: Episode) -> str:
    if one.actions.shape != other.actions.shape:
        return f"actions {one.actions.shape} are {other.actions.shape} now (steps, width)"
    off = np.abs(one.actions - other.actions).max(initial=0.0)
    return f"actions are off by up to {off:.2g}" if off else ""


def _bounds(one: Episode, other: Episode) -> str:
    same = one.action.low == other.action.low and one.action.high == other.action.high
    return "" if same else "bounds of the actions are those that occur"


def _times(one: Episode, other: Episode) -> str:
    mine, theirs = one.times, other.times
    if mine is None and theirs is None:
        return ""
    if mine is None or theirs is None:
        return f"{'uneven ' if theirs is None else ''}times of frames are {'an even clock' if theirs is None else 'written out'}"
    if len(mine) != len(theirs) or np.abs(np.diff(mine) - np.diff(theirs)).max(initial=0.0) > _CLOSE:
        return "times of frames are others"
    return ""


def _marks(episode: Episode) -> list[int]:
    return [int(reset) for reset in episode.resets]

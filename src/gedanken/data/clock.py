"""Streams sampled at different times, brought onto one even clock.

Frame k stands at `start + k / rate_hz`. What it holds of each track is said by the track's `how`:

    nearest   the sample nearest in time; of two as near, the later
    area      of an observation, the mean of the samples in the interval that ends at the frame, `(t_k − 1/rate, t_k]`:
              nothing that action k does is in it already; where no sample lies there, the nearest.
              Of an action, the mean over the interval that it fills, `[t_k, t_k + 1/rate)`, weighted by time
    hold      only of an action: the command in force in the middle of the interval that it fills

A command is in force from its time stamp until the next. Action k leaves frame k, so it is read in the middle of the interval
that begins there and not at the frame itself: a command stamped a moment after the frame it belongs to, as jittery logs
have it, still counts for that frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

_ROUNDING = 1e-6
"""Part of a frame by which time stamps may be off for being stored as floats."""

_USUAL_GAP = 5
"""Intervals, of the track or of the clock, whichever is longer, after which a silence is a gap."""

_MOST_FRAMES_A_SAMPLE = 1000


@dataclass(frozen=True)
class Track:
    """One quantity at the times it was sampled.

    Args:
        times: `[n]` seconds, float64, increasing; each track may have its own.
        values: `[n, ...]`.
        how: "nearest" or "area" for observations, "hold" or "area" for actions; see the module.
        unit: physical unit, or "".
        names: what the source calls each component of a vector.
    """

    times: Float64[np.ndarray, " n"]
    values: np.ndarray
    how: Literal["nearest", "area", "hold"]
    unit: str = ""
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.times) or len(self.times) != len(self.values):
            raise ShapeError(
                f"{len(self.times)} times and {len(self.values)} values; as many are needed, and at least 1."
            )
        if not np.isfinite(self.times).all():
            raise NonFinite(f"time {int(np.argmin(np.isfinite(self.times)))} is not finite; cut or mend that sample.")
        backwards = np.flatnonzero(np.diff(self.times) <= 0)
        if len(backwards):
            at = int(backwards[0]) + 1
            raise BadInput(
                f"time {at} is {self.times[at]:g} s, not after the {self.times[at - 1]:g} s before it; sort the samples and "
                "keep one a moment."
            )


def on_one_clock(
    streams: Mapping[str, Track | Sequence[Track]],
    actions: Track | Sequence[Track],
    rate_hz: float,
    action: ActionSpec,
    *,
    longest_gap: float | None = None,
    resets: Sequence[float] = (),
    provenance: Provenance | None = None,
) -> Episode:
    """An episode on an even clock, from the first moment at which every track has begun to the end of the shortest stream.

    Args:
        streams: observations; where several tracks are given, each `[n]` or `[n, width]`, they are laid side by side.
        actions: commands, `[n]` or `[n, width]`; several are laid side by side.
        rate_hz: frames a second of the new clock.
        action: what one action is; its rate is replaced.
        longest_gap: seconds. Where a stream is silent for longer, the frames inside are left out and the first one after
            starts afresh (`resets`). By default 5 of the stream's usual intervals, or 5 frames where those are longer.
            Commands have no gaps: each is in force until the next.
        resets: moments, in seconds, at which something starts afresh in the source.
        provenance: where it comes from.
    Returns:
        An episode whose `times` are None where its clock starts at 0 and no frame was left out.
    Raises:
        BadInput: fewer than two frames come of it, or a track is held in a way it cannot be.
        ShapeError: tracks laid side by side are not vectors, or the actions do not fit `action`.
    """
    observed = {name: _several(tracks) for name, tracks in streams.items()}
    given = _several(actions)
    _check(observed, given, rate_hz, longest_gap)
    frames, gaps = _frames([track for tracks in observed.values() for track in tracks], given, rate_hz, longest_gap)
    width = 1 / rate_hz
    begun = np.searchsorted(frames, np.asarray(resets, np.float64) - (0.5 + _ROUNDING) * width)
    cuts = {*gaps, *begun[(begun > 0) & (begun < len(frames))].tolist()}
    seen = {name: _side_by_side([_observed(track, frames, width) for track in ts]) for name, ts in observed.items()}
    done = _side_by_side([_commanded(track, frames[:-1], width) for track in given])
    return Episode(
        streams=seen,
        actions=done.astype(np.float32),
        specs={name: _spec(tracks, seen[name], rate_hz) for name, tracks in observed.items()},
        action=replace(action, rate_hz=rate_hz),
        times=None if frames[0] == 0 and not gaps else frames,
        resets=tuple(sorted(cuts)),
        provenance=provenance or Provenance(),
    )


def usual_rate(times: Float64[np.ndarray, " n"]) -> float:
    """Samples a second: of even times exactly, otherwise by the median interval, to three digits."""
    if len(times) < 2:
        raise BadInput(f"{len(times)} sample has no rate; at least 2 are needed.")
    intervals = np.diff(times)
    usual, mean = float(np.median(intervals)), float((times[-1] - times[0]) / len(intervals))
    even = np.abs(intervals - mean).max() <= _ROUNDING * mean
    rate = 1 / (mean if even else usual)
    return float(f"{rate:.12g}") if even else float(f"{rate:.3g}")


def _several(tracks: Track | Sequence[Track]) -> list[Track]:
    return [tracks] if isinstance(tracks, Track) else list(tracks)


def _check(observed: Mapping[str, list[Track]], given: list[Track], rate_hz: float, longest_gap: float | None) -> None:
    if not 0 < rate_hz < np.inf or (longest_gap is not None and not longest_gap > 0):
        raise BadInput(f"rate_hz={rate_hz} and longest_gap={longest_gap} must be above 0.")
    if not observed or not given or not all(observed.values()):
        raise BadInput("one clock needs at least one track of each stream and one of actions.")
    for tracks, ways in ((given, ("hold", "area")), *((tracks, ("nearest", "area")) for tracks in observed.values())):
        for track in tracks:
            if track.how not in ways:
                raise BadInput(f"a track is taken by {track.how!r}; here it must be {' or '.join(ways)}.")


def _frames(
    observed: list[Track], given: list[Track], rate_hz: float, longest_gap: float | None
) -> tuple[Float64[np.ndarray, " L"], list[int]]:
    """Times of the frames, and the numbers of those that follow a gap."""
    start = max(float(track.times[0]) for track in (*observed, *given))
    stop = min(float(track.times[-1]) for track in observed)
    numbers: list[np.ndarray] = []
    most = _MOST_FRAMES_A_SAMPLE * sum(len(track.times) for track in observed)
    for lo, hi in _spans(sorted(gap for track in observed for gap in _gaps(track, rate_hz, longest_gap)), start, stop):
        first, last = np.ceil((lo - start) * rate_hz - _ROUNDING), np.floor((hi - start) * rate_hz + _ROUNDING)
        if last - first >= most:
            raise BadInput(
                f"at rate_hz={rate_hz:g} the {hi - lo:g} s would be more than {_MOST_FRAMES_A_SAMPLE} frames a sample; "
                "lower it, or state a longest_gap."
            )
        if last >= first:
            numbers.append(np.arange(first, last + 1))
    if sum(map(len, numbers)) < 2:
        raise BadInput(
            f"the tracks have {max(0.0, stop - start):g} s in common, fewer than two frames at rate_hz={rate_hz:g}; "
            "look at their times, or raise the rate."
        )
    return start + np.concatenate(numbers) / rate_hz, np.cumsum([len(each) for each in numbers])[:-1].tolist()


def silence_limit(times: Float64[np.ndarray, " n"], rate_hz: float, given: float | None) -> float:
    """Seconds of silence in a track after which frames start afresh: what was given, or the usual many intervals."""
    if given is not None:
        return given
    intervals = np.diff(times)
    return _USUAL_GAP * max(1 / rate_hz, float(np.median(intervals)) if len(intervals) else 0.0)


def _gaps(track: Track, rate_hz: float, given: float | None) -> list[tuple[float, float]]:
    longest = silence_limit(track.times, rate_hz, given)
    silent = np.flatnonzero(np.diff(track.times) > longest * (1 + _ROUNDING))
    return list(zip(track.times[silent].tolist(), track.times[silent + 1].tolist(), strict=True))


def _spans(gaps: list[tuple[float, float]], start: float, stop: float) -> list[tuple[float, float]]:
    """What is left of `[start, stop]` between the gaps."""
    spans, begun = [], start
    for silent, heard in gaps:
        if begun <= silent < stop:
            spans.append((begun, silent))
        begun = max(begun, heard)
    return [*spans, (begun, stop)] if begun <= stop else spans


def nearest_rows(
    times: Float64[np.ndarray, " n"], frames: Float64[np.ndarray, " L"], width: float
) -> Int64[np.ndarray, " L"]:
    """The number of the sample nearest in time to each frame, of two as near the later; `width` is seconds a frame."""
    return np.searchsorted((times[1:] + times[:-1]) / 2, frames + _ROUNDING * width, side="right")


def _observed(track: Track, frames: Float64[np.ndarray, " L"], width: float) -> Shaped[np.ndarray, "L ..."]:
    times, values = track.times, track.values
    nearest = values[nearest_rows(times, frames, width)]
    if track.how == "nearest":
        return nearest
    after = np.searchsorted(times, frames - (1 - _ROUNDING) * width, side="right")
    upto = np.searchsorted(times, frames + _ROUNDING * width, side="right")
    rows = np.flatnonzero(upto > after)
    if not len(rows):
        return nearest
    edges = np.stack([after[rows], upto[rows]], axis=1).ravel()
    # Every second sum is of an interval, the others of what lies between two; the last may end with the samples.
    sums = np.add.reduceat(values, edges[edges < len(values)], axis=0, dtype=np.float64)[::2]
    counts = (upto - after)[rows].reshape(-1, *(1,) * (values.ndim - 1))
    mean = sums / counts
    nearest[rows] = mean if values.dtype.kind == "f" else np.rint(mean)
    return nearest


def _commanded(track: Track, frames: Float64[np.ndarray, " steps"], width: float) -> Float64[np.ndarray, "steps ..."]:
    values = np.reshape(track.values, (len(track.values), -1)).astype(np.float64)
    if track.how == "hold":
        return values[_in_force(track.times, frames + (0.5 + _ROUNDING) * width)]
    done = np.cumsum(np.diff(track.times, prepend=track.times[0])[:, None] * np.roll(values, 1, axis=0), axis=0)

    def total(moments: Float64[np.ndarray, " steps"]) -> Float64[np.ndarray, "steps ..."]:
        row = _in_force(track.times, moments)
        return done[row] + values[row] * (moments - track.times[row])[:, None]

    return (total(frames + width) - total(frames)) / width


def _in_force(times: Float64[np.ndarray, " n"], moments: Float64[np.ndarray, " steps"]) -> Int64[np.ndarray, " steps"]:
    return np.maximum(np.searchsorted(times, moments, side="right") - 1, 0)


def _side_by_side(parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    if any(part.ndim > 2 for part in parts):
        raise ShapeError("only numbers and vectors are laid side by side; give a track of images a stream of its own.")
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _spec(tracks: list[Track], values: np.ndarray, rate_hz: float) -> StreamSpec:
    units = [track.unit for track in tracks]
    unit = units[0] if len(set(units)) == 1 else ", ".join(units)
    names = tuple(name for track in tracks for name in track.names)
    return StreamSpec(values.shape[1:], str(values.dtype), rate_hz, unit, names)

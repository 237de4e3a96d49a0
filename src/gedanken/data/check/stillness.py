"""Frames that repeat: a camera that hangs, and single frames stored twice; a world that merely rests is neither.

Something that rests, or leans on a wall, looks the same for a while too. Two things give a repeated recording away: where
nearly all values change in every step (a camera's grain, a sensor's noise), no frame can repeat by itself; and where the
world went on unseen, what the actions meanwhile did appears all at once in the step after.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gedanken.data.check.digest import SLOWEST, Digest, appearances
from gedanken.data.check.findings import Finding, Place, found_at
from gedanken.data.check.saturation import at_an_end, sensor_ends
from gedanken.data.check.values import runs

LONG = 4
"""Repeats in a row from which a stretch counts as frozen."""
_RESTLESS = 0.5
_FEWEST_STEPS = 100
_SHARE = (0.6, 2.5)
_FAR, _NEAR = 3.0, 0.5
_FEWEST_LONG, _FEWEST_SHORT = (3, 0.06), (4, 0.10)
"""How many there must be, and which share of all stills: a few are met by chance."""
_COINCIDENCES = (3, 5e-3, 1e-3)
"""Repeats of a sensor that may be chance, as a number, and as a share of the steps: of one channel, and of several."""


def repeats(digests: Sequence[Digest], stream: str) -> list[Place]:
    """Places where a stream repeats itself and should not: frames `first` to `last` are all the same."""
    ends = sensor_ends(digests, stream)
    stills = [
        (number, a, b)
        for number, each in enumerate(digests)
        for a, b in _still(each, stream)
        # At the end of what it can measure a sensor stands still by itself; that is another finding.
        if not at_an_end(each.streams[stream].features[a], ends)
    ]
    if not stills:
        return []
    # Each episode by itself: one may be of a machine at rest, whose numbers do not move, among others that never rest.
    restless = {number for number in {still[0] for still in stills} if _restless(digests[number], stream)}
    quiet = [still for still in stills if still[0] not in restless]
    return [
        *_never_by_itself(digests, stream, [still for still in stills if still[0] in restless]),
        *(_gone_on_unseen(digests, stream, quiet) if quiet else []),
    ]


Still = tuple[int, int, int]
"""Number of an episode, first and last step that change nothing."""


def _never_by_itself(digests: Sequence[Digest], stream: str, stills: Sequence[Still]) -> list[Place]:
    places = [(digests[number], digests[number].whose.at(a, b + 1)) for number, a, b in stills]
    acted = [place for each, place in places if _acted(each, place)]
    return acted if len(acted) > _by_chance(digests, stream) or any(map(_is_long, acted)) else []


def _gone_on_unseen(digests: Sequence[Digest], stream: str, stills: Sequence[Still]) -> list[Place]:
    places = [digests[number].whose.at(a, b + 1) for number, a, b in stills]
    suspects = [
        place
        for place, (share, size) in zip(places, _unseen_motion(digests, stream, stills), strict=True)
        if _SHARE[0] < share < _SHARE[1] and size > (_FAR if _is_long(place) else _NEAR)
    ]
    long = [place for place in suspects if _is_long(place)]
    short = [place for place in suspects if not _is_long(place)]
    kinds = ((long, _FEWEST_LONG), (short, _FEWEST_SHORT))
    return [place for kind, (count, share) in kinds if len(kind) >= max(count, share * len(stills)) for place in kind]


def stillness_findings(places: Sequence[Place], frames: int, stream: str) -> list[Finding]:
    """What is said of repeats: long ones and single ones are different faults."""
    long = [place for place in places if _is_long(place)]
    short = [place for place in places if not _is_long(place)]
    frozen = sum(place.last - place.first for place in long)
    return [
        *found_at(
            "frozen",
            "error",
            f"Stream {stream!r} is frozen in at least {max(frozen / frames, 0.001):.1%} of all frames while the world goes on",
            "Cut the frozen stretches out: name the frame after each in the episode's resets, and leave its frames out.",
            long,
            stream,
        ),
        *found_at(
            "repeated-frames",
            "warning",
            f"Stream {stream!r} shows a frame twice where the next one should be",
            "Look for a camera slower than its file: drop the repeats with their times, or declare the true rate.",
            short,
            stream,
        ),
    ]


def _still(each: Digest, stream: str) -> list[tuple[int, int]]:
    """First and last step of each run of steps that change nothing, inside a stretch."""
    same = each.streams[stream].same & ~each.held
    same[[start - 1 for start, _ in each.spans if start > 0]] = False
    return runs(same)


def _is_long(place: Place) -> bool:
    return place.last - place.first >= LONG


def _by_chance(digests: Sequence[Digest], stream: str) -> float:
    """How many repeats say nothing: a picture never repeats by chance, a number may."""
    if digests[0].streams[stream].picture:
        return 0.0
    count, *shares = _COINCIDENCES
    share = shares[0] if digests[0].streams[stream].features.shape[1] == 1 else shares[1]
    return max(float(count), share * sum(len(each.actions) for each in digests))


def _restless(each: Digest, stream: str) -> bool:
    seen = each.streams[stream]
    if seen.same.all() or seen.moving < _RESTLESS:
        return False
    # A sensor counts only if its steps are fine: one of few values repeats by itself.
    fine = [len(np.unique(column)) > 0.5 * len(column) for column in seen.features.T]
    return bool(seen.picture or np.median(fine) > 0.5)


def _acted(each: Digest, place: Place) -> bool:
    """Whether anything was done meanwhile; without any action in the whole episode nothing can be said against it."""
    done = each.actions[place.first : place.last]
    return not each.actions.any() or bool(np.any(done != 0))


def _unseen_motion(digests: Sequence[Digest], stream: str, stills: Sequence[Still]) -> list[tuple[float, float]]:
    """Of each still: how much of what the actions in it should have moved appears in the step after it, 1 all and 0 none,
    and how far that is, in usual steps.

    What a step should move is a linear guess from the actions of all steps that did move and follow none that did not.
    """
    steps = [_places(each, stream) for each in digests]
    after = {(number, last + 1) for number, _, last in stills}
    rows = [
        (number, k)
        for number, step in enumerate(steps)
        for k in np.flatnonzero(~digests[number].streams[stream].same & np.isfinite(step).all(axis=1)).tolist()
        if (number, k) not in after
    ]
    if len(rows) < _FEWEST_STEPS:
        return [(0.0, 0.0)] * len(stills)
    acts = [np.column_stack([np.nan_to_num(each.actions), np.ones(len(each.actions))]) for each in digests]
    done = np.stack([acts[number][k] for number, k in rows])
    moved = np.stack([steps[number][k] for number, k in rows])
    usual = float(np.sqrt(np.median((moved**2).sum(axis=1))))
    limit = 4 * np.quantile(np.abs(moved), 0.75, axis=0)
    weights = np.linalg.lstsq(done, np.clip(moved, -limit, limit), rcond=None)[0]
    shown = appearances(digests, stream)
    found = []
    for number, first, last in stills:
        if last + 1 >= len(steps[number]) or not np.isfinite(steps[number][last + 1]).all() or shown[number][last + 1]:
            found.append((0.0, 0.0))
            continue
        hidden = acts[number][first : last + 1].sum(axis=0) @ weights
        left = steps[number][last + 1] - acts[number][last + 1] @ weights
        size = float((hidden**2).sum())
        found.append((float(left @ hidden) / max(size, 1e-12), float(np.sqrt(size)) / max(usual, 1e-12)))
    return found


def _places(each: Digest, stream: str) -> np.ndarray:
    """Steps of what follows a motion most evenly: the slowest waves of a picture, all channels of a sensor; NaN at resets."""
    seen = each.streams[stream]
    step = np.diff(seen.features, axis=0).astype(float)
    step = step[:, list(SLOWEST)] if seen.picture else step
    step[[start - 1 for start, _ in each.spans if start > 0]] = np.nan
    return step

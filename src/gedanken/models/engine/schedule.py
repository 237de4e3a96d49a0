"""Which frame is computed at which place of the window, and when: each pair once, in the step in which its frame becomes known.

Where places are absolute, a frame is read at place 2, then 1, then 0 as a window of 3 slides over it. What is computed of a
frame at a place depends only on the frames before it at the places before that one, so it holds for as long as it is looked at,
and all places of a frame can be computed together. From one frame, five steps take 1 + 2 + 3 + 2 + 1 = 9 pairs where windows
computed anew take 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Step:
    """What is computed once a frame is known.

    Args:
        frame: its number, counted from the first frame of the context that the window can still see.
        places: where it will stand, largest first, without gaps.
        predicts: whether the next frame is predicted from it, at the first of these places; not so for frames of the past.
    """

    frame: int
    places: tuple[int, ...]
    predicts: bool


@lru_cache(maxsize=64)
def schedule(window: int, context: int, horizon: int) -> tuple[Step, ...]:
    """The steps of a rollout, in order.

    Args:
        window: frames a prediction looks at.
        context: frames known at first, from 1 to `window`.
        horizon: frames to predict, at least 1.
    """
    last = context - 2 + horizon
    places: dict[int, set[int]] = {frame: set() for frame in range(last + 1)}
    for newest in range(context - 1, last + 1):
        first = max(0, newest - window + 1)
        for frame in range(first, newest + 1):
            places[frame].add(frame - first)
    return tuple(
        Step(frame, tuple(sorted(stands, reverse=True)), frame >= context - 1) for frame, stands in places.items()
    )

"""The shortest way through a row of gates, pulled taut (the funnel of Lee and Preparata 1984, Networks 14).

A gate is the segment that two convex rooms share. Which gates to go through is given; where, is found: the funnel of what can be
seen from the last corner narrows gate by gate, and where it closes the way bends around a corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

Point = tuple[float, float]
Gate = tuple[Point, Point]
"""Its ends to the left and to the right of who goes through, on a screen whose y points down."""


def taut(start: Point, gates: Sequence[Gate], goal: Point) -> list[Point]:
    """The corners of the shortest way from `start` through all gates, in order, to `goal`; both ends included."""
    ahead = [*gates, (goal, goal)]
    way, apex, left, right = [start], start, start, start
    at_left = at_right = -1
    here = 0
    while here < len(ahead):
        new_left, new_right = ahead[here]
        if _side(apex, right, new_right) <= 0:
            if right == apex or _side(apex, left, new_right) > 0:
                right, at_right = new_right, here
            else:  # all that is ahead lies to the left of the funnel: go around its left end
                way.append(left)
                apex = right = left
                here = at_right = at_left
                here += 1
                continue
        if _side(apex, left, new_left) >= 0:
            if left == apex or _side(apex, right, new_left) < 0:
                left, at_left = new_left, here
            else:
                way.append(right)
                apex = left = right
                here = at_left = at_right
                here += 1
                continue
        here += 1
    return [*way, goal] if way[-1] != goal else way


def length(way: Sequence[Point]) -> float:
    """Of a way through these points."""
    return sum((hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(way)), start=0.0)


def narrowed(gates: Sequence[Gate], margin: float) -> list[Gate]:
    """The gates with both ends moved in by `margin`, or to their middle where they are too narrow."""
    found = []
    for left, right in gates:
        width = hypot(right[0] - left[0], right[1] - left[1])
        share = min(0.5, margin / max(width, 1e-9))
        across = (right[0] - left[0], right[1] - left[1])
        found.append(
            (
                (left[0] + share * across[0], left[1] + share * across[1]),
                (right[0] - share * across[0], right[1] - share * across[1]),
            )
        )
    return found


def _side(origin: Point, toward: Point, point: Point) -> float:
    """Above 0 where `point` lies to the right of the ray from `origin` toward the other, below 0 to its left."""
    return (toward[0] - origin[0]) * (point[1] - origin[1]) - (toward[1] - origin[1]) * (point[0] - origin[0])

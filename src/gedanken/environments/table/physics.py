"""One frame of the table's physics: rigid bodies by pymunk (Chipmunk), with a finger that pushes and grips, and glass.

A space is made anew from the state for each frame, so a step is a pure function of state and action: nothing is kept
between calls, and a world taken up at any frame goes on as it would have.
"""

from __future__ import annotations

from math import cos, hypot, pi, sin
from typing import TYPE_CHECKING

import numpy as np

from gedanken.environments.table.shapes import DISC, SHAPES
from gedanken.environments.table.state import (
    ABSENT,
    FRAME_RATE,
    GLASS,
    LEG,
    OBJECTS,
    PLACES,
    SHARDS,
    Row,
)

if TYPE_CHECKING:
    import pymunk

SUBSTEPS = 8
BREAKS_AT = 76.0  # px/s at which a glass meets the ground or wall it breaks upon
BLOW = 10.0  # px/s in one substep, a change of velocity that only a collision makes
FINGER = 2.0  # px, radius of the finger's rod
REACH = 2.5  # px between finger and a thing's hull within which it is gripped
MAX_STEP = 6.0  # px, the finger's longest way in one frame
FAR = 200.0  # px beyond the picture's middle where a thing is given up


def advanced(row: Row, action: np.ndarray) -> Row:
    """The world one frame later.

    Args:
        row: the world; not changed.
        action: `(x, y, grip)`: the finger's way in px, and a hand that is closed where grip > 0.
    """
    row = {name: values.copy() for name, values in row.items()}
    _grip(row, float(action[2]))
    way = _finger_way(row, action[:2])
    space, bodies, finger = _space(row, way)
    for _ in range(SUBSTEPS):
        before = {place: body.velocity for place, body in bodies.items()}
        space.step(1.0 / FRAME_RATE / SUBSTEPS)
        for place in [place for place in bodies if _shattered(row, place, bodies[place], before[place])]:
            _shatter(row, place, bodies, before[place], space)
    for place, body in bodies.items():
        row["position"][place], row["velocity"][place] = tuple(body.position), tuple(body.velocity)
        row["angle"][place], row["spin"][place] = body.angle, body.angular_velocity
        if not (abs(body.position.x - 32.0) < FAR and abs(body.position.y) < FAR):
            row["present"][place] = 0.0
    row["finger"][:] = tuple(finger.position)
    row["clock"] += 1.0
    return row


def _grip(row: Row, grip: float) -> None:
    if grip <= 0.0:
        row["holding"][...] = 0.0
        return
    if row["holding"] > 0.0:
        return
    for place in range(OBJECTS):
        hull = float(row["size"][place]) * SHAPES[int(row["shape"][place])].bottom
        if row["present"][place] and hypot(*(row["position"][place] - row["finger"])) <= hull + FINGER + REACH:
            row["holding"][...] = place + 1.0
            return


def _finger_way(row: Row, wanted: np.ndarray) -> tuple[float, float]:
    """The finger's way: not longer than it may be, and not into a slab or the floor."""
    norm = hypot(*wanted)
    share = min(1.0, MAX_STEP / norm) if norm else 0.0
    x, y = (float(value) for value in row["finger"])
    to_x, to_y = x + share * float(wanted[0]), y + share * float(wanted[1])
    to_x, to_y = min(max(to_x, -30.0), 94.0), min(max(to_y, -30.0), float(row["floor"]) - FINGER)
    for (x0, y0, x1, _), kind in zip(row["slab"].tolist(), row["slab_kind"], strict=True):
        if kind in (ABSENT, LEG):
            continue

        def inside(at_x: float, at_y: float, left: float = x0, top: float = y0, right: float = x1) -> bool:
            return left - FINGER < at_x < right + FINGER and at_y > top - FINGER

        if inside(x, y):
            continue  # it was put there; a scene may have it reach over a slab
        if inside(to_x, y):
            to_x = x
        if inside(to_x, to_y):
            to_y = y0 - FINGER
    return to_x - x, to_y - y


def _space(row: Row, way: tuple[float, float]) -> tuple[pymunk.Space, dict[int, pymunk.Body], pymunk.Body]:
    import pymunk  # a quarter of a second; only those who simulate wait for it

    space = pymunk.Space()
    space.gravity, space.iterations = (0.0, float(row["gravity"])), 15
    static = space.static_body
    floor = float(row["floor"]) + 20.0
    grounds: list[pymunk.Shape] = []
    grounds.append(pymunk.Segment(static, (-900.0, floor), (964.0, floor), 20.0))
    for (x0, y0, x1, y1), kind in zip(row["slab"].tolist(), row["slab_kind"], strict=True):
        if kind not in (ABSENT, LEG):
            grounds.append(pymunk.Poly(static, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))
    for ground in grounds:
        ground.friction, ground.elasticity = 1.0, 1.0
    space.add(*grounds)
    velocity = (way[0] * FRAME_RATE, way[1] * FRAME_RATE)
    bodies = {}
    for place in range(PLACES):
        if row["present"][place]:
            held = row["holding"] == place + 1
            bodies[place] = _body(row, place, space, velocity if held else None)
    finger = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
    finger.position, finger.velocity = tuple(row["finger"].tolist()), velocity
    rod = pymunk.Segment(finger, (0, 0), (0, -90), FINGER)
    rod.friction, rod.elasticity = 0.3, 0.0
    space.add(finger, rod)
    return space, bodies, finger


def _body(row: Row, place: int, space: pymunk.Space, held: tuple[float, float] | None) -> pymunk.Body:
    import pymunk

    code, size = int(row["shape"][place]), float(row["size"][place])
    body = pymunk.Body(body_type=pymunk.Body.KINEMATIC if held else pymunk.Body.DYNAMIC)
    if code == DISC:
        parts: list[pymunk.Shape] = [pymunk.Circle(body, size)]
    else:
        parts = [pymunk.Poly(body, [(size * x, size * y) for x, y in part]) for part in SHAPES[code].solids]
    for part in parts:
        part.density, part.friction, part.elasticity = 1.0, float(row["friction"][place]), float(row["bounce"][place])
    space.add(body, *parts)
    body.position, body.angle = tuple(row["position"][place].tolist()), float(row["angle"][place])
    body.velocity = held if held else tuple(row["velocity"][place].tolist())
    body.angular_velocity = 0.0 if held else float(row["spin"][place])
    return body


def _shattered(row: Row, place: int, body: pymunk.Body, before: tuple[float, float]) -> bool:
    """Whether the last substep struck a glass too hard."""
    if int(row["material"][place]) != GLASS or row["holding"] == place + 1:
        return False
    # Grounds and walls are upright, and friction must not turn the blow of a fall aside: each axis by itself.
    changes = [after - was for after, was in zip(body.velocity, before, strict=True)]
    return any(
        abs(change) > BLOW and change * was < 0 and abs(was) > BREAKS_AT
        for change, was in zip(changes, before, strict=True)
    )


def _shatter(
    row: Row, place: int, bodies: dict[int, pymunk.Body], before: tuple[float, float], space: pymunk.Space
) -> None:
    """Put shards in a glass's place; they fly apart as its fall was fast."""
    body = bodies.pop(place)
    row["present"][place] = 0.0
    x, y = body.position
    speed = hypot(*before)
    for k in range(SHARDS):
        shard, way = OBJECTS + k, -pi * (k + 0.5) / SHARDS
        size = float(row["size"][place])
        row["present"][shard] = 1.0
        row["position"][shard] = (x + 0.55 * size * cos(way), min(y + 0.3 * size * sin(way), row["floor"] - 0.5 * size))
        row["velocity"][shard] = (before[0] * 0.5 + 0.55 * speed * cos(way), 0.35 * speed * sin(way))
        row["angle"][shard], row["spin"][shard] = row["angle"][place] + 1.7 * k, 6.0 * (k - 2)
        bodies[shard] = _body(row, shard, space, None)
    space.remove(body, *body.shapes)

"""What is hidden is still there, where and as it was: permanence, continuity, shape, colour."""

from __future__ import annotations

import numpy as np

from gedanken.environments.table.looks import rgb
from gedanken.environments.table.scene import STEPS, Scene
from gedanken.environments.table.shapes import DISC, NOVEL_SHAPES, SHAPES, TRAIN_SHAPES
from gedanken.environments.table.splits import Draw
from gedanken.environments.table.stage import Stage, actions, standing
from gedanken.environments.table.state import FRAME_RATE, copied


def permanence(draw: Draw) -> Scene:
    """A thing stands where a curtain falls, or has slid out of the picture before."""
    stage, code, size = draw.stage(), draw.standing(), draw.between(3.5, 4.8)
    x = draw.between(25.0, 39.0)
    stage.put(0, code, size, (x, standing(code, size, float(stage.row["floor"]))), friction=0.0, bounce=0.0)
    falls = 7
    _cover(stage, draw, x, falls)
    gone = copied(stage.row)
    way = 1.0 if x > 32.0 else -1.0
    out = (64.0 - x if way > 0 else x) + 10.0 + draw.split.camera
    gone["velocity"][0, 0] = way * out / (falls - 0.5) * FRAME_RATE
    return Scene((stage.row, gone), _still(), lambda row: bool(abs(row["position"][0, 0] - x) < 5.0))


def continuity(draw: Draw) -> Scene:
    """A thing slides behind one of two curtains, with an open gap between them."""
    stage, code, size = draw.stage(), draw.standing(), draw.between(3.2, 4.0)
    x, friction = draw.between(31.0, 33.0), 0.3
    stage.put(0, code, size, (x, standing(code, size, float(stage.row["floor"]))), friction=friction, bounce=0.0)
    way = draw.between(17.0, 19.0)
    speed = (2 * friction * float(stage.row["gravity"]) * way) ** 0.5
    widen, rises = draw.widen(), 10 + draw.wait
    for place, side in enumerate((-1.0, 1.0)):
        inner, outer = sorted((x + side * (9.0 - widen / 2), x + side * (27.0 + widen)))
        stage.curtain(place, inner, outer, stage.hem, falls=0, rises=rises)
    starts = []
    for side in (-1.0, 1.0):
        stage.row["velocity"][0, 0] = side * speed
        starts.append(copied(stage.row))
    return Scene((starts[0], starts[1]), _still(), lambda row: bool(row["position"][0, 0] < x))


def shape(draw: Draw) -> Scene:
    """A thing of one shape or of another drops to the floor, and a curtain falls in front of it."""
    stage, size, x = draw.stage(), draw.between(4.6, 5.6), draw.between(22.0, 42.0)
    codes = draw.random.sample(NOVEL_SHAPES if draw.split.novel_shapes else TRAIN_SHAPES, 2)
    _cover(stage, draw, x, 7)
    height, starts = draw.between(2.0, 8.0), []
    for code in codes:
        each = Stage({}, float(stage.row["floor"]), float(stage.row["gravity"]))
        each.row.update(copied(stage.row))
        each.put(0, code, size, (x, standing(code, size, float(stage.row["floor"])) - height), friction=0.9, bounce=0.0)
        starts.append(each.row)
    return Scene((starts[0], starts[1]), _still(), lambda row: int(row["shape"][0]) == codes[0])


def colour(draw: Draw) -> Scene:
    """A thing of one colour or of another slides behind a curtain and out on the other side."""
    stage, hues = draw.stage(), draw.two_hues()
    size, code = draw.between(3.4, 4.4), draw.one_of((DISC, draw.standing()))
    x0, widen = draw.between(18.0, 21.0), draw.widen()
    pass_behind(stage, draw, code, size, x0 - widen, x0 + 22.0 + widen)
    stage.row["texture"][0] = 0.0
    starts = []
    for hue in hues:
        stage.row["color"][0] = rgb(hue, 0.9, 1.0)
        starts.append(copied(stage.row))
    wanted = starts[0]["color"][0]
    return Scene((starts[0], starts[1]), _still(), lambda row: bool((row["color"][0] == wanted).all()))


def pass_behind(stage: Stage, draw: Draw, code: int, size: float, x0: float, x1: float) -> None:
    """A thing slides in from the left, hidden from about frame 6 by a curtain from `x0` to `x1`, for longer as one waits."""
    floor = float(stage.row["floor"])
    half = size * SHAPES[code].half_width
    speed = (x1 - x0 - 2 * half) / (5.5 + draw.wait + draw.between(0.0, 1.0, rare=(9.0, 11.0)))
    at = x0 + half - 6.0 * speed
    stage.put(
        0, code, size, (at, standing(code, size, floor)), velocity=(speed * FRAME_RATE, 0.0), friction=0.0, bounce=0.95
    )
    stage.curtain(0, x0, x1, stage.hem, falls=2)


def _cover(stage: Stage, draw: Draw, x: float, falls: int) -> None:
    """A curtain falls in front of what is at x, and rises."""
    reach = 11.0 + draw.widen()
    rises = falls + 5 + draw.wait + (8 if draw.split.rare else 0)
    stage.curtain(0, x - reach, x + reach, stage.hem, falls=falls, rises=rises)


def _still() -> tuple[np.ndarray, np.ndarray]:
    done = actions(STEPS)
    return done, done

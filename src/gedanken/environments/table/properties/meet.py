"""What two things do to each other: solidity, containment, inertia."""

from __future__ import annotations

from gedanken.environments.table.properties.hide import pass_behind
from gedanken.environments.table.scene import STEPS, Scene
from gedanken.environments.table.shapes import CUP, DISC, SHAPES
from gedanken.environments.table.splits import Draw
from gedanken.environments.table.stage import actions, standing
from gedanken.environments.table.state import FRAME_RATE, WALL, copied


def solidity(draw: Draw) -> Scene:
    """A thing slides behind a curtain, where a wall was seen to stand or was not."""
    stage, size, code = draw.stage(), draw.between(3.2, 4.2), draw.one_of((DISC, draw.standing()))
    x0, widen = draw.between(18.0, 20.0), draw.widen()
    wall = x0 + 17.0
    pass_behind(stage, draw, code, size, x0 - widen, wall + 8.0 + widen)
    free, floor = copied(stage.row), float(stage.row["floor"])
    stage.slab(0, WALL, wall - 1.5, floor - 22.0 - draw.lift(), wall + 1.5, floor)
    done = actions(STEPS)
    return Scene((stage.row, free), (done, done), lambda row: bool(row["position"][0, 0] < wall))


def containment(draw: Draw) -> Scene:
    """A cup is put over a ball or beside it, and dragged out from behind the curtain that hides which."""
    stage, ball, cup = draw.stage(), draw.between(2.4, 2.9), draw.between(4.6, 5.2)
    floor, x = float(stage.row["floor"]), draw.between(17.0, 20.0)
    beside = x - cup - ball - draw.between(1.5, 2.5, rare=(0.4, 0.8))
    stage.put(1, CUP, cup, (x, floor - cup - 9.0))
    stage.finger(x, floor - 2 * cup - 9.0 - 1.0, holding=1)
    begin, frames = 6 + draw.wait, 8
    way = draw.between(24.0, 27.0)
    moves = [(0, 3, 0.0, 3.0), (begin, begin + frames, way / frames, 0.0), (begin + frames + 1, STEPS, 0.0, -3.0)]
    done = actions(STEPS, moves, grips=(0, STEPS))
    widen = draw.widen()
    stage.curtain(0, beside - ball - 3.0 - widen, x + cup + 3.0 + widen, stage.hem, falls=2)
    starts = []
    for at in (x, beside):
        stage.put(0, DISC, ball, (at, floor - ball), friction=0.4, bounce=0.0)
        starts.append(copied(stage.row))
    return Scene((starts[0], starts[1]), (done, done), lambda row: bool(row["position"][0, 0] > x + way / 2))


def inertia(draw: Draw) -> Scene:
    """A thing moves towards another at rest, or away from it; a curtain hides where they would meet."""
    stage, size, code = draw.stage(), draw.between(3.4, 4.2), draw.one_of((DISC, draw.standing()))
    floor, half = float(stage.row["floor"]), 15.0 + draw.widen()
    middle = draw.between(27.0, 31.0)
    across = size * SHAPES[code].half_width
    y = standing(code, size, floor)
    frames = 8.0 + draw.wait + draw.between(0.0, 1.0, rare=(6.0, 8.0))
    speed = (half - across) / frames * FRAME_RATE
    stage.put(1, code, size, (middle + half + across + 0.3, y), friction=0.0, bounce=1.0)
    stage.curtain(0, middle - half, middle + half, stage.hem, falls=2)
    starts = []
    for way in (1.0, -1.0):
        stage.put(0, code, size, (middle, y), velocity=(way * speed, 0.0), friction=0.0, bounce=1.0)
        starts.append(copied(stage.row))
    rests = float(starts[0]["position"][1, 0])
    done = actions(STEPS)
    return Scene((starts[0], starts[1]), (done, done), lambda row: bool(row["position"][1, 0] > rests + 2.0))

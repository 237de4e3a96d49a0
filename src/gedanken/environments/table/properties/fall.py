"""What falls, and what becomes of it: support, gravity, breakage."""

from __future__ import annotations

from gedanken.environments.table.physics import FINGER
from gedanken.environments.table.scene import STEPS, Scene
from gedanken.environments.table.shapes import SHAPES, TUMBLER
from gedanken.environments.table.splits import Draw
from gedanken.environments.table.stage import Stage, actions, standing
from gedanken.environments.table.state import GLASS, SHELF, TABLE, Row, copied

SLOW, PUSH = 0.75, 1.5  # px a frame


def support(draw: Draw) -> Scene:
    """A thing is pushed as far in both contexts, on a table that reaches under its middle or does not.

    The curtain hides the table's edge and stays; what falls is seen below it.
    """
    stage, code, size = draw.stage(), draw.standing(), draw.between(3.5, 4.5)
    half = size * SHAPES[code].half_width
    top = 34.0 - draw.lift()
    at = draw.between(12.0, 15.0)
    push = 2 * half + draw.between(0.5, 3.0)
    stage.put(0, code, size, (at, standing(code, size, top)), friction=0.9, bounce=0.0)
    gap = 2.0
    stage.finger(at - half - FINGER - gap, top - FINGER - 0.5)
    fast = round((push + gap - 3.0) / PUSH)
    begin = draw.wait
    moves = [(begin, begin + fast, PUSH, 0.0), (begin + fast, begin + fast + 4, SLOW, 0.0)]
    end = at + PUSH * fast + SLOW * 4 - gap + 0.4  # it slides on a little
    overhangs = draw.between(0.08, 0.35, rare=(0.36, 0.44)), draw.between(0.65, 0.92, rare=(0.56, 0.64))
    edges = [end + half - 2 * half * overhang for overhang in overhangs]
    widen = draw.widen()
    stage.curtain(0, at - half - 4 - widen, max(edges[0], end + half) + 4 + widen, top + 7, top=top - 18, falls=1)
    starts = []
    for edge in edges:
        stage.slab(0, TABLE, -40.0, top, edge, top + 4.0)
        starts.append(copied(stage.row))
    done = actions(STEPS, moves)
    return Scene((starts[0], starts[1]), (done, done), lambda row: bool(row["position"][0, 1] < top))


def gravity(draw: Draw) -> Scene:
    """A hand lets a thing go behind a curtain, above a shelf or above nothing, and comes out empty."""
    stage, code, size = draw.stage(), draw.shape(), draw.between(3.5, 4.5)
    x, shelf = draw.between(24.0, 40.0), 32.0 - draw.lift()
    y = standing(code, size, shelf) - 0.3
    stage.put(0, code, size, (x, y), friction=0.9, bounce=0.0)
    stage.finger(x, y - size - 1.0, holding=0)
    let_go = 6 + draw.wait
    done = actions(STEPS, [(let_go + 1, STEPS, 0.0, -4.0)], grips=(0, let_go))
    reach = 13.0 + draw.widen()
    stage.curtain(0, x - reach, x + reach, shelf + 6.0, top=8.0, falls=3)
    bare = copied(stage.row)
    narrow = draw.between(7.0, 10.0, rare=(3.5, 4.5))
    stage.slab(0, SHELF, x - narrow, shelf, x + narrow, shelf + 3.0)
    return Scene((stage.row, bare), (done, done), lambda row: bool(row["position"][0, 1] < shelf))


def breakage(draw: Draw) -> Scene:
    """A glass is pushed off a high table or a low one, behind a curtain that rises from the floor only."""
    stage, size = draw.stage(gravity=(0.95, 1.05)), draw.between(4.0, 4.6)
    floor = float(stage.row["floor"])
    strip = floor - 11.5
    high = draw.between(37.0, 39.0, rare=(27.0, 30.0)) + draw.lift() / 2
    low = draw.between(15.0, 15.6, rare=(16.2, 16.8))
    edge = draw.between(18.0, 24.0)
    half = size * SHAPES[TUMBLER].half_width
    done = actions(STEPS, [(0, 6, 2.0, 0.0), (7, 14, 0.0, -6.0)])
    stage.curtain(0, -10.0, 80.0, stage.hem, falls=3, rises=13 + draw.wait, to=strip)
    starts = []
    for top in (floor - high, floor - low):
        each = Stage({}, floor, float(stage.row["gravity"]))
        each.row.update(copied(stage.row))
        each.put(
            0,
            TUMBLER,
            size,
            (edge - half - 1.0, standing(TUMBLER, size, top)),
            material=GLASS,
            friction=0.2,
            bounce=0.05,
        )
        each.finger(edge - 2 * half - FINGER - 2.0, top - FINGER - 0.5)
        each.slab(0, TABLE, -40.0, top, edge, top + 3.0)
        starts.append(each.row)

    def broken(row: Row) -> bool:
        return bool(row["present"][0] == 0.0)

    return Scene((starts[0], starts[1]), (done, done), broken)

"""Ways through gates are as short as the exact formula for a door, and bend only where they must."""

import torch
from torch import Generator

from gedanken.environments.gates import length, narrowed, taut
from gedanken.environments.two_rooms import TwoRooms


def test_a_straight_way_bends_nowhere():
    assert taut((0.0, 0.0), [((1.0, -1.0), (1.0, 1.0)), ((2.0, -1.0), (2.0, 1.0))], (3.0, 0.0)) == [(0, 0), (3, 0)]


def test_a_way_around_a_corner_bends_at_it():
    # Right through a gate whose lower end is at (2, 0), then down and back to the left.
    gates = [((2.0, -1.0), (2.0, 0.0)), ((3.0, 0.0), (2.0, 0.0))]
    assert taut((0.0, -0.5), gates, (0.0, 3.0)) == [(0, -0.5), (2, 0), (0, 3)]


def test_it_agrees_with_the_exact_length_through_a_door_from_both_sides():
    world = TwoRooms("random")
    start, goal = world.pairs(300, Generator().manual_seed(0))
    walls = world._walls(start)
    found = []
    sides = (walls.left, walls.right, walls.top, walls.bottom, start["position"], goal["position"])
    rows = zip(*(each.tolist() for each in sides), strict=True)
    for left, right, top, bottom, now, end in rows:
        gates = [((left, top), (left, bottom)), ((right, top), (right, bottom))]
        if now[0] > end[0]:
            gates = [(low, high) for high, low in reversed(gates)]
        found.append(length(taut(tuple(now), gates, tuple(end))))
    torch.testing.assert_close(torch.tensor(found), world.distance(start, goal), atol=1e-3, rtol=0)


def test_narrowed_gates_keep_their_middle():
    (wide, narrow) = narrowed([((0.0, 0.0), (0.0, 4.0)), ((1.0, 0.0), (1.0, 0.5))], 1.0)
    assert wide == ((0, 1), (0, 3))
    assert narrow == ((1, 0.25), (1, 0.25))

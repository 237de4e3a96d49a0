"""Movement and distance against slow scalar references written here from the definition alone."""

import itertools
import math

import pytest
import torch
from torch import Generator

from gedanken.environments.dot_blocks import move
from gedanken.environments.two_rooms import TwoRooms
from gedanken.environments.two_rooms_geometry import TwoRoomsConfig, Walls, geodesic
from gedanken.errors import BadInput

CONFIG = TwoRoomsConfig()
LAYOUTS = ((32.0, 18.0), (20.0, 10.0), (43.0, 53.0))


def walls_of(wall_x: float, door_y: float, count: int = 1) -> Walls:
    return Walls.of(CONFIG, torch.full((count,), wall_x), torch.full((count,), door_y))


def moved(wall_x: float, door_y: float, start: tuple[float, float], action: tuple[float, float]) -> list[float]:
    return move(CONFIG, walls_of(wall_x, door_y).blocks, torch.tensor([start]), torch.tensor([action]))[0].tolist()


def is_free(x: float, y: float, wall_x: float, door_y: float, gap: float = 0.0) -> bool:
    """Whether a point is at least `gap` away from what is drawn: borders at 4 and 60, a wall of 3 px, a door of 8."""
    if min(x, y) < 4.5 + gap or max(x, y) > 59.5 - gap:
        return False
    return abs(x - wall_x) >= 1.5 + gap or abs(y - door_y) <= 4 - gap


def reference_move(x: float, y: float, dx: float, dy: float, wall_x: float, door_y: float) -> tuple[float, float]:
    """Follow the straight path in tiny steps up to the first point that is not free."""
    pieces = 2000
    for piece in range(1, pieces + 1):
        share = piece / pieces
        if not is_free(x + share * dx, y + share * dy, wall_x, door_y, gap=CONFIG.clearance - 1e-5):
            return x + (share - 1 / pieces) * dx, y + (share - 1 / pieces) * dy
    return x + dx, y + dy


@pytest.mark.parametrize("layout", LAYOUTS)
def test_moves_end_where_a_slow_walk_along_the_path_first_meets_something(layout):
    generator = Generator().manual_seed(0)
    wall_x, door_y = layout
    # Around the door, where every kind of contact happens, and long enough to pass through it.
    start = (
        torch.rand(4000, 2, generator=generator) * torch.tensor([9.0, 16.0])
        + torch.tensor(layout)
        - torch.tensor([4.5, 8.0])
    )
    start = start[[is_free(x, y, wall_x, door_y, gap=0.02) for x, y in start.tolist()]][:150]
    action = torch.randn(len(start), 2, generator=generator) * 4
    ends = move(CONFIG, walls_of(wall_x, door_y, len(start)).blocks, start, action)
    expected = [reference_move(*p, *a, wall_x, door_y) for p, a in zip(start.tolist(), action.tolist(), strict=True)]
    blocked = (torch.tensor(expected) - start - action).norm(dim=-1) > 0.01
    assert 25 < blocked.sum() < 125
    torch.testing.assert_close(ends, torch.tensor(expected), atol=5e-3, rtol=0)


def test_free_moves_are_exact():
    assert moved(32, 18, (10.0, 50.0), (1.25, -0.5)) == [11.25, 49.5]
    assert moved(32, 18, (29.0, 18.0), (6.0, 0.0)) == [35.0, 18.0]


@pytest.mark.parametrize(
    ("start", "action", "expected"),
    [
        pytest.param((29.0, 40.0), (6.0, 2.0), (30.5, 40.5), id="wall from the left"),
        pytest.param((36.0, 40.0), (-5.0, 0.0), (33.5, 40.0), id="wall from the right"),
        pytest.param((32.0, 20.0), (0.0, 5.0), (32.0, 22.0), id="lower jamb from inside the door"),
        pytest.param((29.5, 16.5), (4.0, -4.0), (32.0, 14.0), id="upper jamb, in through the door and clipped"),
        pytest.param((6.0, 30.0), (-4.0, 2.0), (4.5, 30.75), id="left border"),
        pytest.param((50.0, 58.5), (3.0, 3.0), (51.0, 59.5), id="lower border"),
    ],
)
def test_the_dot_stops_at_first_contact_and_does_not_slide(start, action, expected):
    end = moved(32, 18, start, action)
    assert end == pytest.approx(expected, abs=0.03)
    assert is_free(*end, 32, 18)
    assert moved(32, 18, tuple(end), action) == pytest.approx(end, abs=1e-6)


def test_a_dot_on_a_face_moves_freely_along_it_and_away_from_it():
    x, y = moved(32, 18, (29.0, 40.0), (6.0, 0.0))
    assert moved(32, 18, (x, y), (0.0, 1.5)) == pytest.approx([x, y + 1.5], abs=1e-6)
    assert moved(32, 18, (x, y), (-1.0, 0.5)) == pytest.approx([x - 1.0, y + 0.5], abs=1e-6)


@pytest.mark.parametrize("wall", ["fixed", "random"])
def test_nothing_tunnels_in_a_hundred_thousand_pushes(wall):
    generator = Generator().manual_seed(1)
    world = TwoRooms(wall)
    state = world.sample(1000, generator)
    wall_x, door_y = state["wall_x"], state["door_y"]
    crossings = 0
    for step in range(100):
        before = state["position"]
        # Half of the steps are aimed at the jambs, where rounding would show.
        jamb = torch.stack((wall_x, door_y + 4 * torch.randn(1000, generator=generator).sign()), -1)
        action = jamb - before if step % 2 else 2 * torch.randn(1000, 2, generator=generator)
        state = world.step(state, action)
        after = state["position"]
        assert (after - before).norm(dim=-1).max() <= CONFIG.max_step + 1e-5
        assert all(is_free(*p, w, d) for *p, w, d in torch.cat((after, wall_x[:, None], door_y[:, None]), 1).tolist())
        assert not Walls.of(CONFIG, wall_x, door_y).blocks.cover(after).any()
        assert CONFIG.low <= after.min() <= after.max() <= CONFIG.high
        crossed = ((before[:, 0] - wall_x) * (after[:, 0] - wall_x)) < 0
        share = (wall_x - before[:, 0]) / (after[:, 0] - before[:, 0])
        row = before[:, 1] + share * (after[:, 1] - before[:, 1])
        assert ((row - door_y).abs()[crossed] <= 4).all()
        crossings += int(crossed.sum())
    assert crossings > 50


def test_moves_across_the_whole_arena_end_in_it_and_outside_the_wall():
    generator = Generator().manual_seed(3)
    state = TwoRooms("random").sample(20_000, generator)
    walls, position = Walls.of(CONFIG, state["wall_x"], state["door_y"]), state["position"]
    for _ in range(10):
        position = move(CONFIG, walls.blocks, position, 60 * torch.randn(20_000, 2, generator=generator))
        assert not walls.blocks.cover(position).any()
        assert CONFIG.low <= position.min() <= position.max() <= CONFIG.high


def reference_distance(start: tuple[float, float], goal: tuple[float, float], wall_x: float, door_y: float) -> float:
    """Shortest chain of straight, free lines from start to goal over any of the door's four corners."""
    reach, opening = 1.5 + CONFIG.clearance, 4 - CONFIG.clearance
    corners = [(wall_x + i * reach, door_y + j * opening) for i in (-1, 1) for j in (-1, 1)]

    def is_visible(a: tuple[float, float], b: tuple[float, float]) -> bool:
        between = ((a[0] + k / 400 * (b[0] - a[0]), a[1] + k / 400 * (b[1] - a[1])) for k in range(401))
        return all(is_free(x, y, wall_x, door_y, gap=CONFIG.clearance - 1e-4) for x, y in between)

    best = math.inf
    for count in range(3):
        for way in itertools.permutations(corners, count):
            legs = list(itertools.pairwise((start, *way, goal)))
            length = sum(math.dist(a, b) for a, b in legs)
            if length < best and all(is_visible(a, b) for a, b in legs):
                best = length
    return best


@pytest.mark.parametrize("layout", LAYOUTS)
def test_distance_is_that_of_the_shortest_chain_of_visible_corners(layout):
    generator = Generator().manual_seed(2)
    world = TwoRooms(config=TwoRoomsConfig(fixed_wall_x=layout[0], fixed_door_y=layout[1]))
    start, goal = world.sample(60, generator), world.sample(60, generator)
    # A few that start in the doorway itself.
    start["position"][:8] = torch.tensor(layout) + torch.tensor([2.8, 7.0]) * (
        torch.rand(8, 2, generator=generator) - 0.5
    )
    lengths = world.distance(start, goal).tolist()
    pairs = zip(start["position"].tolist(), goal["position"].tolist(), strict=True)
    expected = [reference_distance(tuple(s), tuple(g), *layout) for s, g in pairs]
    straight = (start["position"] - goal["position"]).norm(dim=-1).tolist()
    assert sum(a > b + 0.1 for a, b in zip(expected, straight, strict=True)) > 15
    assert lengths == pytest.approx(expected, abs=2e-3)


def test_distance_of_known_cases_is_the_same_both_ways():
    walls = walls_of(32, 18, 3)
    start = torch.tensor([[10.0, 40.0], [22.0, 18.0], [20.0, 54.0]])
    goal = torch.tensor([[25.0, 20.0], [42.0, 18.0], [44.0, 54.0]])
    # In one room; straight through the door; around both lower corners.
    expected = torch.tensor([25.0, 20.0, 2 * math.dist((20, 54), (30.49, 21.99)) + 3.02])
    torch.testing.assert_close(geodesic(walls, start, goal), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(geodesic(walls, goal, start), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "wrong", [{"random_wall_x": (44, 20)}, {"random_door_y": (2, 54)}, {"max_step": 0.0}, {"door_half": 0.0}]
)
def test_impossible_geometry_is_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        TwoRoomsConfig(**wrong)

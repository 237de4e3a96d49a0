"""Two Rooms keeps the `World` contract, its tasks are what they say, and the expert solves them."""

import inspect

import pytest
import torch
from torch import Generator

from gedanken.contracts import World, check_world
from gedanken.environments.two_rooms import TwoRooms
from gedanken.errors import NonFinite, ShapeError, UnknownName

WALLS = pytest.mark.parametrize("wall", ["fixed", "random"])


@WALLS
def test_it_is_a_world(wall):
    world = TwoRooms(wall)
    assert isinstance(world, World)
    check_world(world)


@WALLS
def test_tasks_lead_from_one_room_to_the_other_in_one_layout_and_look(wall):
    start, goal = TwoRooms(wall).pairs(2000, Generator().manual_seed(0))
    side = (start["position"][:, 0] - start["wall_x"]).sign()
    assert torch.equal(side, -(goal["position"][:, 0] - goal["wall_x"]).sign())
    assert 0.4 < (side > 0).float().mean() < 0.6
    apart = (start["position"] - goal["position"]).norm(dim=-1)
    assert apart.min() >= 20
    assert apart.max() > 55
    assert all(torch.equal(start[key], goal[key]) for key in start if key != "position")


def test_random_layouts_cover_their_range_and_fixed_ones_are_one():
    random = TwoRooms("random").sample(5000, Generator().manual_seed(0))
    assert sorted(random["wall_x"].unique().tolist()) == list(range(20, 44))
    assert sorted(random["door_y"].unique().tolist()) == list(range(10, 54))
    fixed = TwoRooms("fixed").sample(10, Generator().manual_seed(0))
    assert set(fixed["wall_x"].tolist()) == {32}
    assert set(fixed["door_y"].tolist()) == {18}


def test_samples_fill_the_free_space_and_nothing_else():
    state = TwoRooms().sample(20_000, Generator().manual_seed(0))
    x, y = state["position"].unbind(1)
    in_wall = (x - 32).abs() < 1.5
    assert in_wall.sum() > 50  # the doorway belongs to the free space
    assert ((y - 18).abs()[in_wall] < 4).all()
    cells = torch.histogramdd(state["position"], bins=[5, 5], range=[4.5, 59.5, 4.5, 59.5]).hist
    assert cells[[0, 1, 3, 4]].min() > 700


def test_equal_seeds_draw_equal_tasks():
    first, second, other = (TwoRooms("random").pairs(5, Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert all(torch.equal(first[0][key], second[0][key]) for key in first[0])
    assert not torch.equal(first[0]["position"], other[0]["position"])


@WALLS
def test_the_expert_reaches_every_goal_and_stops_there(wall):
    world = TwoRooms(wall)
    state, goal = world.pairs(2000, Generator().manual_seed(0))
    shortest, walked = world.distance(state, goal), torch.zeros(2000)
    for _ in range(80):
        action = world.expert(state, goal)
        assert action.norm(dim=-1).max() <= 1.8 + 1e-5
        moved = world.step(state, action)
        # Never stopped by anything: every wanted move is made in full.
        torch.testing.assert_close(moved["position"], state["position"] + action, atol=1e-4, rtol=0)
        walked += (moved["position"] - state["position"]).norm(dim=-1)
        state = moved
    torch.testing.assert_close(state["position"], goal["position"], atol=1e-4, rtol=0)
    assert (walked >= shortest - 1e-3).all()
    assert (walked / shortest).mean() < 1.15


def test_the_expert_gets_out_of_and_into_the_doorway_from_anywhere():
    world, generator = TwoRooms("random"), Generator().manual_seed(0)
    state = world.sample(3000, generator)
    goal = {**state, "position": world.sample(3000, generator)["position"]}
    # Half of the starts, and half of the goals, in the doorway, jambs included.
    spread = torch.tensor([2.98, 7.97]) * (torch.rand(2, 3000, 2, generator=generator) - 0.5)
    door = torch.stack((state["wall_x"], state["door_y"]), -1)
    state["position"][::2] = (door + spread[0])[::2]
    goal["position"] = world.in_room(state, torch.rand(3000, generator=generator) < 0.5, generator)
    goal["position"][1::4] = (door + spread[1])[1::4]
    for _ in range(100):
        state = world.step(state, world.expert(state, goal))
    assert world.reached(state, goal).all()


def test_reached_means_nearer_than_four_and_a_half_px():
    world = TwoRooms()
    goal = world.sample(2, Generator().manual_seed(0))
    goal["position"] = torch.tensor([[20.0, 20.0], [20.0, 20.0]])
    near = {**goal, "position": torch.tensor([[24.4, 20.0], [24.6, 20.0]])}
    assert world.reached(near, goal).tolist() == [True, False]


def test_long_actions_are_shortened_and_keep_their_direction():
    world = TwoRooms()
    state = world.sample(1, Generator().manual_seed(0)) | {"position": torch.tensor([[15.0, 40.0]])}
    moved = world.step(state, torch.tensor([[30.0, -40.0]]))["position"]
    torch.testing.assert_close(moved, torch.tensor([[15.0 + 0.6 * 1.8, 40.0 - 0.8 * 1.8]]))
    assert state["position"].tolist() == [[15.0, 40.0]]


def test_bad_actions_are_refused():
    world = TwoRooms()
    state = world.sample(2, Generator().manual_seed(0))
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(2, 2\)"):
        world.step(state, torch.zeros(2, 3))
    with pytest.raises(NonFinite):
        world.step(state, torch.full((2, 2), torch.nan))


def test_an_unknown_layout_is_refused():
    make = inspect.unwrap(TwoRooms.__init__)  # the tests' type checker would refuse it first
    with pytest.raises(UnknownName, match="Did you mean 'random'"):
        make(TwoRooms.__new__(TwoRooms), wall="randm")

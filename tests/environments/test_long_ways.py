"""Four Rooms and Maze: worlds whose oracle is what the expert walks, and data that shows no way through them."""

import numpy as np
import pytest
import torch
from torch import Generator

from gedanken.contracts import World, check_world
from gedanken.environments import FourRooms, Maze, episodes_of, make_world, wander
from gedanken.environments.maze import LONGEST_SEEN
from gedanken.environments.maze_layout import TEST, is_test, layout_of
from gedanken.environments.walks import ExploreConfig
from gedanken.errors import BadInput, NonFinite, ShapeError, UnknownName
from gedanken.evaluation.manifest import load_manifest, make_manifest, save_manifest

LONG = [
    ("four-rooms-v1", {"wall": "fixed"}),
    ("four-rooms-v1", {"wall": "random"}),
    ("maze-v1", {"cells": 5}),
    ("maze-v1", {"cells": 9, "layouts": "test"}),
]
EACH = pytest.mark.parametrize(("id", "options"), LONG)


@EACH
def test_they_are_worlds_and_refuse_what_two_rooms_refuses(id, options):
    world = make_world(id, **options)
    assert isinstance(world, World)
    assert dict(world.options) | options == dict(world.options)
    check_world(world)
    state = world.sample(3, Generator().manual_seed(0))
    with pytest.raises(ShapeError, match="one \\(x, y\\) a world"):
        world.step(state, torch.zeros(2, 2))
    with pytest.raises(NonFinite):
        world.step(state, torch.full((3, 2), float("nan")))
    with pytest.raises(ShapeError, match=r"expected \[B=3, T, 2\]"):
        world.render(state, torch.zeros(3, 2))
    with pytest.raises(BadInput, match="pixels a side"):
        make_world(id, size=4)
    with pytest.raises(UnknownName, match="validation"):
        world.factors("validation", 1, Generator())


@EACH
def test_the_expert_walks_what_the_oracle_says(id, options):
    """The same way is measured twice: by pulling it taut, and by the steps of a dot that would be stopped by any wall."""
    world = make_world(id, **options)
    start, goal = world.pairs(4, Generator().manual_seed(1))
    told, walked, now = world.distance(start, goal), torch.zeros(4), start
    arrived = torch.zeros(4, dtype=torch.bool)
    for _ in range(400):
        after = world.step(now, world.expert(now, goal))
        moved = (after["position"] - now["position"]).norm(dim=-1)
        assert (moved[~arrived] > 0).all(), "the expert ran into a wall"
        walked, now = walked + moved * ~arrived, after
        arrived |= (now["position"] - goal["position"]).norm(dim=-1) < 1e-2
        if arrived.all():
            break
    assert arrived.all()
    assert (walked >= told - 0.05).all()
    assert (walked <= 1.12 * told + 0.5).all()


@EACH
def test_no_step_ends_in_a_wall_or_leads_through_one(id, options):
    world = make_world(id, **options)
    generator = Generator().manual_seed(2)
    state = world.sample(30, generator)
    for _ in range(12):
        after = world.step(state, world.action.norm * torch.randn(30, 2, generator=generator))
        assert not world.blocks(after).cover(after["position"]).any()
        straight = (after["position"] - state["position"]).norm(dim=-1)
        # Between the ends of one step there is nothing to go around.
        torch.testing.assert_close(world.distance(state, after), straight, atol=2e-3, rtol=0)
        state = after


@EACH
def test_walls_are_drawn_where_they_stop_the_dot(id, options):
    world = make_world(id, **options)
    state = world.sample(1, Generator().manual_seed(3))
    look = dict(state)
    drawn = world.observe({**look, "dot_color": look["background_color"]})["pixels"][0].float()  # a dot not to be seen
    share = ((drawn - look["background_color"]) / (look["wall_color"] - look["background_color"]))[..., 2]
    grid = torch.arange(6.0, 58.0)
    points = torch.cartesian_prod(grid, grid)
    low, high = world.blocks(state).low, world.blocks(state).high
    hit = ((points[:, None] > low) & (points[:, None] < high)).all(-1).any(-1)
    seen = share[points[:, 1].long(), points[:, 0].long()]
    away = (points - state["position"]).norm(dim=-1) > 7
    # A dot whose middle is in a corner of a wall is a quarter wall, and one in the corner of a room three quarters.
    assert (seen[hit & away] > 0.2).all()
    assert (seen[~hit & away] < 0.8).all()
    assert 0.05 < hit.float().mean() < 0.6


def test_four_rooms_asks_for_the_opposite_room():
    world = FourRooms("random")
    start, goal = world.pairs(500, Generator().manual_seed(0))
    for axis, wall in ((0, "wall_x"), (1, "wall_y")):
        assert torch.equal((start["position"][:, axis] > start[wall]), ~(goal["position"][:, axis] > goal[wall]))
    straight = (start["position"] - goal["position"]).norm(dim=-1)
    assert (world.distance(start, goal) > straight).float().mean() > 0.9
    assert len(start["doors"].unique(dim=0)) > 400


def test_in_a_ring_the_shorter_side_is_taken():
    world = FourRooms()
    place = lambda x, y: {**world.sample(1, Generator()), "position": torch.tensor([[x, y]])}  # noqa: E731
    up, down = 14.0, 50.0
    before, behind = place(28.0, up), place(36.0, up)
    assert world.distance(before, behind).item() == pytest.approx(8.0, abs=1e-4)
    assert world.distance(place(28.0, down), place(36.0, down)).item() == pytest.approx(8.0, abs=1e-4)
    # From the doorway's middle it is nearer to either room than to the opposite side.
    assert world.distance(place(32.0, up), place(32.0, up + 2)).item() == pytest.approx(2.0, abs=1e-4)


def test_mazes_are_trees_split_by_what_they_are():
    train, test = ({layout_of(5, first + k).solid.tobytes() for k in range(120)} for first in (0, TEST))
    assert not train & test
    assert len(train) > 115
    for number in (0, TEST + 7):
        layout = layout_of(9, number)
        assert layout is layout_of(9, number)
        assert is_test(layout) == (number >= TEST)
        inside = layout.solid[1:-1, 1:-1]
        assert int((~inside).sum()) == 2 * 81 - 1  # cells, and one passage less than cells
        assert (np.diag(layout.apart) == 0).all()
        assert (layout.apart == layout.apart.T).all()
        way = layout.way(0, 80)
        assert len(way) == layout.apart[0, 80] + 1 == len(set(way))
    with pytest.raises(BadInput, match="between 3 and 13"):
        Maze(cells=14)
    with pytest.raises(BadInput, match="number"):
        layout_of(5, 2 * TEST)
    with pytest.raises(UnknownName, match="layouts"):
        Maze(layouts="val")
    with pytest.raises(BadInput, match="passages"):
        Maze(shortest=0)


def test_maze_tasks_are_of_every_length_from_the_shortest():
    world = Maze(cells=7, layouts="train", shortest=3)
    start, goal = world.pairs(300, Generator().manual_seed(0))
    cells = world._cell(torch.stack((start["position"], goal["position"])))
    passages = torch.tensor(
        [int(layout_of(7, int(n)).apart[a, b]) for n, a, b in zip(start["layout"], *cells, strict=True)]
    )
    assert passages.min() == 3
    assert (passages.bincount()[3:15] > 3).all()


@EACH
def test_no_recorded_walk_holds_a_whole_route(id, options):
    """What the claims rest on: whoever arrives has put the way together from pieces."""
    world = make_world(id, **options)
    walked = wander(world, 60, 40, Generator().manual_seed(0))
    assert not world.whole_route(walked.state, walked.positions).any()
    # By the oracle too: no two frames are as far apart as the standard task asks for.
    if isinstance(world, Maze):
        ends = world._cell(walked.positions)
        longest = [
            int(layout_of(world.config.cells, int(n)).apart[row][:, row].max())
            for n, row in zip(walked.state["layout"], ends.numpy(), strict=True)
        ]
        assert max(longest) == LONGEST_SEEN
        assert world.shortest > LONGEST_SEEN
    start, goal = world.pairs(20, Generator().manual_seed(0))
    both = torch.stack((start["position"], goal["position"]), 1)
    assert world.whole_route(start, both).all()


def test_walks_are_what_was_recorded_and_cover_the_world():
    world = Maze(cells=5)
    walked = wander(world, 200, 36, Generator().manual_seed(0))
    state = walked.state
    for step in range(36):
        state = world.step(state, walked.actions[:, step])
        assert torch.equal(state["position"], walked.positions[:, step + 1])
    assert world._cell(walked.positions).flatten().bincount(minlength=25).min() > 20
    moved = walked.positions.diff(dim=1).norm(dim=-1)
    stopped = (moved < 0.3 * walked.actions.norm(dim=-1)) & (walked.actions.norm(dim=-1) > 0.3)
    assert 0.05 < stopped.float().mean() < 0.6  # walls are met, and left again
    other = Maze(cells=5, layouts="train").sample(3, Generator().manual_seed(1))
    here = wander(Maze(cells=5, layouts="train"), 5, 8, Generator().manual_seed(0), layout=other)
    assert here.state["layout"].tolist() == [int(other["layout"][0])] * 5
    assert not world.blocks(here.state).cover(here.positions[:, -1]).any()
    with pytest.raises(BadInput, match="door"):
        wander(world, 2, 4, Generator(), config=ExploreConfig())
    with pytest.raises(BadInput, match="at least 1"):
        wander(world, 0, 4, Generator())


def test_episodes_say_where_they_come_from_and_tasks_survive_a_file(tmp_path):
    world = Maze(cells=5, layouts="train")
    one, two = (next(iter(episodes_of(world, 1, 12, seed=3))) for _ in range(2))
    assert np.array_equal(one.streams["pixels"], two.streams["pixels"])
    assert one.provenance.source == "maze-v1:wander"
    assert "cells=5 layouts=train" in one.provenance.note
    manifest = make_manifest("maze-v1", {"cells": 5, "layouts": "test"}, "dev", 20)
    save_manifest(manifest, tmp_path / "maze.json")
    read = load_manifest(tmp_path / "maze.json")
    assert read.sha256 == manifest.sha256
    world = make_world("maze-v1", **read.options)
    start, goal = read.pairs(world)
    assert (world.distance(start, goal) > 15).all()
    assert (start["layout"] >= TEST).all()

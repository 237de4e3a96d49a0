"""The T-maze: what the cue says is true, nothing else tells it, and nobody comes back."""

from itertools import pairwise

import pytest
import torch
from torch import Generator

from gedanken.contracts import World, check_world
from gedanken.environments import DotWorld, TMaze, TMazeConfig, make_world
from gedanken.errors import BadInput, NonFinite, ShapeError, UnknownName

WORLD = TMaze(delay=24, shown=8)


def begun(count=40, seed=0):
    return WORLD.pairs(count, Generator().manual_seed(seed))


def walked(state, goal, steps, towards=None):
    """The expert's walk to `towards` (the goal's own place by default): the states `[steps + 1]`."""
    states = [state]
    for _ in range(steps):
        states.append(WORLD.step(states[-1], WORLD.expert(states[-1], towards or goal)))
    return states


def test_it_is_a_world_of_a_dot_and_refuses_what_the_others_refuse():
    assert isinstance(WORLD, World)
    assert isinstance(WORLD, DotWorld)
    assert make_world("t-maze-v1", **WORLD.options).options == WORLD.options
    check_world(WORLD)
    start, _ = begun(3)
    with pytest.raises(ShapeError, match="one \\(x, y\\) a world"):
        WORLD.step(start, torch.zeros(2, 2))
    with pytest.raises(NonFinite):
        WORLD.step(start, torch.full((3, 2), float("nan")))
    with pytest.raises(ShapeError, match=r"expected \[B=3, T, 2\]"):
        WORLD.render(start, torch.zeros(3, 2))
    with pytest.raises(UnknownName, match="validation"):
        WORLD.factors("validation", 1, Generator())
    with pytest.raises(BadInput, match="shown"):
        TMaze(delay=5, shown=6)
    with pytest.raises(BadInput, match="shafts"):
        TMazeConfig(shaft=21.0)
    with pytest.raises(BadInput, match="must rise"):
        TMazeConfig(rows=(13.0, 17.0, 16.0, 37.0, 39.0, 49.0, 53.0))


def test_the_expert_waits_and_then_walks_what_the_oracle_says():
    start, goal = begun()
    told, states = WORLD.distance(start, goal), walked(start, goal, 60)
    assert 0.3 < start["cue"].float().mean() < 0.7
    waiting = torch.stack([state["position"] for state in states[: WORLD.delay + 1]])
    assert (waiting == waiting[0]).all()
    assert WORLD.reached(states[-1], goal).all()
    assert WORLD.whole_route(start, torch.stack([state["position"] for state in states], 1)).all()
    moves = torch.stack([(b["position"] - a["position"]).norm(dim=-1) for a, b in pairwise(states)])
    moves = moves * (moves <= 1.8 + 1e-4)  # but for the fall down the shaft
    assert (moves.sum(0) > told - 1.9).all()
    assert (moves.sum(0) < 1.1 * told + 3).all()


def test_the_other_arm_leads_to_the_pit_and_nobody_comes_back():
    start, goal = begun()
    pit = {**goal, "position": torch.tensor(WORLD.config.pit).expand(40, 2)}
    states = walked(start, goal, 60, towards=pit)
    assert WORLD.reached(states[-1], pit).all()
    assert torch.isinf(WORLD.distance(states[-1], goal)).all()
    assert (WORLD.expert(states[-1], goal) == 0).all()
    generator = Generator().manual_seed(1)
    for state in (states[-1], walked(start, goal, 60)[-1]):
        place = state["position"]
        for _ in range(60):
            state = WORLD.step(state, 1.8 * torch.randn(40, 2, generator=generator))
        assert ((state["position"] - place).norm(dim=-1) < 12).all()


def test_no_one_passes_the_gate_before_its_time():
    start, _ = begun()
    state, up = start, torch.tensor([[0.0, -1.8]]).expand(40, 2)
    for step in range(WORLD.delay + 3):
        assert ((state["position"][:, 1] > WORLD.config.rows[4]).all()) == (step <= WORLD.delay), step
        state = WORLD.step(state, up)


def test_the_cue_is_seen_at_first_and_nothing_tells_it_afterwards():
    start, goal = begun(2)
    left, right = ({**start, "cue": torch.full((2,), cue)} for cue in (0, 1))
    for clock in range(WORLD.delay + 2):
        one, other = (
            WORLD.observe({**each, "clock": torch.full((2,), clock)})["pixels"].float() for each in (left, right)
        )
        differs = (one - other).abs().amax(dim=(0, 3)) > 8
        if clock >= WORLD.shown:
            assert not differs.any()
            continue
        columns = differs.any(0).nonzero()[:, 0]
        # On the edges of both windows pixels are covered in part.
        assert 2 * WORLD.config.sign**2 <= differs.sum() <= 2 * (WORLD.config.sign + 1) ** 2
        assert ((columns < WORLD.config.stem[0]) | (columns > WORLD.config.stem[1])).all()
    # Nor does the picture of the goal.
    shown = [WORLD.observe({**goal, "cue": torch.full((2,), cue)})["pixels"] for cue in (0, 1)]
    assert shown[0].equal(shown[1])
    shut, opened = ({**start, "clock": start["delay"] - ahead} for ahead in (1, 0))
    assert not WORLD.observe(shut)["pixels"].equal(WORLD.observe(opened)["pixels"])


def test_resting_at_once_is_resting_step_by_step():
    start, _ = begun(5)
    state = start
    for _ in range(17):
        state = WORLD.step(state, torch.zeros(5, 2))
    rested = WORLD.rest(start, 17)
    assert set(rested) == set(state)
    assert all(rested[name].equal(state[name]) for name in state)


def test_frames_of_a_trajectory_are_what_was_seen_at_each_step():
    start, goal = begun(3)
    states = walked(start, goal, 40)
    frames = WORLD.render(start, torch.stack([state["position"] for state in states], 1))
    for step in (0, 7, 8, 23, 24, 31, 40):
        assert frames[:, step].equal(WORLD.observe(states[step])["pixels"])


def test_walls_are_drawn_where_they_stop_the_dot():
    for clock in (0, 30):
        state = {**WORLD.sample(1, Generator().manual_seed(3)), "clock": torch.tensor([clock])}
        hidden = {**state, "dot_color": state["background_color"], "clock": torch.tensor([max(clock, 10)])}
        drawn = WORLD.observe(hidden)["pixels"][0].float()
        share = ((drawn - state["background_color"]) / (state["wall_color"] - state["background_color"]))[..., 2]
        grid = torch.arange(6.0, 58.0)
        points = torch.cartesian_prod(grid, grid)
        blocks = WORLD.blocks(state)
        hit = ((points[:, None] > blocks.low) & (points[:, None] < blocks.high)).all(-1).any(-1)
        seen = share[points[:, 1].long(), points[:, 0].long()]
        assert (seen[hit] > 0.2).all()
        assert (seen[~hit] < 0.8).all()


def test_samples_lie_in_the_open_and_before_and_after_the_gate():
    state = WORLD.sample(500, Generator().manual_seed(0))
    assert not WORLD.blocks(state).cover(state["position"]).any()
    shut = state["clock"] < state["delay"]
    assert 0.4 < shut.float().mean() < 0.6
    y = state["position"][:, 1]
    for low, high in ((4, 13), (17, 29), (29, 37), (39, 49), (53, 60)):
        assert ((y > low) & (y < high)).sum() > 20

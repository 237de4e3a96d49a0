"""Baselines do what their names say; behaviour cloning heads for its goal, and takes no goal from another trajectory."""

import numpy as np
import pytest
import torch
from plane_world import PlaneModel, PlaneWorld

from gedanken.errors import BadInput
from gedanken.evaluation import NoOp, RandomPolicy, fit_behaviour_cloning
from gedanken.evaluation.baselines import _encoded
from gedanken.types import Episode, StreamSpec

SPECS = {"place": StreamSpec((2,), "float32")}


def recorded(actions: np.ndarray, start=(0.0, 0.0), resets=()) -> Episode:
    moves = np.concatenate([np.array([start]), actions]).cumsum(axis=0)
    return Episode(
        {"place": moves.astype(np.float32)}, actions.astype(np.float32), SPECS, PlaneWorld().action, None, resets
    )


def straight_walks(count: int, steps: int = 12) -> list[Episode]:
    random = np.random.default_rng(0)
    headings = 2 * np.pi * random.random(count)
    starts = 8 * random.random((count, 2)) - 4
    unit = np.stack([np.cos(headings), np.sin(headings)], axis=1)
    return [recorded(np.repeat(way[None], steps, axis=0), start) for way, start in zip(unit, starts, strict=True)]


def test_noop_does_nothing_and_chance_stays_within_bounds():
    world, seen = PlaneWorld(), {"place": torch.zeros(400, 2)}
    assert torch.equal(NoOp(world, 3).act(seen).actions, torch.zeros(400, 6))
    policy = RandomPolicy(world, 3, seed=1)
    first, second = policy.act(seen).actions, policy.act(seen).actions
    assert torch.equal(first, first[:, :2].repeat(1, 3))
    assert first[:, :2].norm(dim=1).max() <= 1 + 1e-5
    assert first.mean(dim=0).abs().max() < 0.15 < first.std(dim=0).min()
    assert not torch.equal(first, second)
    assert torch.equal(first, RandomPolicy(world, 3, seed=1).act(seen).actions)


def test_behaviour_cloning_heads_for_its_goal():
    cloned = fit_behaviour_cloning(PlaneModel(), straight_walks(200), steps=150, batch=256, hidden=64)
    now, goal = torch.zeros(8, 2), 4 * torch.tensor([[np.cos(way), np.sin(way)] for way in range(8)]).float()
    cloned.begin({"place": goal})
    actions = cloned.act({"place": now}).actions
    assert actions.shape == (8, 4)
    assert torch.cosine_similarity(actions[:, :2], goal).min() > 0.8
    assert (actions.norm(dim=1) > 0.7).all()


def test_behaviour_cloning_learns_from_goals_far_ahead():
    # Everyone goes to the right first and only then upwards, and that shows only in goals behind the corner.
    round_the_corner = np.array([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 6)
    starts = np.random.default_rng(0).uniform(-4, 4, (100, 2))
    walks = [recorded(round_the_corner, start) for start in starts]
    cloned = fit_behaviour_cloning(PlaneModel(), walks, steps=150, batch=256, hidden=64)
    cloned.begin({"place": torch.tensor([[6.0, 5.0]])})
    first = cloned.act({"place": torch.zeros(1, 2)}).actions[0, :2]
    assert first[0] > 0.7 > 0.3 > first[1].abs()


def test_behaviour_cloning_depends_on_its_seed_and_on_no_other_chance():
    walks, seen = straight_walks(10), {"place": torch.ones(3, 2)}

    def answer(seed):
        cloned = fit_behaviour_cloning(PlaneModel(), walks, steps=3, seed=seed)
        cloned.begin(seen)
        return cloned.act(seen).actions

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = answer(0)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(first, answer(0))
    assert not torch.equal(first, answer(1))


def test_frames_keep_the_actions_that_leave_them_and_the_end_of_their_own_trajectory():
    # Places count environment steps along x, and trajectories along y; so every frame says where it comes from.
    once = np.stack([np.ones(11), np.zeros(11)], axis=1)
    twice = once.copy()
    twice[4, 1] = 100.0  # the jump to another trajectory, at the reset
    numbered = [recorded(once, (0.0, 0.0)), recorded(twice, (0.0, 10.0), resets=(5,)), recorded(once[:1], (0.0, 20.0))]
    for seed in range(6):
        frames = _encoded(PlaneModel(), numbered, torch.Generator().manual_seed(seed))
        rows = torch.arange(len(frames.last))
        assert set(frames.latents[:, 1].tolist()) == {0.0, 10.0, 110.0}  # the last is too short for a model step
        assert torch.equal(frames.latents[:, 1], frames.latents[frames.last, 1])
        inner = rows < frames.last
        ahead = frames.latents[(rows + 1).clamp(max=len(rows) - 1)]
        assert torch.equal(ahead[inner] - frames.latents[inner], torch.tensor([[2.0, 0.0]]).expand(int(inner.sum()), 2))
        assert torch.equal(frames.actions[inner], torch.tensor([[1.0, 0.0, 1.0, 0.0]]).expand(int(inner.sum()), 4))
        assert not frames.actions[~inner].any()


def test_no_goal_and_no_data_are_refused():
    with pytest.raises(BadInput, match="model step"):
        fit_behaviour_cloning(PlaneModel(), [recorded(np.zeros((1, 2)))])
    cloned = fit_behaviour_cloning(PlaneModel(), straight_walks(2), steps=1)
    with pytest.raises(BadInput, match="begin"):
        cloned.act({"place": torch.zeros(1, 2)})

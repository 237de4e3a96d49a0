"""Exploration holds what a planner will try, and what is recorded is what happened."""

import numpy as np
import pytest
import torch
from torch import Generator

from gedanken.environments.behaviour import collect, episodes_of, explore, random_policy
from gedanken.environments.two_rooms import TwoRooms
from gedanken.environments.walks import DOOR, PUSH, STILL, WANDER, ExploreConfig
from gedanken.errors import BadInput, UnknownName


@pytest.fixture(scope="module")
def walked():
    return explore(TwoRooms("random"), 3000, 48, Generator().manual_seed(0))


def test_positions_follow_from_the_recorded_actions(walked):
    world = TwoRooms("random")
    state = walked.state
    assert torch.equal(state["position"], walked.positions[:, 0])
    for step in range(48):
        state = world.step(state, walked.actions[:, step])
        assert torch.equal(state["position"], walked.positions[:, step + 1])


def test_the_mixture_is_the_configured_one(walked):
    shares = torch.bincount(walked.kind, minlength=4) / 3000
    for kind, share in ((PUSH, 0.25), (DOOR, 0.35), (STILL, 0.04), (WANDER, 0.36)):
        assert shares[kind] == pytest.approx(share, abs=0.04)


def test_each_kind_does_what_it_is_for(walked):
    norms = walked.actions.norm(dim=-1)
    moving = walked.kind != STILL
    assert norms[moving].min() >= 0.2 - 1e-4
    assert norms.max() <= 1.8 + 1e-5
    # The whole range of step lengths, evenly.
    assert (torch.histc(norms[moving], 8, 0.2, 1.8) / norms[moving].numel()).min() > 0.11
    assert norms[~moving].max() <= 0.2
    assert (norms[~moving] == 0).all(dim=1).float().mean() > 0.3

    side = (walked.positions[..., 0] - walked.state["wall_x"][:, None]).sign()
    crosses = (side != side[:, :1]).any(dim=1)
    assert crosses[walked.kind == DOOR].float().mean() > 0.95
    assert crosses[walked.kind == WANDER].float().mean() < 0.3

    made = walked.positions[:, 1:] - walked.positions[:, :-1]
    blocked = (made - walked.actions).norm(dim=-1) > 0.01
    assert blocked[walked.kind == PUSH].float().mean() > 0.5
    at_wall = ((walked.positions[:, :-1, 0] - walked.state["wall_x"][:, None]).abs() < 1.6) & blocked
    assert at_wall[walked.kind == PUSH].float().mean() > 0.2


def test_headings_turn_at_every_step_in_some_and_in_blocks_in_others(walked):
    heading = torch.atan2(walked.actions[..., 1], walked.actions[..., 0])
    turn = (heading.diff(dim=1) + torch.pi).remainder(2 * torch.pi) - torch.pi
    kept = (turn.abs() < 1e-3).float().mean(dim=1)
    wander = walked.kind == WANDER
    assert kept[walked.kind == PUSH].mean() > 0.9
    assert (kept[wander] > 0.7).float().mean() == pytest.approx(0.4, abs=0.07)
    assert turn[wander & (kept < 0.1)].std() == pytest.approx(0.45, abs=0.02)


def test_a_share_of_the_moving_trajectories_goes_at_full_length():
    config = ExploreConfig(full=0.5, still=0.2)
    walked = explore(TwoRooms(), 400, 20, Generator().manual_seed(0), config=config)
    full = (walked.actions.norm(dim=-1) > 1.799).all(dim=1)
    still = walked.kind == STILL
    assert 0.42 < full[~still].float().mean() < 0.58
    assert not full[still].any()


def test_equal_seeds_give_equal_episodes_and_others_do_not():
    world = TwoRooms("random")
    first, again, other = (list(episodes_of(world, 3, 6, seed, split="train")) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.streams["pixels"], two.streams["pixels"])
        assert np.array_equal(one.actions, two.actions)
    assert not np.array_equal(first[0].actions, other[0].actions)


def dot_positions(pixels: np.ndarray) -> np.ndarray:
    """Centre of mass `[L, 2]` of the red channel, which by default holds the dot alone."""
    dot = pixels[..., 0].astype(float) - 32
    share = dot / dot.sum((1, 2), keepdims=True)
    return np.stack(((share.sum(1) * np.arange(64)).sum(1), (share.sum(2) * np.arange(64)).sum(1)), 1)


def test_episodes_show_what_was_done():
    made, next_made, done = [], [], []
    for episode in episodes_of(TwoRooms(), 70, 12, seed=0):
        assert len(episode) == 13
        assert episode.streams["pixels"].base is None
        assert episode.specs["pixels"].rate_hz == 10
        assert "seed=0" in episode.provenance.note
        moves = np.diff(dot_positions(episode.streams["pixels"]), axis=0)
        made.append(moves[:-1])
        next_made.append(moves[1:])
        done.append(episode.actions[:-1])
    same, late = (np.linalg.norm(np.concatenate(moves) - np.concatenate(done), axis=1) for moves in (made, next_made))
    # Most moves are free, and action k shows between frames k and k + 1; one later only while it is held.
    assert (same < 0.1).mean() > 0.7
    assert (late < 0.1).mean() < 0.45


class ListStore(list):
    """An `EpisodeStore` in memory."""


def test_collect_appends_every_episode():
    store = ListStore()
    collect(TwoRooms(), store, episodes=66, steps=4, seed=0)
    assert len(store) == 66
    assert len({episode.actions.tobytes() for episode in store}) > 60


def test_the_random_policy_fills_the_disc_of_allowed_actions():
    actions = random_policy(TwoRooms(), 100, 50, Generator().manual_seed(0))
    assert actions.shape == (100, 50, 2)
    norms = actions.norm(dim=-1)
    assert norms.max() <= 1.8 + 1e-5
    assert norms.min() < 0.1
    assert actions.mean(dim=(0, 1)).abs().max() < 0.05


@pytest.mark.parametrize(
    "wrong",
    [
        {"push": 0.9, "door": 0.2},
        {"push": -0.1},
        {"step_range": (1.0, 0.5)},
        {"hold": 0},
        {"push_steps": 0},
        {"full": 1.5},
    ],
)
def test_impossible_mixtures_are_refused(wrong):
    with pytest.raises(BadInput):
        ExploreConfig(**wrong)


def test_bad_requests_are_refused():
    with pytest.raises(BadInput, match="steps=0"):
        explore(TwoRooms(), 4, 0, Generator())
    with pytest.raises(UnknownName):
        explore(TwoRooms(), 4, 4, Generator(), split="validation")

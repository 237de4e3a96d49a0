"""The claim of the T-maze: its parts, the visits it stretches, and what chance gets."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from claims import CLAIMS
from claims.t_maze import DELAYS, TMazeClaim
from claims.t_maze_arms import ARMS, _stretches, lived
from claims.t_maze_others import stretched
from gedanken.environments import TMaze
from gedanken.environments.t_maze_walks import VisitConfig, visits
from gedanken.errors import BadInput
from gedanken.evaluation.true_state import rows_of
from gedanken.recipes.recipe import build
from gedanken.recipes.saved import Loaded
from gedanken.recipes.t_maze import t_maze

CLAIM = CLAIMS["t-maze"]


def untrained() -> Loaded:
    run, world = t_maze(0), TMaze()
    model = build(run.recipe, world.action)
    model.step_change.fill_(0.1)
    return Loaded(model.eval(), run.recipe, world.streams, {})


def test_its_parts_can_be_resumed_and_every_delay_is_asked_of_every_arm():
    assert isinstance(CLAIM, TMazeClaim)
    assert CLAIM.split == "test"
    names = [part.name for part in CLAIM.parts()]
    assert len(set(names)) == len(names)
    for delay in DELAYS:
        assert {f"{arm}, seed 0, {delay} steps" for arm in ARMS} <= set(names)
        assert {f"memory, seed {seed}, {delay} steps" for seed in (0, 1, 2)} <= set(names)
    assert len(CLAIM.manifest) >= max(DELAYS.values())


def test_a_wait_is_as_long_as_it_is_said_to_be():
    for delay in DELAYS:
        stretches = _stretches(TMaze(delay=delay), 4)
        assert stretches[:4] == [1] * 4
        assert 4 * sum(stretches) == delay


def test_chance_is_an_arm_drawn_beforehand():
    world = TMaze(delay=100)
    pairs = [rows_of(states, slice(60)) for states in CLAIM.manifest.pairs(world)]
    found = lived("random", world, untrained(), (pairs[0], pairs[1]), 0)
    assert (found.prize ^ found.pit).all()
    assert 0.3 < found.prize.float().mean() < 0.7
    with pytest.raises(BadInput, match="no arm"):
        lived("by heart", world, untrained(), (pairs[0], pairs[1]), 0)


def test_all_that_was_waited_through_is_in_the_memory():
    world, loaded = TMaze(delay=1000), untrained()
    quick = replace(loaded.recipe.agent, warm=replace(loaded.recipe.agent.warm, candidates=24, rounds=1))
    quick = replace(quick, cold=replace(quick.cold, candidates=24, rounds=1))
    loaded = replace(loaded, recipe=replace(loaded.recipe, agent=quick))
    pairs = [rows_of(states, slice(1)) for states in CLAIM.manifest.pairs(world)]
    found = lived("memory", world, loaded, (pairs[0], pairs[1]), 0)
    assert found.moments == 1000 // 4 + 3 * 29 + 96


def test_a_visit_is_stretched_where_nothing_happened():
    episode = next(iter(visits(TMaze(), 1, 112, 0, config=VisitConfig(restless=0.0, roaming=0.0, waits=(40, 41)))))
    latents = torch.from_numpy(episode.streams["pixels"][::4].reshape(29, 1, -1)[..., :9000].copy()).float()
    actions = torch.from_numpy(episode.actions.reshape(28, 8).copy())
    seen, done = stretched(latents, actions, 60, Generator().manual_seed(3))
    assert len(seen) == 60
    assert len(done) == 59
    rests = ~done.any(1)
    # While nothing is done only the window that closes and the gate that opens are seen to change.
    assert (seen[1:][rests] != seen[:-1][rests]).any(dim=(1, 2)).sum() <= 2
    moved = done.any(1).nonzero()[:, 0]
    torch.testing.assert_close(done[moved], actions[actions.any(1)])
    assert int(moved[0]) > int(actions.any(1).nonzero()[0, 0])

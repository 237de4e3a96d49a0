"""Prediction is judged in a world of places that add up, where each guess's error is known beforehand."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from gedanken.errors import BadInput, NonFinite
from gedanken.evaluation.prediction import block_bootstrap, evaluate_prediction
from gedanken.types import ActionSpec, Episode, Rollout, StreamSpec

SKIP, HORIZON, WITHIN = 2, 3, 12
ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
SPECS = {"place": StreamSpec((2,), "float32")}


@dataclass
class Places:
    """A model whose latent is the place itself; `believed` is how much of each action it counts."""

    believed: float = 1.0
    seen: float = 1.0
    frame_skip: int = SKIP
    action: ActionSpec = ACTION

    def encode(self, observations):
        return self.seen * observations["place"][:, :, None]

    def rollout(self, context, actions):
        moves = self.believed * actions.unflatten(3, (self.frame_skip, 2)).sum(dim=3)
        return Rollout(context.latents[:, -1:, None] + moves.cumsum(dim=2)[:, :, :, None])


def walk(length=60, seed=0, resets=()):
    actions = np.random.default_rng(seed).uniform(-1, 1, (length - 1, 2)).astype(np.float32)
    return recorded(actions, resets)


def recorded(actions, resets=()):
    places = np.concatenate([np.zeros((1, 2), np.float32), actions.cumsum(axis=0, dtype=np.float32)])
    return Episode({"place": places}, actions, SPECS, ACTION, resets=resets)


def judged(model, *episodes, **options):
    return evaluate_prediction(model, episodes, HORIZON, within=WITHIN, **options)


def test_a_model_that_knows_the_world_makes_no_error_and_finds_every_frame():
    result = judged(Places(), walk(), walk(40, seed=1))
    assert result.model.error.shape == (60 + 40 - 2 * SKIP * HORIZON, HORIZON)
    assert result.model.error.max() < 1e-9
    assert (result.model.found == 1).all()


def test_guesses_without_a_model_err_by_what_they_leave_out():
    episode = walk()
    places = torch.from_numpy(episode.streams["place"])
    result = judged(Places(), episode)
    for k in range(HORIZON):
        starts = torch.arange(60 - SKIP * HORIZON)
        came = places[starts + SKIP * (k + 1)]
        torch.testing.assert_close(result.copy_last.error[:, k], (came - places[starts]).square().mean(dim=1))
        torch.testing.assert_close(result.mean.error[:, k], (came - places.mean(dim=0)).square().mean(dim=1))


def test_no_window_keeps_its_own_actions_when_they_are_shuffled():
    result = judged(Places(), walk())
    assert (result.shuffled.error[:, -1] > 1e-6).all()
    assert result.shuffled.found.mean() < 0.5
    # Somebody's actions were taken, not none.
    assert not torch.allclose(result.shuffled.error, result.copy_last.error)


def test_a_model_that_ignores_actions_is_no_better_than_with_shuffled_ones():
    result = judged(Places(believed=0.0), walk())
    assert torch.equal(result.model.error, result.shuffled.error)
    assert torch.equal(result.model.rank, result.shuffled.rank)


def test_a_collapsed_latent_finds_nothing():
    result = judged(Places(seen=0.0, believed=0.0), walk(), candidates=7)
    assert (result.model.error == 0).all()
    assert (result.model.rank == 6).all()
    assert (result.model.found == 0).all()


def test_wrong_candidates_stay_near_the_true_frame():
    # The walk returns to each place after 13 frames: one further than candidates may lie. Eighths add up exactly.
    steps = np.random.default_rng(0).integers(-8, 9, (WITHIN, 2)).astype(np.float32) / 8
    circle = recorded(np.tile(np.concatenate([steps, -steps.sum(axis=0, keepdims=True)]), (5, 1)))
    near = evaluate_prediction(Places(), [circle], HORIZON, within=WITHIN, candidates=10)
    assert (near.model.found == 1).all()
    far = evaluate_prediction(Places(), [circle], HORIZON, within=WITHIN + 1, candidates=10)
    assert (far.model.found == 0).any()


def test_wrong_candidates_and_windows_stay_in_their_own_recording():
    cut = walk(60, resets=(30,))
    torn = replace(cut, streams={"place": cut.streams["place"] + np.float32(50) * (np.arange(60) >= 30)[:, None]})
    for recordings in ((walk(30), walk(30)), (torn,)):
        result = evaluate_prediction(Places(), recordings, HORIZON, within=1000, candidates=30)
        assert len(result.blocks) == 2 * (30 - SKIP * HORIZON)
        assert result.model.error.max() < 1e-9
        # All 29 other frames of the recording are candidates, and none of its twin's.
        assert (result.model.found == 1).all()


def test_the_rank_counts_the_wrong_candidates_that_are_nearer():
    # A straight road, and a model that lags a step behind: the frames between its guess and the truth are nearer.
    road = recorded(np.full((59, 2), 0.5, np.float32))
    result = evaluate_prediction(Places(believed=0.5), [road], HORIZON, within=4, candidates=5)
    first = result.model.rank[:, 0].float().mean()
    assert 0 < first < result.model.rank[:, 2].float().mean()
    # Guessed one frame short (k=1): the frame between lies nearer, and one as far to its other side ties.
    assert result.model.rank[:, 0].max() <= 2


def test_a_block_is_as_long_as_a_window_and_ends_with_its_recording():
    result = judged(Places(), walk(60), walk(40, seed=1))
    reach = SKIP * HORIZON
    expected = [start // reach for start in range(60 - reach)]
    expected += [1 + expected[-1] + start // reach for start in range(40 - reach)]
    assert result.blocks.tolist() == expected


def test_the_seed_fixes_candidates_and_shuffle():
    one, same, other = (judged(Places(believed=0.5), walk(), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.model.rank, same.model.rank)
    assert torch.equal(one.shuffled.error, same.shuffled.error)
    assert not torch.equal(one.model.rank, other.model.rank)
    assert not torch.equal(one.shuffled.error, other.shuffled.error)


@pytest.mark.parametrize(
    ("episodes", "options", "said"),
    [
        ([], {}, "no recordings"),
        ([walk(SKIP * HORIZON + 1)], {}, "fewer than two windows"),
        ([walk()], {"candidates": 1}, "candidates=1"),
        ([walk()], {"candidates": 2 * WITHIN + 2}, "wrong candidates are asked for"),
    ],
)
def test_what_cannot_be_judged_is_refused(episodes, options, said):
    with pytest.raises(BadInput, match=said):
        evaluate_prediction(Places(), episodes, HORIZON, within=WITHIN, **options)


def test_a_prediction_that_is_not_a_number_is_not_a_find():
    with pytest.raises(NonFinite, match="not finite"):
        judged(Places(believed=float("nan")), walk())


def test_blocks_that_repeat_one_value_count_as_one_each():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(40, generator=generator).repeat_interleave(25)
    interval = block_bootstrap(values, torch.arange(40).repeat_interleave(25))
    spread = 1.96 * values[::25].std(correction=0).item() / 40**0.5
    assert interval.mean == pytest.approx(values.mean().item(), abs=1e-6)
    assert interval.high - interval.mean == pytest.approx(spread, rel=0.15)
    assert interval.mean - interval.low == pytest.approx(spread, rel=0.15)
    # Each value by itself would look five times as sure.
    alone = block_bootstrap(values, torch.arange(1000))
    assert alone.high - alone.low < 0.3 * (interval.high - interval.low)


def test_a_longer_block_weighs_more():
    interval = block_bootstrap(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0, 0, 0, 1]))
    assert interval.mean == 0.75
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_one_block_tells_no_spread():
    with pytest.raises(BadInput, match="1 blocks"):
        block_bootstrap(torch.ones(5), torch.zeros(5, dtype=torch.long))
    with pytest.raises(BadInput, match="5 values and 4 blocks"):
        block_bootstrap(torch.ones(5), torch.arange(4))

"""What is learned from windows with memories, in a world where the memory alone tells what comes: latents are signs."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput
from gedanken.models import JEPA, Recalling, RecallingConfig, ResidualMLP, ResidualMLPConfig
from gedanken.recipes.lives import AGES, MEMORIES, MOVES, TIMES, Lives, LivesConfig
from gedanken.recipes.recall import RecallConfig, learn_recall
from gedanken.training import TrainConfig
from gedanken.types import ActionSpec, Context, Recollection

D = 4
ACTION = ActionSpec(1, (-1.0,), (1.0,))
QUICK = TrainConfig(steps=600, batch=64, learning_rate=3e-3, dtype="float32", device="cpu")


class AsSeen(torch.nn.Module):
    def encode(self, observation):
        return observation["latents"]


def signs(count=120, length=5, seed=0):
    """Episodes `[L, 1, 4]`: a cue of either sign at first, then nothing, and at the end the cue's sign again, elsewhere."""
    generator = Generator().manual_seed(seed)
    latents = torch.zeros(count, length, 1, D)
    cue = 2.0 * torch.randint(2, (count,), generator=generator) - 1
    latents[:, 0, 0, 0], latents[:, 0, 0, 1] = cue, 1.5
    latents[:, -1, 0, 2] = 2 * cue
    latents[:, 1:-1, 0, 3] = 1.0
    return list(latents), list(torch.zeros(count, length - 1, 1))


def untrained(predictor=None) -> JEPA:
    torch.manual_seed(0)
    config = RecallingConfig(hidden=32, count=6, head_width=8, norm=False)
    return JEPA(AsSeen(), predictor or Recalling(config, D, 1), ACTION, 1)


def test_windows_come_with_their_own_past_among_older_and_strange_moments():
    latents, actions = signs()
    marked = [each + 100.0 * (1 + place) for place, each in enumerate(latents)]
    walks = [torch.ones_like(each) for each in actions]
    config = LivesConfig(own=3, others=4, strangers=2, longest=1.0)
    lives = Lives(marked, walks, 3, config, strangers=torch.full((5, 1, D), -7.0))
    windows = lives.sample(200, Generator().manual_seed(0))
    seen, first = windows.observations, windows.observations["latents"][:, 0, 0, 3]
    episode = first.div(100).floor()
    own, ages, moves = (seen[name][:, :3] for name in (MEMORIES, AGES, MOVES))
    there = ages.isfinite()
    assert 0.3 < there.float().mean() < 1.0
    assert (own[..., 0, 3].div(100).floor() == episode[:, None])[there].all()
    assert moves[there].flatten().equal(ages[there])  # one to the right a step
    assert (seen[AGES][:, 3:] > ages.masked_fill(~there, 0).amax(1, keepdim=True)).all()
    assert seen[MOVES][:, 3:].isnan().all()
    assert (seen[MEMORIES][:, 7:] == -7).all()
    assert (seen[TIMES] >= 0).all()
    again = lives.sample(200, Generator().manual_seed(0)).observations
    assert all(again[name].nan_to_num().equal(seen[name].nan_to_num()) for name in seen)
    with pytest.raises(BadInput, match="shorter than a window"):
        Lives(latents, actions, 6, config)
    with pytest.raises(BadInput, match="own=0"):
        LivesConfig(own=0)


def test_what_looks_like_the_present_was_lived_through_many_times():
    latents, actions = signs()
    lives = Lives(latents, actions, 3, LivesConfig(own=4, others=4, strangers=0), still=0.01)
    seen = lives.sample(300, Generator().manual_seed(0)).observations
    alike = (seen[MEMORIES] - seen["latents"][:, :1]).abs().amax(dim=(2, 3)) < 1e-3
    assert seen[TIMES][alike].max() > 5
    assert seen[TIMES][~alike].max() < 1e-3


def test_it_learns_what_a_moment_tells_and_to_ask_for_such_a_one():
    model = untrained()
    latents, actions = signs()
    lives = Lives(latents, actions, 4, LivesConfig(own=6, others=3, strangers=0), still=0.01)
    learn_recall(model, lives, RecallConfig(ahead=3, components=0, train=QUICK))
    waiting, cue = torch.tensor([0.0, 0.0, 0.0, 1.0]), torch.tensor([1.0, 1.5, 0.0, 0.0])
    other = cue * torch.tensor([-1.0, 1.0, 1.0, 1.0])
    asked = model.asked(waiting[None, None])[0, 0]
    assert max((asked - each).norm() for each in (cue, other)) < (asked - waiting).norm()
    for moment in (cue, other):
        here = torch.zeros(1, 1, 1)  # of this run, and no way since
        told = Recollection(moment[None, None, None], torch.zeros(1, 1), torch.full((1, 1), 700.0), here)
        start = Context(waiting[None, None, None], torch.zeros(1, 0, 1), recalled=told)
        with torch.no_grad():
            ahead = model.rollout(start, torch.zeros(1, 1, 3, 1)).latents[0, 0, :, 0, 2]
        assert ahead[-1].sign() == moment[0]


def test_what_cannot_learn_to_recall_is_refused():
    latents, actions = signs(10)
    lives = Lives(latents, actions, 4, LivesConfig(strangers=0))
    with pytest.raises(BadInput, match="cannot learn to recall"):
        learn_recall(untrained(ResidualMLP(ResidualMLPConfig(hidden=8), D, 1)), lives, RecallConfig(ahead=3))
    with pytest.raises(BadInput, match="too short"):
        learn_recall(untrained(), lives, RecallConfig(ahead=4, components=0))
    with pytest.raises(BadInput, match="ahead"):
        replace(RecallConfig(), dropout=1.0)

"""A slower clock is learned from recordings: one macro-action says where several steps lead, and files carry it."""

from dataclasses import replace

import pytest
import torch

from gedanken.agent import Levels, UpperSearchConfig
from gedanken.data.kept import KeptLatents
from gedanken.errors import BadInput, ShapeError
from gedanken.models import SlowClock
from gedanken.recipes import Recipe, build, load, save
from gedanken.recipes.levels import LevelsConfig, learn_levels
from gedanken.recipes.reachability import ReachConfig
from gedanken.training import TrainConfig
from moving_dot import dot_episodes, dot_recipe

LENGTH = 9


def learning(steps: int = 1000, stride: int = 4) -> LevelsConfig:
    train = TrainConfig(steps=steps, batch=128, learning_rate=5e-3, dtype="float32", device="cpu", log_every=50)
    return LevelsConfig(stride=stride, width=3, hidden=64, train=train)


def drifting(latent: int, width: int, episodes: int = 200) -> KeptLatents:
    """Latents whose first two numbers add up the first two numbers of every action; the rest stand still."""
    draw = torch.Generator().manual_seed(0)
    actions = torch.rand(episodes, LENGTH - 1, width, generator=draw) - 0.5
    places = torch.cat([torch.zeros(episodes, 1, 2), actions[:, :, :2].cumsum(1)], 1)
    latents = torch.cat([places, torch.zeros(episodes, LENGTH, latent - 2)], 2)[:, :, None]
    return KeptLatents(list(latents), list(actions), LENGTH)


@pytest.fixture(scope="module")
def learned():
    torch.manual_seed(0)
    recipe = dot_recipe(steps=1)
    recipe = replace(recipe, predictor=replace(recipe.predictor, norm=False))
    model = build(recipe, dot_episodes(1)[0].action)
    kept = drifting(recipe.encoder.latent, model.action_mean.numel())
    learn_levels(model, kept, learning())
    return model, kept


def test_one_macro_action_leads_where_its_steps_lead(learned):
    model, kept = learned
    windows = kept.take(torch.arange(100))
    latents, clock = windows.observations["latents"], model.slow_clock
    with torch.no_grad():
        macros = clock.macro(model.normalised(windows.actions).unflatten(1, (2, 4)))
        seen = clock.rollout(latents[:, 0], macros[:, None])[:, 0]
        idle = clock.rollout(latents[:, 0], macros.roll(1, 0)[:, None])[:, 0]
    error = (seen - latents[:, 4::4])[..., :2].abs().mean()
    other = (idle - latents[:, 4::4])[..., :2].abs().mean()
    assert error < 0.5 * other  # other macro-actions lead elsewhere


def test_the_range_searched_is_what_was_done(learned):
    model, kept = learned
    clock = model.slow_clock
    with torch.no_grad():
        macros = clock.macro(model.normalised(kept.take(torch.arange(200)).actions[:, :4]))
    inside = ((macros >= clock.low) & (macros <= clock.high)).float().mean()
    assert 0.95 < inside <= 1
    assert (clock.high - clock.low > 0.01).all()


def test_what_does_not_fit_is_refused(learned):
    model, kept = learned
    with pytest.raises(BadInput, match="stride=9"):
        learn_levels(model, kept, learning(stride=9))
    with pytest.raises(ShapeError, match="4 model steps"):
        model.slow_clock.macro(torch.zeros(2, 3, 2))
    with pytest.raises(BadInput, match="stride=1"):
        LevelsConfig(stride=1)
    with pytest.raises(BadInput, match="need `reach`"):
        Recipe(name="no reach", levels=LevelsConfig())


def test_a_file_carries_it_and_its_agent_plans_in_levels(tmp_path):
    recipe = replace(
        dot_recipe(steps=1), reach=ReachConfig(hidden=8, farthest=4, components=0), levels=learning(), window=7
    )
    whole = build(recipe, dot_episodes(1)[0].action)
    whole.step_change.fill_(1.0)
    episode = dot_episodes(1)[0]
    save(tmp_path / "dot.safetensors", whole, recipe, episode.specs, {})
    loaded = load(tmp_path / "dot.safetensors")
    assert isinstance(loaded.model.slow_clock, SlowClock)
    assert loaded.recipe.levels == recipe.levels
    agent = loaded.agent(levels=UpperSearchConfig(horizon=2, direct=0.0))
    assert isinstance(agent.levels, Levels)
    seen = {"pixels": torch.from_numpy(episode.streams["pixels"][:1].copy())}
    far = {"pixels": torch.from_numpy(episode.streams["pixels"][-1:].copy())}
    agent.begin(far)
    agent.act(seen)
    assert agent.task is not None
    assert agent.task.legs is not None
    assert agent.task.legs.target.tolist() == [0]

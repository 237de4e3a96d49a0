"""What lies within reach is learned from recordings: near is near, far is far, strangers are farthest, and files carry it."""

from dataclasses import replace

import pytest
import torch

from gedanken.data.kept import KeptLatents
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory, LandmarkGraph
from gedanken.models import ReachHead
from gedanken.recipes import Recipe, build, load, save
from gedanken.recipes.reachability import ReachConfig, learn_reach
from gedanken.training import TrainConfig
from moving_dot import dot_episodes, dot_recipe

LINE = 60


def learning(steps: int = 250, farthest: int = 6) -> ReachConfig:
    train = TrainConfig(steps=steps, batch=128, learning_rate=1e-2, dtype="float32", device="cpu", log_every=50)
    return ReachConfig(hidden=32, farthest=farthest, components=0, train=train)


def on_a_line(latent: int, episodes: int = 120, length: int = 8) -> KeptLatents:
    """Walks up and down a line of places, one a step; a place's latent has waves of its number, not the number itself."""
    draw = torch.Generator().manual_seed(0)
    starts = torch.randint(length, LINE - length, (episodes,), generator=draw)
    ways = torch.where(torch.rand(episodes, generator=draw) < 0.5, 1, -1)
    walks = [places(start + way * torch.arange(length), latent) for start, way in zip(starts, ways, strict=True)]
    return KeptLatents(walks, [torch.zeros(length - 1, 2) for _ in walks], length)


def places(numbers: torch.Tensor, latent: int) -> torch.Tensor:
    phase = numbers[:, None].float() * torch.linspace(0.05, 0.3, latent)
    return torch.cat([phase.sin()[:, ::2], phase.cos()[:, 1::2]], dim=1)[:, None]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    recipe = dot_recipe(steps=1)
    made = build(recipe, dot_episodes(1)[0].action)
    learn_reach(made, on_a_line(recipe.encoder.latent), learning())
    return made


def test_steps_grow_with_what_lies_between(model):
    latent = model.reach_head.from_latent.in_features
    at, others = places(torch.tensor([30]), latent), places(30 + torch.arange(12), latent)
    steps = model.reach_head.steps(at, others)[0]
    assert steps.shape == (12,)
    assert steps[0] < steps[2] < steps[4] < steps[8]
    assert steps[1] < 3.5
    assert steps[10] > 5.5
    assert ((steps >= 1) & (steps <= 6)).all()
    every = model.reach_head.steps(others, others)
    assert every.diagonal().max() < every[0, 8]


def test_windows_must_show_what_is_asked(model):
    with pytest.raises(BadInput, match="farthest=9"):
        learn_reach(model, on_a_line(4), learning(farthest=9))
    with pytest.raises(BadInput, match="farthest=1"):
        ReachConfig(farthest=1)
    with pytest.raises(BadInput, match="too short"):
        Recipe(name="short", window=9, reach=ReachConfig(farthest=9))


def test_a_file_carries_it_and_its_agent_goes_by_landmarks(model, tmp_path):
    recipe = replace(dot_recipe(steps=1), reach=learning(), window=7)
    episode = dot_episodes(1)[0]
    model.step_change.fill_(1.0)
    save(tmp_path / "dot.safetensors", model, recipe, episode.specs, {})
    loaded = load(tmp_path / "dot.safetensors")
    assert isinstance(loaded.model.reach_head, ReachHead)
    assert loaded.recipe.reach == recipe.reach
    agent = loaded.agent(memory=tmp_path / "dot.db")
    assert isinstance(agent.landmarks, LandmarkGraph)
    assert loaded.agent().landmarks is None
    seen = {"pixels": torch.from_numpy(episode.streams["pixels"][:1].copy())}
    agent.begin(seen)
    agent.act(seen)
    agent.memory.close()
    with EpisodicMemory.reader(tmp_path / "dot.db") as memory:
        assert len(memory) == 1
        assert memory.database.number("SELECT count(*) FROM landmarks") == 1

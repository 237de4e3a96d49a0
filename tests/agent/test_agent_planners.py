"""The agent with each planner that ships, and with one that does not, in the world of the moving dot with a learned model."""

from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import Literal

import pytest
import torch
from torch import Tensor

from gedanken.agent import Agent, AgentConfig, Thresholds, configure
from gedanken.energies import GoalEnergy
from gedanken.models import JEPA, GRUPredictorConfig
from gedanken.planners import PLANNERS, PlannerConfig, RandomShootingConfig, random_shooting, registry
from gedanken.recipes import build, fit
from moving_dot import ACTION, REACH, dot_episodes, dot_recipe, drawn, walked

STARTS = torch.tensor([[3.0, 3.0], [12.0, 3.0], [4.0, 11.0], [7.0, 8.0]])
GOALS = torch.tensor([[11.0, 10.0], [4.0, 8.0], [12.0, 5.0], [2.0, 12.0]])


@pytest.fixture(scope="module")
def dots() -> JEPA:
    """A model that knows where the dot is, to a pixel or so."""
    model = fit(dot_episodes(60), dot_recipe(steps=200)).model
    model.zero_grad()
    return model


def driven(model: JEPA, search: PlannerConfig, steps: int) -> Tensor:
    """How far `[B]` the dots are from their goals after `steps` decisions, each of at most 2 px along each axis."""
    config = AgentConfig(horizon=6, warm=search, cold=search)
    agent = Agent(model, GoalEnergy("sum"), configure(float(model.step_change))[1], config)
    agent.begin({"pixels": drawn(GOALS)})
    places = STARTS
    for _ in range(steps):
        decision = agent.act({"pixels": drawn(places)})
        assert decision.actions.abs().max() <= REACH
        places = walked(places, decision.actions[:, None])[:, -1]
    return (places - GOALS).norm(dim=-1)


@pytest.mark.parametrize("name", PLANNERS)
def test_dots_reach_their_goals_by_a_learned_model(name, dots):
    assert driven(dots, PLANNERS[name].config(), 0).min() > 5
    assert driven(dots, PLANNERS[name].config(), 9).max() < 2
    assert all(weight.grad is None for weight in dots.parameters())


@dataclass(frozen=True)
class TwiceConfig:
    kind: Literal["twice"] = "twice"
    candidates: int = 200


def twice(energy_of, start, config, *, generator):
    """Look once, then again around what was found."""
    each = RandomShootingConfig(candidates=config.candidates)
    first = random_shooting(energy_of, start, each, generator=generator)
    found = type(start)(first.actions, start.std / 2, start.low, start.high, start.norm)
    return random_shooting(energy_of, found, each, generator=generator)


theirs = (twice, TwiceConfig)


def test_a_planner_of_another_package_drives_too(monkeypatch, dots):
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("twice", f"{__name__}:theirs", group)])
    assert driven(dots, TwiceConfig(), 9).max() < 2


@pytest.mark.parametrize(("kept", "used"), [(1, 3), (5, 5)])
def test_a_model_with_a_memory_is_given_its_past(kept, used):
    recipe = replace(dot_recipe(), predictor=GRUPredictorConfig(hidden=8, past=3))
    torch.manual_seed(0)
    model = build(recipe, ACTION).eval()
    seen: list[int] = []
    rollout = model.rollout

    def noted(context, actions):
        seen.append(context.latents.shape[1])
        return rollout(context, actions)

    model.rollout = noted
    search = RandomShootingConfig(candidates=4)
    config = AgentConfig(horizon=2, warm=search, cold=search, past=kept)
    agent = Agent(model, GoalEnergy("sum"), Thresholds(0.0, float("inf")), config)
    agent.begin({"pixels": drawn(GOALS)})
    for step in range(7):
        agent.act({"pixels": drawn(STARTS)})
        assert seen[-1] == min(step + 1, used)

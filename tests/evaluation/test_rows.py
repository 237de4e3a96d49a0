"""Every row stands in the table, each measured on the pairs it says."""

from functools import partial

import torch

from gedanken.agent import AgentConfig
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.energies import TimeToGoal
from gedanken.environments import TwoRooms, episodes_of
from gedanken.evaluation import baseline_rows, fit_behaviour_cloning, row, rows, wilson
from gedanken.evaluation.planning import PlanningResult
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig
from gedanken.planners import MPPIConfig

SEARCH = AgentConfig(horizon=4, warm=MPPIConfig(candidates=32, rounds=2), cold=MPPIConfig(candidates=64, rounds=3))


def test_a_row_counts_its_successes():
    success = torch.arange(10) < 7
    result = PlanningResult(
        success, success | True, {}, torch.ones(2), torch.ones(2, 10).bool(), torch.zeros(2, 10).bool(), 0.5, 0.6, None
    )
    made = row("mine", result)
    assert (made.name, made.pairs, made.core_seconds) == ("mine", 10, 0.5)
    assert made.at_end == wilson(7, 10)
    assert made.ever == wilson(10, 10)


def test_all_baselines_and_oracles_are_there(monkeypatch):
    monkeypatch.setattr(rows, "fit_behaviour_cloning", partial(fit_behaviour_cloning, steps=5))
    world, generator = TwoRooms(), torch.Generator().manual_seed(0)
    start, goal = world.pairs(4, generator)
    goal["position"] = start["position"] + torch.tensor([0.0, 12.0]) * torch.sign(32 - start["position"][:, 1:])
    encoder = ConvEncoder(ConvEncoderConfig(width=4, latent=8))
    model = JEPA(encoder, ResidualMLP(ResidualMLPConfig(hidden=8), 8, 8), world.action, 4).requires_grad_(False)
    episodes = list(episodes_of(world, 3, 12, seed=0))
    settings = {"search": SEARCH, "env_steps": 16, "seen_pairs": 2}
    found = list(baseline_rows(world, (start, goal), model, TimeToGoal(0.1), episodes, **settings))
    by_name = {made.name: made for made in found}
    assert [made.name for made in found] == [
        "no-op",
        "random",
        "behaviour cloning",
        "true dynamics, geodesic energy",
        "true dynamics, model's energy",
        "true dynamics, Euclidean energy",
    ]
    assert [made.pairs for made in found] == [4, 4, 4, 4, 2, 4]
    assert by_name["no-op"].at_end.mean == 0
    for energy in ("geodesic", "Euclidean"):  # with no wall in between, the straight line is the way
        assert by_name[f"true dynamics, {energy} energy"].at_end.mean == 1
    assert by_name["true dynamics, geodesic energy"].core_seconds > by_name["no-op"].core_seconds

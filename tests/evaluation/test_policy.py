"""Who sees what: pixels for everyone, the true state for an oracle that says so, and never both."""

import pytest
import torch

from gedanken.agent import Agent, Thresholds
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.energies import TimeToGoal
from gedanken.environments import TwoRooms
from gedanken.errors import ShapeError
from gedanken.evaluation import Choice, Privileged, TrueDynamics, TrueTimeToGoal, evaluate_planning
from gedanken.evaluation.oracle import STREAM
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig


class Spy:
    """Stands still, and remembers all it was shown."""

    def __init__(self):
        self.shown = []

    def begin(self, goal):
        self.shown.append(goal)

    def act(self, observation):
        self.shown.append(observation)
        return Choice(torch.zeros(len(next(iter(observation.values()))), 8))


@pytest.fixture
def world():
    return TwoRooms()


@pytest.fixture
def pairs(world):
    return world.pairs(2, torch.Generator().manual_seed(0))


def test_a_policy_is_shown_pixels_and_nothing_else(world, pairs):
    spy = Spy()
    evaluate_planning(world, spy, pairs, 8)
    assert len(spy.shown) == 3
    assert all(set(shown) == {"pixels"} for shown in spy.shown)
    assert torch.equal(spy.shown[0]["pixels"], world.observe(pairs[1])["pixels"])


def test_an_oracle_is_shown_the_true_state_and_no_pixels(world, pairs):
    spy, dynamics = Spy(), TrueDynamics(world)
    evaluate_planning(world, Privileged(spy, dynamics.view), pairs, 8)
    assert all(set(shown) == {STREAM} for shown in spy.shown)
    assert torch.equal(spy.shown[0][STREAM], dynamics.vector.pack(pairs[1]))
    assert torch.equal(spy.shown[1][STREAM], dynamics.vector.pack(pairs[0]))


def test_an_agent_with_true_dynamics_sees_nothing_unless_it_is_wrapped(world, pairs):
    dynamics = TrueDynamics(world)
    agent = Agent(dynamics, TrueTimeToGoal(dynamics), Thresholds(1.0, 1.0))
    with pytest.raises(ShapeError, match="Privileged"):
        evaluate_planning(world, agent, pairs, 4)


def test_a_learned_model_cannot_use_the_oracles_view(world, pairs):
    encoder = ConvEncoder(ConvEncoderConfig(width=4, latent=8))
    model = JEPA(encoder, ResidualMLP(ResidualMLPConfig(hidden=8), 8, 8), world.action, 4)
    agent = Agent(model, TimeToGoal(1.0), Thresholds(0.1, 1.0))
    with pytest.raises(ShapeError, match="pixels"):
        evaluate_planning(world, Privileged(agent, TrueDynamics(world).view), pairs, 4)

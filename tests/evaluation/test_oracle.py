"""True dynamics are the world's own, reach every goal with an energy that knows the way, and see as the model sees."""

import pytest
import torch

from gedanken.agent import AgentConfig
from gedanken.contracts import check_energy, check_world_model
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.energies import GoalEnergy
from gedanken.environments import TwoRooms, random_policy
from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation import SeenEnergy, TrueDynamics, TrueTimeToGoal, evaluate_planning, oracle
from gedanken.evaluation.oracle import STREAM
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig
from gedanken.planners import MPPIConfig
from gedanken.types import Context, Goal, Rollout

SEARCH = AgentConfig(horizon=8, warm=MPPIConfig(candidates=64, rounds=2), cold=MPPIConfig(candidates=128, rounds=4))


@pytest.fixture
def world():
    return TwoRooms("random")


@pytest.fixture
def model(world):
    encoder = ConvEncoder(ConvEncoderConfig(width=4, latent=8))
    model = JEPA(encoder, ResidualMLP(ResidualMLPConfig(hidden=8), 8, 8), world.action, 4)
    model.set_statistics({"pixel_mean": torch.full((3,), 50.0), "pixel_std": torch.full((3,), 5.0)})
    return model.requires_grad_(False)


def at(dynamics, *positions, wall_x=32.0, door_y=18.0):
    """Latents `[B, P, S]` of dots at these places."""
    state = {
        "position": torch.tensor(positions),
        "wall_x": torch.full((len(positions),), wall_x),
        "door_y": torch.full((len(positions),), door_y),
    }
    return dynamics.vector.pack(state)[:, None]


def test_the_rollout_is_the_world_itself(world):
    generator = torch.Generator().manual_seed(0)
    state, dynamics = world.sample(5, generator), TrueDynamics(world)
    latents = dynamics.encode({STREAM: dynamics.view(state)[STREAM][:, None]})
    check_world_model(dynamics, {STREAM: dynamics.view(state)[STREAM][:, None]})
    actions = torch.stack([random_policy(world, 5, 12, generator).reshape(5, 3, 8) for _ in range(2)], dim=1)
    rollout = dynamics.rollout(Context(latents, torch.zeros(5, 0, 8)), actions)
    for candidate in range(2):
        now = state
        for step, action in enumerate(actions[:, candidate].reshape(5, 12, 2).unbind(1)):
            now = world.step(now, action)
            if step % 4 == 3:
                assert torch.equal(rollout.latents[:, candidate, step // 4, 0], dynamics.vector.pack(now))
    with pytest.raises(ShapeError, match="A=8"):
        dynamics.rollout(Context(latents, torch.zeros(5, 0, 8)), actions[..., :6])


def test_the_way_round_is_known_to_one_energy_and_not_to_the_other(world):
    dynamics = TrueDynamics(world)
    goal = Goal(at(dynamics, (40.0, 50.0)))
    behind_the_wall, at_the_door = at(dynamics, (28.0, 50.0))[:, 0], at(dynamics, (28.0, 18.0))[:, 0]
    candidates = torch.stack([behind_the_wall, at_the_door], dim=1)[:, :, None, None].expand(-1, -1, 3, -1, -1)
    actions = torch.zeros(1, 2, 3, 8)
    for way, better in (("geodesic", 1), ("straight", 0)):
        energy = TrueTimeToGoal(dynamics, way)
        check_energy(energy, Rollout(candidates), goal, actions)
        assert energy(Rollout(candidates), goal, actions).argmin(dim=1).item() == better


def test_the_energy_counts_steps_outside_the_neighbourhood_and_px_at_the_end(world):
    dynamics = TrueDynamics(world)
    goal = Goal(at(dynamics, (40.0, 50.0)))
    away = at(dynamics, (40.0, 20.0), (40.0, 44.0), (40.0, 50.0))[:, 0]
    energy = TrueTimeToGoal(dynamics, near=6.0, terminal=2.0)
    value = energy(Rollout(away[None, None, :, None]), goal, torch.zeros(1, 1, 3, 8))
    assert value.item() == pytest.approx(1 + (1 - torch.e**-1), abs=1e-5)
    value = energy(Rollout(away[None, None, :2, None]), goal, torch.zeros(1, 1, 2, 8))
    assert value.item() == pytest.approx(1 + (1 - torch.e**-1) + 2 * 6.0, abs=1e-4)


def test_true_dynamics_with_the_true_way_lead_round_the_wall(world):
    start, goal = world.pairs(4, torch.Generator().manual_seed(0))
    rows = start["door_y"] + torch.tensor([10.0, 12.0, 14.0, 16.0]) * torch.sign(32 - start["door_y"])
    start["position"] = torch.stack([start["wall_x"] - 4, rows], dim=1)
    goal["position"] = torch.stack([start["wall_x"] + 4, rows], dim=1)
    dynamics = TrueDynamics(world)
    result = evaluate_planning(world, oracle(dynamics, TrueTimeToGoal(dynamics), SEARCH), (start, goal), 64)
    assert result.success.all()
    assert result.planned[-1].logical_not().all()  # all of them hold still at the end


def test_a_seen_energy_is_the_models_energy_of_the_pictures(world, model):
    dynamics = TrueDynamics(world)
    states = [world.sample(6, torch.Generator().manual_seed(seed)) for seed in range(2)]
    goal = Goal(dynamics.vector.pack(world.sample(2, torch.Generator().manual_seed(9)))[:, None])
    energy = SeenEnergy(dynamics, model, GoalEnergy(), grain=1e-3)
    for state in (*states, states[0]):  # the third time from memory
        latents = dynamics.vector.pack(state).view(2, 3, 1, 1, -1)
        pictures = model.encode({"pixels": world.observe(state)["pixels"][:, None]}).view(2, 3, 1, 1, -1)
        aims = world.observe({**world.sample(2, torch.Generator().manual_seed(9))})["pixels"][:, None]
        actions = torch.zeros(2, 3, 1, 8)
        expected = GoalEnergy()(Rollout(pictures), Goal(model.encode({"pixels": aims})[:, 0]), actions)
        found = energy(Rollout(latents), goal, actions)
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-2)
        assert expected.std() > 0.01  # or any constant would pass


def test_a_seen_energy_encodes_each_lattice_point_once_and_may_forget(world, model):
    dynamics, encoded = TrueDynamics(world), []

    class Counting:
        frame_skip, action, rollout = 4, world.action, model.rollout

        def encode(self, observations):
            encoded.append(len(observations["pixels"]))
            return model.encode(observations)

    goal, actions = Goal(at(dynamics, (40.0, 50.0))), torch.zeros(1, 4, 1, 8)
    near = at(dynamics, (20.1, 30.0), (19.9, 30.1), (25.0, 30.0), (20.0, 29.9)).view(1, 4, 1, 1, -1)
    far = at(dynamics, (10.0, 30.0), (11.0, 30.0), (12.0, 30.0), (13.0, 30.0)).view(1, 4, 1, 1, -1)
    energy = SeenEnergy(dynamics, Counting(), GoalEnergy(), grain=0.5)
    first = energy(Rollout(near), goal, actions)
    assert encoded == [2, 1]  # two lattice points, and the goal
    assert torch.equal(energy(Rollout(near), goal, actions), first)
    assert encoded == [2, 1, 1]
    energy.kept = 1
    energy(Rollout(far), goal, actions)
    assert encoded == [2, 1, 1, 4, 1]
    assert torch.equal(energy(Rollout(near), goal, actions), first)


def test_settings_that_make_no_sense_are_refused(world, model):
    dynamics = TrueDynamics(world)
    for wrong in (
        lambda: TrueDynamics(world, 0),
        lambda: TrueTimeToGoal(dynamics, near=0.0),
        lambda: TrueTimeToGoal(dynamics, terminal=-1.0),
        lambda: SeenEnergy(dynamics, model, GoalEnergy(), grain=0.0),
        lambda: SeenEnergy(dynamics, model, GoalEnergy(), kept=0),
    ):
        with pytest.raises(BadInput):
            wrong()

from copy import copy

import pytest
import torch

from gedanken.contracts import check_energy
from gedanken.energies.goal import GoalEnergy, TimeToGoal, calibrate_scale, squared_distance
from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import Goal, Rollout

TIMES = [TimeToGoal(0.5), TimeToGoal(0.5, absorbing=False)]
ENERGIES = [GoalEnergy(), GoalEnergy("last"), GoalEnergy(root=True, terminal=4.0), *TIMES]
every_energy = pytest.mark.parametrize("energy", ENERGIES, ids=repr)


def imagined(actions, start):
    """A world whose latent is the sum of the actions, one patch: `[B, N, H, A]` → rollout with D = A."""
    return Rollout((start[:, None, None] + actions.cumsum(dim=2))[..., None, :])


def test_squared_distance_is_the_mean_over_patches_and_width():
    latents = torch.randn(2, 3, 4, 5, 6)
    goal = torch.randn(2, 5, 6)
    distance = squared_distance(Rollout(latents), Goal(goal))
    assert distance.shape == (2, 3, 4)
    by_hand = sum((latents[1, 2, 3, p, d] - goal[1, p, d]) ** 2 for p in range(5) for d in range(6)) / 30
    torch.testing.assert_close(distance[1, 2, 3], by_hand)


def test_distances_are_float32_even_where_latents_are_not():
    latents = torch.randn(1, 2, 3, 1, 4).bfloat16()
    distance = squared_distance(Rollout(latents), Goal(latents[:, 0, 0]))
    assert distance.dtype == torch.float32
    assert distance[0, 0, 0] == 0


@pytest.mark.parametrize("shape", [(2, 1, 7), (2, 3, 8), (1, 1, 8), (2, 8)])
def test_a_goal_of_another_encoder_is_refused(shape):
    goal = copy(Goal(torch.zeros(2, 1, 8)))
    object.__setattr__(goal, "latents", torch.zeros(shape))  # past the shape checks that only the tests have
    with pytest.raises(ShapeError, match="Encode the goal with the encoder"):
        squared_distance(Rollout(torch.zeros(2, 3, 4, 1, 8)), goal)


def test_goal_energy_sums_or_reads_the_last_step():
    rollout = Rollout(torch.tensor([1.0, 2.0, 4.0]).reshape(1, 1, 3, 1, 1))
    goal, actions = Goal(torch.zeros(1, 1, 1)), torch.zeros(1, 1, 3, 1)
    assert GoalEnergy("sum")(rollout, goal, actions).item() == 1 + 4 + 16
    assert GoalEnergy("last")(rollout, goal, actions).item() == 16
    assert GoalEnergy("sum", root=True)(rollout, goal, actions).item() == pytest.approx(1 + 2 + 4)
    assert GoalEnergy("sum", terminal=2.0)(rollout, goal, actions).item() == 1 + 4 + 3 * 16
    assert GoalEnergy("last", root=True, terminal=2.0)(rollout, goal, actions).item() == pytest.approx(3 * 4)


def test_time_to_goal_is_its_formula():
    rollout = Rollout(torch.tensor([1.0, 0.5, 0.2]).reshape(1, 1, 3, 1, 1))
    goal, actions = Goal(torch.zeros(1, 1, 1)), torch.zeros(1, 1, 3, 1)
    squares = torch.tensor([1.0, 0.25, 0.04])
    expected = (1 - torch.exp(-squares / 0.3)).sum() + 7 * 0.2
    torch.testing.assert_close(TimeToGoal(0.3, terminal=7.0)(rollout, goal, actions)[0, 0], expected)


def test_a_goal_once_reached_is_reached_for_good():
    drifting = Rollout(torch.tensor([1.0, 0.2, 0.5, 2.0]).reshape(1, 1, 4, 1, 1))
    staying = Rollout(torch.tensor([1.0, 0.2, 0.2, 0.2]).reshape(1, 1, 4, 1, 1))
    goal, actions = Goal(torch.zeros(1, 1, 1)), torch.zeros(1, 1, 4, 1)
    assert TimeToGoal(0.3)(drifting, goal, actions) == TimeToGoal(0.3)(staying, goal, actions)
    strict = TimeToGoal(0.3, absorbing=False)
    assert strict(drifting, goal, actions) > strict(staying, goal, actions) + 30


def test_time_to_goal_counts_steps_far_from_the_goal_whatever_the_distance():
    far, farther = (Rollout(torch.full((1, 1, 10, 1, 1), x)) for x in (3.0, 30.0))
    goal, actions = Goal(torch.zeros(1, 1, 1)), torch.zeros(1, 1, 10, 1)
    energy = TimeToGoal(0.1, terminal=0.0)
    assert energy(far, goal, actions).item() == pytest.approx(10)
    assert energy(farther, goal, actions).item() == pytest.approx(10)


def test_waiting_behind_a_wall_is_cheapest_in_summed_distance_and_not_in_time_to_goal():
    # Goal 6 px behind a wall whose door is 35 px away, 7.2 px a step, 16 steps: up to the door, through, and back.
    waiting = torch.tensor([0.0, -6.0]).expand(16, 2)
    way = torch.arange(1, 17) * 7.2
    along = torch.where(way < 35, way, torch.where(way < 41, torch.tensor(35.0), (76 - way).clamp_min(0)))
    across = (way - 41).clamp(-6, 0)
    detour = torch.stack([along, across], dim=-1)
    assert torch.allclose(detour[-1], torch.zeros(2))
    # A latent whose squared distance is 0.028 at 4.5 px, as measured on a trained model.
    rollout = Rollout((torch.stack([waiting, detour]) * (0.028 * 2) ** 0.5 / 4.5)[None, :, :, None])
    goal, actions = Goal(torch.zeros(1, 1, 2)), torch.zeros(1, 2, 16, 2)
    wait, go = GoalEnergy("sum")(rollout, goal, actions)[0]
    assert wait < 0.5 * go
    wait, go = TimeToGoal(0.03)(rollout, goal, actions)[0]
    assert go < wait


def test_time_to_goal_prefers_the_plan_that_arrives_first():
    position = torch.tensor([[3.0, 2.0, 1.0, 0.0, 0.0], [4.0, 3.0, 2.0, 1.0, 0.0]])
    rollout = Rollout(position.reshape(1, 2, 5, 1, 1))
    early, late = TimeToGoal(0.5)(rollout, Goal(torch.zeros(1, 1, 1)), torch.zeros(1, 2, 5, 1))[0]
    assert early < late - 0.5


@every_energy
def test_energies_keep_the_contract(energy):
    actions = torch.randn(2, 3, 4, 2)
    rollout = imagined(actions, torch.zeros(2, 2))
    check_energy(energy, rollout, Goal(torch.randn(2, 1, 2)), actions)


@every_energy
def test_gradients_agree_with_finite_differences(energy):
    goal = Goal(torch.tensor([[[1.0, -0.5]]]))
    start = torch.tensor([[0.2, 0.1]])

    def energy_of(actions):
        return energy(imagined(actions, start), goal, actions)

    actions = (0.3 * torch.randn(1, 1, 4, 2)).requires_grad_()
    (gradient,) = torch.autograd.grad(energy_of(actions).sum(), actions)
    step = 1e-2
    with torch.no_grad():
        nudges = step * torch.eye(8).reshape(8, 4, 2)
        up, down = (energy_of(actions[0] + sign * nudges[None])[0] for sign in (1, -1))
    torch.testing.assert_close(gradient.flatten(), (up - down) / (2 * step), atol=5e-3, rtol=1e-2)


@every_energy
def test_descending_the_gradient_reaches_the_goal(energy):
    goal = Goal(torch.tensor([[[0.8, -0.4]]]))
    actions = torch.zeros(1, 1, 4, 2, requires_grad=True)
    optimiser = torch.optim.Adam([actions], lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        energy(imagined(actions, torch.zeros(1, 2)), goal, actions).sum().backward()
        optimiser.step()
    left = (actions.cumsum(dim=2)[0, 0] - goal.latents[0, 0]).norm(dim=1)
    staying = getattr(energy, "absorbing", False) is False
    assert (left[-1] if staying else left.min()) < 0.05


@every_energy
def test_the_gradient_is_finite_at_the_goal_itself(energy):
    actions = torch.zeros(1, 1, 3, 2, requires_grad=True)
    energy(imagined(actions, torch.zeros(1, 2)), Goal(torch.zeros(1, 1, 2)), actions).sum().backward()
    assert torch.isfinite(actions.grad).all()


def test_the_scale_is_twice_the_median_change():
    # Changes of size 1, 2, 3 in each of two patches: mean squares 1, 4, 9.
    latents = torch.tensor([0.0, 1.0, 3.0, 6.0]).reshape(1, 4, 1, 1).expand(1, 4, 2, 5)
    assert calibrate_scale(latents) == pytest.approx(8.0)
    assert calibrate_scale(3 * latents) == pytest.approx(9 * 8.0)


@pytest.mark.parametrize(
    ("latents", "error", "words"),
    [
        (torch.zeros(2, 1, 1, 4), ShapeError, "at least 2 frames"),
        (torch.full((2, 3, 1, 4), torch.nan), NonFinite, "NaN"),
        (torch.ones(2, 3, 1, 4), BadInput, "collapsed"),
    ],
)
def test_latents_without_a_scale_are_refused(latents, error, words):
    with pytest.raises(error, match=words):
        calibrate_scale(latents)


@pytest.mark.parametrize("settings", [{"scale": 0.0}, {"scale": float("nan")}, {"scale": 1.0, "terminal": -1.0}])
def test_an_energy_that_makes_no_sense_is_refused(settings):
    with pytest.raises(BadInput, match=list(settings)[-1]):
        TimeToGoal(**settings)


def test_other_weights_are_refused():
    energy = GoalEnergy()
    object.__setattr__(energy, "weights", "mean")  # past the type checks that only the tests have
    with pytest.raises(BadInput, match="weights='mean'; expected 'sum'"):
        energy.__post_init__()

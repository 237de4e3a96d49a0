import numpy as np
import pytest
import torch

from gedanken.energies import GoalEnergy
from gedanken.errors import BadInput, NonFinite
from gedanken.evaluation.landscape import action_landscape
from gedanken.types import ActionSpec, Context, Goal, Rollout


class Drift:
    """A world known exactly: each environment action moves the latent by itself."""

    frame_skip = 2

    def __init__(self, norm: float | None = None, width: int = 2) -> None:
        self.action = ActionSpec(width, (-2.0,) * width, (2.0,) * width, norm=norm, unit="px/step")

    def encode(self, observations):
        raise NotImplementedError

    def rollout(self, context, actions) -> Rollout:
        moved = actions.unflatten(-1, (self.frame_skip, self.action.width)).sum(dim=-2).cumsum(dim=2)
        return Rollout(context.latents[:, -1:, None] + moved[:, :, :, None])


def problem(goal: list[float], count: int = 1) -> tuple[Context, Goal]:
    latents = torch.zeros(count, 1, 1, len(goal))
    return Context(latents, torch.zeros(count, 0, 2 * len(goal))), Goal(torch.tensor(goal).expand(count, 1, -1))


def test_the_minimum_is_the_action_that_leads_to_the_goal():
    # 3 model steps of 2 environment steps each: six times the action, so (1, -0.5) leads there; the tail stands still.
    context, goal = problem([6.0, -3.0])
    seen = action_landscape(Drift(), GoalEnergy("last"), context, goal, hold=3, horizon=5, points=17, true=[1.0, -0.5])
    assert seen.minimum == (1.0, -0.5)
    assert seen.true == (1.0, -0.5)
    assert seen.energy.shape == (17, 17)
    assert np.unravel_index(seen.energy.argmin(), seen.energy.shape) == (6, 12)
    column, row = 3, 14
    away = np.array([6 * seen.x[column] - 6.0, 6 * seen.y[row] + 3.0])
    assert seen.energy[row, column] == pytest.approx((away**2).mean(), rel=1e-5)
    assert (seen.x[0], seen.x[-1], seen.unit) == (-2.0, 2.0, "px/step")


def test_actions_beyond_the_norm_are_left_out():
    context, goal = problem([100.0, 100.0])
    seen = action_landscape(Drift(norm=2.0), GoalEnergy("last"), context, goal, points=21)
    outside = np.hypot(*np.meshgrid(seen.x, seen.y)) > 2.001
    assert np.array_equal(np.isnan(seen.energy), outside)
    assert np.hypot(*seen.minimum) <= 2.001
    assert min(seen.minimum) > 1


def test_two_numbers_of_a_wider_action_are_varied_and_the_others_rest():
    context, goal = problem([50.0, 2.0, -2.0])
    seen = action_landscape(
        Drift(width=3), GoalEnergy("last"), context, goal, hold=1, points=9, true=[0, 1, -1], axes=(1, 2)
    )
    assert seen.minimum == (1.0, -1.0) == seen.true
    assert np.nanmin(seen.energy) == pytest.approx(2500 / 3)


def test_what_makes_no_landscape_is_refused():
    def never(rollout, goal, actions):
        return rollout.latents.sum(dim=(2, 3, 4)) * torch.nan

    context, goal = problem([1.0, 1.0])
    with pytest.raises(NonFinite, match="not finite"):
        action_landscape(Drift(), never, context, goal)
    with pytest.raises(BadInput, match="one problem"):
        action_landscape(Drift(), GoalEnergy(), *problem([1.0, 1.0], count=2))
    with pytest.raises(BadInput, match="hold=4"):
        action_landscape(Drift(), GoalEnergy(), context, goal, horizon=2)
    with pytest.raises(BadInput, match="width 1"):
        action_landscape(Drift(width=1), GoalEnergy(), *problem([1.0]))

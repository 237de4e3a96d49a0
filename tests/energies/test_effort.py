import pytest
import torch

from gedanken.contracts import check_energy
from gedanken.energies.effort import Effort
from gedanken.errors import BadInput, ShapeError
from gedanken.types import Goal, Rollout

ROLLOUT, GOAL = Rollout(torch.zeros(1, 2, 3, 1, 4)), Goal(torch.zeros(1, 1, 4))


def test_effort_is_one_for_actions_as_large_as_their_scale_and_four_at_twice():
    actions = torch.stack([torch.full((3, 2), 1.8), torch.full((3, 2), -3.6)])[None]
    torch.testing.assert_close(Effort(1.8)(ROLLOUT, GOAL, actions), torch.tensor([[1.0, 4.0]]))


def test_each_number_has_its_own_scale_in_every_environment_step_of_a_block():
    actions = torch.tensor([2.0, 10.0, 4.0, 0.0]).expand(1, 2, 3, 4)
    torch.testing.assert_close(Effort((2.0, 10.0))(ROLLOUT, GOAL, actions)[0, 0], torch.tensor((1 + 1 + 4 + 0) / 4))


def test_effort_keeps_the_contract_and_its_gradient_leads_to_rest():
    actions = torch.randn(1, 2, 3, 2, requires_grad=True)
    energy = Effort((1.0, 2.0))
    check_energy(energy, ROLLOUT, GOAL, actions)
    energy(ROLLOUT, GOAL, actions).sum().backward()
    torch.testing.assert_close(actions.grad, 2 * actions.detach() / torch.tensor([1.0, 4.0]) / 6)


def test_actions_that_no_scale_fits_are_refused():
    with pytest.raises(ShapeError, match="multiple of the 2 scales"):
        Effort((1.0, 2.0))(ROLLOUT, GOAL, torch.zeros(1, 2, 3, 3))


@pytest.mark.parametrize("scale", [0.0, -1.0, (1.0, float("inf")), ()])
def test_a_scale_that_is_no_size_is_refused(scale):
    with pytest.raises(BadInput, match="positive numbers"):
        Effort(scale)

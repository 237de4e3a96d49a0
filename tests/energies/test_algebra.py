import pytest
import torch

from gedanken.contracts import check_energy
from gedanken.energies.algebra import weighted
from gedanken.energies.effort import Effort
from gedanken.energies.goal import GoalEnergy, TimeToGoal
from gedanken.errors import BadInput
from gedanken.types import Goal, Rollout


def constant(rollout, goal, actions):
    return torch.full(actions.shape[:2], 7.0)


def test_a_weighted_sum_is_the_sum_of_weighted_energies_and_again_an_energy():
    rollout, goal = Rollout(torch.randn(2, 3, 4, 1, 5)), Goal(torch.randn(2, 1, 5))
    actions = torch.randn(2, 3, 4, 2, requires_grad=True)
    terms = TimeToGoal(0.5), Effort(2.0)
    energy = weighted((1.5, terms[0]), (-0.25, terms[1]))
    first, second = (term(rollout, goal, actions) for term in terms)
    torch.testing.assert_close(energy(rollout, goal, actions), 1.5 * first - 0.25 * second)
    check_energy(energy, rollout, goal, actions)
    nested = weighted((2.0, energy), (1.0, constant))
    torch.testing.assert_close(nested(rollout, goal, actions), 3 * first - 0.5 * second + 7)
    assert nested(rollout, goal, actions).requires_grad


def test_a_sum_says_what_is_summed():
    energy = weighted((1.0, GoalEnergy("last")), (0.1, Effort(1.8)))
    assert repr(energy) == "1·GoalEnergy(weights='last', root=False, terminal=0.0) + 0.1·Effort(scale=1.8)"
    assert repr(weighted((2.0, energy), (1.0, constant))) == f"2·({energy!r}) + 1·constant"


def test_no_terms_and_weights_that_are_no_numbers_are_refused():
    with pytest.raises(BadInput, match="at least one"):
        weighted()
    with pytest.raises(BadInput, match=r"weight of Effort\(scale=1.0\) is nan"):
        weighted((float("nan"), Effort(1.0)))

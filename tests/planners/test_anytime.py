"""A search that is told when it is enough, in a world whose answer is known."""

import pytest
import torch
from torch import Generator

from gedanken.errors import NonFinite
from gedanken.planners import PLANNERS, MPPIConfig, anytime
from gedanken.types import Search

GOALS = torch.tensor([[3.0, -1.0], [-2.0, 0.5]])


def energy_of(actions):
    return (actions.sum(dim=2) - GOALS[:, None]).square().sum(dim=-1)


def start() -> Search:
    return Search(torch.zeros(2, 4, 2), torch.ones(2, 4, 2), low=-2.0, high=2.0, norm=2.0)


class After:
    """Says enough once it was asked so many times."""

    def __init__(self, rounds: float) -> None:
        self.rounds, self.asked = rounds, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked >= self.rounds


@pytest.mark.parametrize("name", sorted(PLANNERS))
def test_a_search_with_time_enough_is_the_planners_own(name):
    plan, config = PLANNERS[name]
    alone = plan(energy_of, start(), config=config(), generator=Generator().manual_seed(0))
    found, cut = anytime(energy_of, start(), config(), Generator().manual_seed(0), lambda: False)
    assert not cut
    assert torch.equal(found.actions, alone.actions)
    assert torch.equal(found.energy, alone.energy)


@pytest.mark.parametrize("name", sorted(set(PLANNERS) - {"random-shooting"}))
def test_a_search_that_is_cut_short_has_the_best_of_its_rounds(name):
    config = PLANNERS[name].config()
    energies = []
    for rounds in (1, 2, 3):
        enough = After(rounds)
        found, cut = anytime(energy_of, start(), config, Generator().manual_seed(0), enough)
        assert cut
        assert enough.asked == rounds == len(found.trace.best)
        torch.testing.assert_close(energy_of(found.actions[:, None])[:, 0], found.energy)
        assert (found.actions.norm(dim=-1) <= 2.0 + 1e-5).all()
        energies.append(found.energy)
    assert (energies[0] < energy_of(torch.zeros(2, 1, 4, 2))[:, 0]).all()
    assert (energies[1] <= energies[0]).all()
    assert (energies[2] <= energies[1]).all()


def test_energies_that_are_no_numbers_are_refused_in_the_last_round_too():
    with pytest.raises(NonFinite, match="round 1"):
        anytime(lambda actions: energy_of(actions) / 0, start(), MPPIConfig(), Generator(), lambda: True)

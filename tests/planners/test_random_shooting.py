import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting
from gedanken.types import Search


def test_the_best_of_all_that_were_drawn_is_returned():
    seen = []

    def energy_of(actions):
        seen.append(actions)
        return (actions - 1).square().sum(dim=(-2, -1))

    start = Search(torch.zeros(3, 4, 2), torch.ones(3, 4, 2), -2.0, 2.0)
    plan = random_shooting(energy_of, start, generator=Generator().manual_seed(0))
    (actions,) = seen
    assert actions.shape == (3, 1024, 4, 2)
    for problem in range(3):
        index = int(energy_of(actions)[problem].argmin())
        assert plan.actions[problem].equal(actions[problem, index])


@pytest.mark.parametrize("settings", [{"candidates": 0}, {"rho": 1.0}])
def test_a_config_that_cannot_work_is_refused(settings):
    with pytest.raises(BadInput, match=next(iter(settings))):
        RandomShootingConfig(**settings)

"""A problem draws the same numbers alone and in company."""

import pytest
import torch
from torch import Generator

from gedanken.planners import PLANNERS, RowGenerators, TreeConfig, tree_search
from gedanken.planners.draws import generators_of, normal, uniform
from gedanken.types import Search

GOALS = torch.tensor([[3.0, -1.0], [-2.0, 0.5], [1.0, 1.0]])


def energy_to(goals):
    return lambda actions: (actions.sum(dim=2) - goals[:, None]).square().sum(dim=-1)


def start(rows: int) -> Search:
    return Search(torch.zeros(rows, 4, 2), torch.ones(rows, 4, 2), low=-2.0, high=2.0, norm=2.0)


def seeded(*seeds: int) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("name", sorted(PLANNERS))
def test_each_row_is_planned_as_if_alone(name):
    plan, config = PLANNERS[name]
    together = plan(energy_to(GOALS), start(3), config=config(), generator=RowGenerators(seeded(1, 2, 3)))
    for row, generator in enumerate(seeded(1, 2, 3)):
        alone = plan(energy_to(GOALS[row : row + 1]), start(1), config=config(), generator=generator)
        torch.testing.assert_close(together.actions[row], alone.actions[0], rtol=0, atol=1e-4)


def test_a_tree_too():
    def step(latents, actions):
        return latents[:, :, None] + actions[..., None, :], None

    roots, config = torch.zeros(3, 1, 2), TreeConfig(rounds=4)
    goals = GOALS[:, None] * 2

    def of(rows, generator):
        return tree_search(
            energy_to(goals[rows, 0]),
            step,
            roots[rows],
            goals[rows],
            start(len(rows)),
            0.1,
            config,
            generator=generator,
        )

    together = of(range(3), RowGenerators(seeded(1, 2, 3)))
    for row, generator in enumerate(seeded(1, 2, 3)):
        torch.testing.assert_close(together.actions[row], of([row], generator).actions[0])


@pytest.mark.parametrize("draw", [normal, uniform])
def test_rows_lie_along_the_axis_that_is_named(draw):
    drawn = draw(5, 2, 3, rows=1, generator=RowGenerators(seeded(1, 2)))
    assert torch.equal(drawn[:, 1:], draw(5, 1, 3, rows=1, generator=seeded(2)[0]))
    assert drawn.shape == (5, 2, 3)


def test_chosen_rows_keep_their_generators():
    first, second, third = seeded(1, 2, 3)
    chosen = generators_of(torch.tensor([2, 0]), RowGenerators([first, second, third]))
    assert chosen.rows == (third, first)
    assert generators_of(torch.tensor([0]), second) is second
    none = generators_of(torch.tensor([], dtype=torch.long), RowGenerators([first]))
    assert normal(0, 4, rows=0, generator=none).shape == (0, 4)

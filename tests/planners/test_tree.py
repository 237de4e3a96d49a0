"""A tree of imagined places in a plane with a wall, where the way round is known."""

import pytest
import torch
from torch import Generator, Tensor

from gedanken.errors import BadInput
from gedanken.planners import MPPIConfig, TreeConfig, mppi, tree_search
from gedanken.types import Search

HORIZON = 14
ROOT, GOAL = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[2.0, 0.0]]])


def walled(before: Tensor, after: Tensor) -> Tensor:
    """A wall at x = 1 from y = -8 to y = 2 stops whoever would cross it; so the way from root to goal leads over its end."""
    share = ((1 - before[..., 0]) / (after[..., 0] - before[..., 0] + 1e-9)).clamp(0, 1)
    y = before[..., 1] + share * (after[..., 1] - before[..., 1])
    crossing = ((before[..., 0] - 1) * (after[..., 0] - 1) <= 0) & (y < 2) & (y > -8)
    return torch.where(crossing[..., None], before, after)


def imagine(latents: Tensor, actions: Tensor) -> Tensor:
    before = latents[:, :, None].expand(-1, -1, actions.shape[2], -1, -1)
    return walled(before, before + actions[..., None, :])


def energy_to(goal: Tensor):
    def away(place: Tensor) -> Tensor:
        return (place - goal[:, 0][:, None]).square().mean(dim=-1)

    def energy_of(actions: Tensor) -> Tensor:
        place, total = ROOT[:1, 0].expand(*actions.shape[:2], 2), torch.zeros(actions.shape[:2])
        for action in actions.unbind(dim=2):
            place = walled(place, place + action)
            total = total + 1 - torch.exp(-away(place) / 0.1)
        return total + 10 * away(place).sqrt()

    return energy_of


def start(batch: int = 1, norm: float | None = 0.7) -> Search:
    return Search(torch.zeros(batch, HORIZON, 2), torch.full((batch, HORIZON, 2), 0.4), -0.7, 0.7, norm)


def search(seed: int = 0, config: TreeConfig | None = None, goal: Tensor = GOAL, batch: int = 1, **changes):
    given = {"apart": 0.02, **changes}
    root = ROOT.expand(batch, -1, -1)
    return tree_search(
        energy_to(goal),
        imagine,
        root,
        goal,
        start(batch),
        given["apart"],
        config or TreeConfig(),
        generator=Generator().manual_seed(seed),
    )


def end(actions: Tensor) -> Tensor:
    place = ROOT[:, 0].expand(len(actions), 2)
    for action in actions.unbind(dim=1):
        place = walled(place, place + action)
    return place


def test_it_finds_the_way_round_where_samples_do_not():
    found = [search(seed) for seed in range(5)]
    reached = torch.stack([(end(plan.actions) - GOAL[0]).norm() for plan in found])
    assert (reached < 0.5).all()
    config = MPPIConfig(candidates=128, rounds=3)
    sampled = [mppi(energy_to(GOAL), start(), config, generator=Generator().manual_seed(seed)) for seed in range(5)]
    assert torch.stack([(end(plan.actions) - GOAL[0]).norm() for plan in sampled]).median() > 0.5


def test_its_energy_is_that_of_its_actions_and_no_worse_than_the_starts():
    plan = search()
    torch.testing.assert_close(energy_to(GOAL)(plan.actions[:, None])[:, 0], plan.energy)
    assert plan.energy < energy_to(GOAL)(start().mean[:, None])[0, 0]
    given = Search(plan.actions, start().std, -0.7, 0.7, 0.7)
    again = tree_search(
        energy_to(GOAL), imagine, ROOT, GOAL, given, 0.02, TreeConfig(width=1), generator=Generator().manual_seed(1)
    )
    assert again.energy <= plan.energy + 1e-5


def test_it_rests_where_its_way_ends_and_keeps_the_norm():
    plan = search(goal=torch.tensor([[[-1.0, 0.0]]]))
    moving = (plan.actions[0] != 0).any(dim=-1)
    steps = int(moving.sum())
    assert 0 < steps < 6
    assert moving[:steps].all()
    assert (plan.actions.norm(dim=-1) <= 0.7).all()


def test_each_row_goes_its_own_way_and_one_with_few_places_does_not_stop_the_other():
    goals = torch.tensor([[[2.0, 0.0]], [[-3.0, 1.0]]])

    def caged(latents: Tensor, actions: Tensor) -> Tensor:
        """The second row can reach nothing to the right of its root."""
        after = imagine(latents, actions)
        after[1, ..., 0] = after[1, ..., 0].clamp(max=0.0)
        return after

    plan = tree_search(
        energy_to(goals),
        caged,
        ROOT.expand(2, -1, -1),
        goals,
        start(2),
        0.02,
        TreeConfig(),
        generator=Generator().manual_seed(0),
    )
    assert ((end(plan.actions) - goals[:, 0]).norm(dim=-1) < 0.5).all()


def test_places_that_are_near_each_other_count_as_one():
    asked = []

    def counted(latents: Tensor, actions: Tensor) -> Tensor:
        asked.append(latents.shape[1])
        return imagine(latents, actions)

    def places(apart: float, width: int = 400) -> int:
        asked.clear()
        tree_search(
            energy_to(GOAL),
            counted,
            ROOT,
            GOAL,
            start(),
            apart,
            TreeConfig(width=width),
            generator=Generator().manual_seed(0),
        )
        return sum(asked)

    assert places(1e-3) > places(0.02) > places(0.1) > 1
    assert places(100.0) == 1
    places(1e-6, width=10)
    assert max(asked) == 10


def test_the_same_seed_finds_the_same_way():
    assert torch.equal(search(3).actions, search(3).actions)
    assert not torch.equal(search(3).actions, search(4).actions)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"branches": 0}])
def test_a_tree_that_cannot_grow_is_refused(wrong):
    with pytest.raises(BadInput, match="at least 1"):
        TreeConfig(**wrong)
    with pytest.raises(BadInput, match="apart"):
        search(apart=0.0)

"""A tree of imagined places in a plane with a wall, where the way round is known."""

import pytest
import torch
from torch import Generator, Tensor

from gedanken.errors import BadInput
from gedanken.planners import MPPIConfig, TreeConfig, mppi, tree_search
from gedanken.planners.tree import evenly_spread
from gedanken.types import Search

HORIZON = 14
ROOT, GOAL = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[2.0, 0.0]]])


def walled(before: Tensor, after: Tensor) -> Tensor:
    """A wall at x = 1 from y = -8 to y = 2 stops whoever would cross it; so the way from root to goal leads over its end."""
    share = ((1 - before[..., 0]) / (after[..., 0] - before[..., 0] + 1e-9)).clamp(0, 1)
    y = before[..., 1] + share * (after[..., 1] - before[..., 1])
    crossing = ((before[..., 0] - 1) * (after[..., 0] - 1) <= 0) & (y < 2) & (y > -8)
    return torch.where(crossing[..., None], before, after)


def imagine(latents: Tensor, actions: Tensor) -> tuple[Tensor, Tensor | None]:
    before = latents[:, :, None].expand(-1, -1, actions.shape[2], -1, -1)
    return walled(before, before + actions[..., None, :]), None


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


def test_each_row_goes_its_own_way_and_one_that_arrives_soon_does_not_stop_the_other():
    goals = torch.tensor([[[2.0, 0.0]], [[-0.5, 0.3]]])
    config, generator = TreeConfig(), Generator().manual_seed(0)
    plan = tree_search(
        energy_to(goals), imagine, ROOT.expand(2, -1, -1), goals, start(2), 0.02, config, generator=generator
    )
    assert ((end(plan.actions) - goals[:, 0]).norm(dim=-1) < 0.5).all()


def test_places_that_are_near_each_other_count_as_one():
    asked = []

    def counted(latents: Tensor, actions: Tensor) -> tuple[Tensor, Tensor | None]:
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


def test_what_the_model_doubts_is_no_way():
    def tunnelling(latents: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The model imagines no wall, and expects to be wrong where it would have been."""
        before = latents[:, :, None].expand(-1, -1, actions.shape[2], -1, -1)
        after = before + actions[..., None, :]
        through = (walled(before, after) != after).any(dim=-1)[..., 0]
        return after, torch.where(through, 50.0, 0.1)

    def found(trusted: float) -> Tensor:
        config = TreeConfig(trusted=trusted)
        flat = start(norm=None), tunnelling
        way = tree_search(
            lambda actions: (actions.sum(dim=2) - GOAL[:, :1, :]).norm(dim=-1) + 0.01 * actions.abs().sum(dim=(2, 3)),
            flat[1],
            ROOT,
            GOAL,
            flat[0],
            0.02,
            config,
            generator=Generator().manual_seed(0),
        )
        return way.actions.cumsum(dim=1)[0]

    assert found(1000.0)[:, 1].max() < 1.5  # straight on, through the wall
    assert found(2.3)[:, 1].max() > 1.9  # over its end
    assert (found(2.3)[-1] - GOAL[0, 0]).norm() < 0.5


def test_a_place_is_tried_again_in_other_directions():
    """A narrow gap is missed by the first few directions; a tree that goes on from each place once never passes."""

    def gap(latents: Tensor, actions: Tensor) -> tuple[Tensor, None]:
        before = latents[:, :, None].expand(-1, -1, actions.shape[2], -1, -1)
        after = before + actions[..., None, :]
        share = ((1 - before[..., 0]) / (after[..., 0] - before[..., 0] + 1e-9)).clamp(0, 1)
        y = before[..., 1] + share * (after[..., 1] - before[..., 1])
        shut = ((before[..., 0] - 1) * (after[..., 0] - 1) <= 0) & (y.abs() > 0.1)
        return torch.where(shut[..., None], before, after).clamp(-1, 2.2), None

    def passed(rounds: int, seed: int) -> bool:
        seen = []

        def watched(latents: Tensor, actions: Tensor) -> tuple[Tensor, None]:
            seen.append(latents[..., 0].max())
            return gap(latents, actions)

        config = TreeConfig(rounds=rounds, branches=3)
        generator = Generator().manual_seed(seed)
        far = torch.tensor([[[20.0, 0.0]]])
        tree_search(energy_to(far), watched, ROOT, far, start(), 0.1, config, generator=generator)
        return bool(torch.stack(seen).max() > 1)

    assert sum(passed(40, seed) for seed in range(6)) == 6
    assert sum(passed(5, seed) for seed in range(6)) < 6


@pytest.mark.parametrize(("count", "width", "nearest"), [(8, 2, 0.7071), (4, 2, 0.0), (6, 3, 0.0), (2, 1, -1.0)])
def test_directions_keep_away_from_each_other(count, width, nearest):
    spread = evenly_spread(count, width)
    torch.testing.assert_close(spread.norm(dim=1), torch.ones(count))
    cosines = (spread @ spread.T).fill_diagonal_(-1.0)
    assert cosines.max() < nearest + 0.05


def test_without_a_norm_actions_reach_the_boxs_surface():
    asked = []

    def watched(latents: Tensor, actions: Tensor) -> tuple[Tensor, Tensor | None]:
        asked.append(actions)
        return imagine(latents, actions)

    box = Search(torch.zeros(1, 3, 2), torch.ones(1, 3, 2), torch.tensor([-0.5, -1.0]), torch.tensor([0.5, 2.0]))
    config = TreeConfig(rounds=3)
    tree_search(energy_to(GOAL), watched, ROOT, GOAL, box, 0.02, config, generator=Generator().manual_seed(0))
    actions = torch.cat([each.flatten(0, 2) for each in asked])
    share = torch.where(actions > 0, actions / torch.tensor([0.5, 2.0]), actions / torch.tensor([-0.5, -1.0]))
    torch.testing.assert_close(share.amax(dim=1), torch.ones(len(actions)))


@pytest.mark.parametrize("wrong", [{"width": 0}, {"branches": 0}, {"rounds": 0}])
def test_a_tree_that_cannot_grow_is_refused(wrong):
    with pytest.raises(BadInput, match="at least 1"):
        TreeConfig(**wrong)
    with pytest.raises(BadInput, match="trusted"):
        TreeConfig(trusted=0.0)
    with pytest.raises(BadInput, match="apart"):
        search(apart=0.0)

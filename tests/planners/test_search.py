"""What holds for every planner that ships."""

import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.planners.registry import PLANNERS
from gedanken.planners.sampling import shifted
from gedanken.types import Search

every_planner = pytest.mark.parametrize("planner", PLANNERS.values(), ids=PLANNERS.keys())
GOALS = torch.tensor([[3.0, -1.0], [-2.0, 2.0], [0.5, 4.0]])


def to_goal(actions):
    """A point mass that adds up its actions; the energy is its squared distance to the goal at the end."""
    return (actions.sum(dim=2) - GOALS[:, None]).square().sum(dim=-1)


def search(norm: float | None = None) -> Search:
    return Search(torch.zeros(3, 4, 2), torch.ones(3, 4, 2), -1.5, 1.5, norm)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@every_planner
def test_a_plan_is_better_than_its_start_and_carries_its_own_energy(planner):
    plan = planner.plan(to_goal, search(), config=planner.config(), generator=seeded())
    assert plan.actions.shape == (3, 4, 2)
    at_start = to_goal(search().mean[:, None])[:, 0]
    assert (plan.energy < 0.2 * at_start).all()
    torch.testing.assert_close(plan.energy, to_goal(plan.actions[:, None])[:, 0])
    assert plan.feasible.all()
    assert plan.trace.best.shape == plan.trace.mean.shape
    assert plan.trace.best.shape[1] == 3
    assert (plan.trace.best <= plan.trace.mean).all()


@every_planner
def test_bounds_and_norm_hold_exactly_where_the_goal_pulls_beyond_them(planner):
    start = Search(torch.zeros(3, 4, 2), torch.full((3, 4, 2), 3.0), torch.tensor([-0.5, -1.0]), 0.75, norm=0.8)
    seen = []

    def energy_of(actions):
        seen.append(actions)
        return to_goal(actions)

    plan = planner.plan(energy_of, start, config=planner.config(), generator=seeded())
    for actions in (*seen, plan.actions[:, None]):
        assert (actions >= torch.tensor([-0.5, -1.0])).all()
        assert actions.max() <= 0.75
        assert torch.linalg.vector_norm(actions, dim=-1).max() <= 0.8


@every_planner
def test_the_same_seed_gives_the_same_plan_and_another_seed_another(planner):
    plans = [planner.plan(to_goal, search(), config=planner.config(), generator=seeded(s)) for s in (0, 0, 1)]
    assert plans[0].actions.equal(plans[1].actions)
    assert not plans[0].actions.equal(plans[2].actions)


@every_planner
def test_a_problem_does_not_notice_the_other_problems(planner):
    def others_changed(actions):
        energies = to_goal(actions)
        return torch.cat([energies[:1], 100 - energies[1:]])

    plan = planner.plan(to_goal, search(), config=planner.config(), generator=seeded())
    other = planner.plan(others_changed, search(), config=planner.config(), generator=seeded())
    assert plan.actions[0].equal(other.actions[0])
    assert not plan.actions[1:].equal(other.actions[1:])


@every_planner
def test_a_good_warm_start_is_kept(planner):
    start = search()
    solved = Search((GOALS / 4)[:, None].expand(3, 4, 2), start.std, -1.5, 1.5)
    plan = planner.plan(to_goal, solved, config=planner.config(), generator=seeded())
    assert (plan.energy <= to_goal(solved.mean[:, None])[:, 0]).all()


@every_planner
def test_a_non_finite_energy_is_refused_with_number_round_and_advice(planner):
    def broken(actions):
        energies = to_goal(actions)
        energies[1, 5] = torch.nan
        energies[2, 7:9] = -torch.inf
        return energies

    with pytest.raises(NonFinite, match=r"3 of \d+ energies .* in round 1 of the search; check the model"):
        planner.plan(broken, search(), config=planner.config(), generator=seeded())


@every_planner
def test_an_energy_of_another_shape_is_refused(planner):
    with pytest.raises(ShapeError, match=r"expected \[B, N\] = \(3, \d+\)"):
        planner.plan(lambda a: to_goal(a)[..., None], search(), config=planner.config(), generator=seeded())


@every_planner
def test_a_start_that_cannot_be_searched_is_refused(planner):
    start = Search(torch.zeros(3, 4, 2), torch.ones(3, 4, 2), 1.0, -1.0)
    with pytest.raises(BadInput, match="low bound lies above"):
        planner.plan(to_goal, start, config=planner.config(), generator=seeded())


@every_planner
def test_the_start_and_the_callers_tensors_are_left_alone(planner):
    start = search(norm=1.0)
    planner.plan(to_goal, start, config=planner.config(), generator=seeded())
    assert start.mean.abs().sum() == 0
    assert (start.std == 1).all()


def test_replanning_from_the_shifted_plan_needs_less_search_than_from_nothing(double_integrator):
    planner = PLANNERS["mppi"]
    first = planner.plan(
        double_integrator.energy_of, double_integrator.start(), config=planner.config(rounds=12), generator=seeded()
    )
    warm, cold = double_integrator.start(), double_integrator.start()
    warm = Search(shifted(first), 0.1 * warm.std, warm.low, warm.high)
    # Where the first action has led; the remaining plan is then nearly the best one.
    state = double_integrator.positions @ double_integrator.forward.T + first.actions[:, 0] @ double_integrator.push.T
    world = type(double_integrator)(state, double_integrator.forward, double_integrator.push, horizon=6)
    config = planner.config(rounds=1, candidates=64)
    warm_plan = planner.plan(world.energy_of, warm, config=config, generator=seeded())
    cold_plan = planner.plan(world.energy_of, cold, config=config, generator=seeded())
    best = world.energy_of(world.optimum()[:, None])[:, 0]
    assert (warm_plan.energy - best < 0.25 * (cold_plan.energy - best)).all()

from itertools import pairwise

import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput, NonFinite
from gedanken.planners.cem import CEMConfig, cem
from gedanken.planners.gradient import GradientConfig, gradient
from gedanken.types import Search


def seeded() -> Generator:
    return Generator().manual_seed(0)


def search(batch: int = 2, mean: float = 0.0) -> Search:
    return Search(torch.full((batch, 4, 2), mean), torch.ones(batch, 4, 2), -3.0, 3.0)


def recorded(energy_of, start, config):
    """What was imagined in each round, and the plan."""
    seen = []

    def energies(actions):
        seen.append(actions.detach().clone())
        return energy_of(actions)

    return seen, gradient(energies, start, config=config, generator=seeded())


def two_valleys(actions):
    """Energy of where a sum of actions ends: a valley down to about 1 at +2, and one down to −1 at −2."""
    place = actions.sum(dim=(-2, -1))
    return (place.square() - 4).square() / 8 + place / 2


def test_the_gradient_finds_the_riccati_solution(double_integrator):
    config = GradientConfig(rounds=100, restarts=2, noise=0.0)
    plan = gradient(double_integrator.energy_of, double_integrator.start(), config=config, generator=seeded())
    torch.testing.assert_close(plan.actions, double_integrator.optimum(), atol=0.005, rtol=0)


def test_it_comes_closer_than_cem_that_imagines_as_many(many_masses):
    best = many_masses.energy_of(many_masses.optimum()[:, None])[:, 0]
    seen, plan = recorded(many_masses.energy_of, many_masses.start(), GradientConfig(rounds=60, noise=0.0))
    imagined = sum(actions.shape[1] for actions in seen)
    assert imagined == 64 + 8 * 61
    sampled = cem(
        many_masses.energy_of,
        many_masses.start(),
        config=CEMConfig(candidates=-(-imagined // 10), elites=8, rounds=10),
        generator=seeded(),
    )
    assert plan.energy - best < 0.001 * best
    assert plan.energy - best < 0.01 * (sampled.energy - best)


def test_one_beginning_ends_in_its_own_valley_and_several_in_the_deeper_one():
    start = search(mean=0.25)
    (seen, alone), (_, several) = (
        recorded(two_valleys, start, GradientConfig(restarts=count, rounds=40, step=0.02, noise=0.0))
        for count in (1, 8)
    )
    places = several.actions.sum(dim=(1, 2))
    torch.testing.assert_close(places, torch.full_like(places, -2.11), atol=0.02, rtol=0)
    assert (several.energy < -1.0).all()
    # Alone it refines the start, and what the first round met by chance stays the best that was seen.
    last = seen[-1].sum(dim=(-2, -1))
    torch.testing.assert_close(last, torch.full_like(last, 1.86), atol=0.02, rtol=0)
    assert (alone.energy > several.energy).all()


def test_the_warm_start_is_refined_whatever_else_is_there():
    def energy_of(actions):
        return 5 + actions.sum(dim=(-2, -1)).square()

    seen, _ = recorded(energy_of, search(mean=2.9), GradientConfig(restarts=3, rounds=2))
    assert seen[0].shape[1] == 64
    assert seen[1].shape[1] == 3
    assert seen[1][:, 0].equal(search(mean=2.9).mean)
    best = energy_of(seen[0]).topk(2, dim=1, largest=False).values
    torch.testing.assert_close(energy_of(seen[1][:, 1:]), best)


def test_beginnings_are_smooth_or_of_a_few_pieces():
    start = Search(torch.full((1, 16, 2), 0.5), torch.full((1, 16, 2), 0.5), -1.0, 1.0, norm=1.0)
    seen, _ = recorded(two_valleys, start, GradientConfig(candidates=100, piecewise_share=0.4, rounds=1))
    still = seen[0][0].diff(dim=1).abs().sum(dim=-1) == 0
    assert (still.sum(dim=1) >= 13).tolist() == [True] + 59 * [False] + 40 * [True]


def test_the_best_energy_never_rises_though_the_steps_are_wild(many_masses):
    config = GradientConfig(step=3.0, noise=3.0, rounds=12)
    seen, plan = recorded(many_masses.energy_of, many_masses.start(), config)
    energies = [many_masses.energy_of(actions).amin(dim=1) for actions in seen]
    assert torch.stack(energies).diff(dim=0).max() > 0
    assert plan.trace.best.shape == (14, 1)
    assert (plan.trace.best.diff(dim=0) <= 0).all()
    torch.testing.assert_close(plan.energy, torch.stack(energies).amin(dim=0))


def test_units_do_not_matter():
    def energy_of(actions):
        return (actions.sum(dim=2) - 3).square().sum(dim=-1)

    plan = gradient(energy_of, search(), generator=seeded())
    assert (plan.energy < 0.01).all()
    wide = Search(1000 * search().mean, 1000 * search().std, -3000.0, 3000.0)
    other = gradient(lambda actions: 1e-3 * energy_of(actions / 1000), wide, generator=seeded())
    torch.testing.assert_close(other.actions / 1000, plan.actions, atol=1e-4, rtol=1e-4)


def test_noise_moves_where_nothing_slopes_and_dies_away():
    def flat(actions):
        return 0 * actions.sum(dim=(-2, -1))

    quiet, _ = recorded(flat, search(), GradientConfig(rounds=10, noise=0.0))
    assert all(later.equal(quiet[1]) for later in quiet[2:])
    moved, _ = recorded(flat, search(), GradientConfig(rounds=10, noise=0.1))
    steps = [float((later - earlier).std()) for earlier, later in pairwise(moved[1:])]
    assert steps[0] == pytest.approx(0.1, rel=0.2)
    assert steps[-1] < 0.1 * steps[0]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
def test_gradients_are_taken_in_any_mode_and_none_is_left_behind(mode):
    weight = torch.ones(2, requires_grad=True)
    with mode():
        plan = gradient(lambda a: ((a - 1) * weight).square().sum(dim=(-2, -1)), search(), generator=seeded())
    assert (plan.energy < 0.01).all()
    assert weight.grad is None
    assert not plan.energy.requires_grad
    assert not plan.actions.requires_grad


def test_an_energy_without_a_gradient_is_refused_in_one_sentence():
    weight = torch.ones(2, requires_grad=True)

    def frozen(actions):
        return two_valleys(actions.detach())

    def detached(actions):
        return (actions.detach() * weight).square().sum(dim=(-2, -1))

    for energy_of in (frozen, detached, torch.no_grad()(two_valleys)):
        with pytest.raises(BadInput, match=r"no gradient with respect to the actions; .* such as mppi\.$"):
            gradient(energy_of, search(), generator=seeded())


def test_a_gradient_that_is_not_finite_is_refused_with_its_round():
    def rooted(actions):
        return actions.square().sum(dim=(-2, -1)).sqrt()

    with pytest.raises(NonFinite, match="gradient holds NaN or infinity in round 2 of the search; a square root"):
        gradient(rooted, search(), generator=seeded())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"restarts": 0}, "between 1 and candidates=64"),
        ({"restarts": 65}, "restarts=65"),
        ({"rounds": 0}, "at least 1"),
        ({"step": 0.0}, "step=0.0 must be above 0"),
        ({"noise": -0.1}, "noise=-0.1"),
        ({"rho": 1.0}, "correlation"),
        ({"piecewise_share": 1.1}, "lies in"),
    ],
)
def test_a_config_that_cannot_work_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        GradientConfig(**settings)


def test_one_candidate_is_enough():
    config = GradientConfig(candidates=1, restarts=1, rounds=1)
    assert gradient(two_valleys, search(mean=0.2), config=config, generator=seeded()).energy.shape == (2,)

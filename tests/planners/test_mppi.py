import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput
from gedanken.planners.mppi import MPPIConfig, mppi
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting
from gedanken.types import Search


def seeded() -> Generator:
    return Generator().manual_seed(0)


def recorded(energy_of, start, config):
    """The candidates of each round."""
    seen = []

    def energies(actions):
        seen.append(actions)
        return energy_of(actions)

    mppi(energies, start, config=config, generator=seeded())
    return seen


def test_mppi_finds_the_riccati_solution(double_integrator):
    config = MPPIConfig(rounds=30, min_std=0.01, rho=(0.5, 0.0))
    start = double_integrator.start(2.0)
    plan = mppi(double_integrator.energy_of, start, config=config, generator=seeded())
    torch.testing.assert_close(plan.actions, double_integrator.optimum(), atol=0.02, rtol=0)


def test_the_usual_mppi_comes_close_to_the_riccati_energy(double_integrator):
    plan = mppi(
        double_integrator.energy_of, double_integrator.start(), config=MPPIConfig(rounds=12), generator=seeded()
    )
    best = double_integrator.energy_of(double_integrator.optimum()[:, None])[:, 0]
    assert (plan.energy < 1.02 * best).all()


def test_mppi_succeeds_where_as_many_random_plans_fail(many_masses):
    best = many_masses.energy_of(many_masses.optimum()[:, None])[:, 0]
    config = MPPIConfig(rounds=20, rho=(0.5, 0.0))
    searched = mppi(many_masses.energy_of, many_masses.start(), config=config, generator=seeded())
    shots = RandomShootingConfig(candidates=20 * 256)
    shot = random_shooting(many_masses.energy_of, many_masses.start(), config=shots, generator=seeded())
    assert searched.energy < 1.15 * best
    assert shot.energy > 2 * best


def test_the_best_energy_never_rises_and_the_average_falls(many_masses):
    trace = mppi(many_masses.energy_of, many_masses.start(), config=MPPIConfig(rounds=8), generator=seeded()).trace
    assert trace.best.shape == (8, 1)
    assert (trace.best.diff(dim=0) <= 0).all()
    assert trace.mean[-1] < trace.mean[0]


def test_the_first_candidate_is_the_mean_and_the_second_the_best_so_far(double_integrator):
    start = double_integrator.start()
    start = Search(start.mean + 0.7, start.std, start.low, start.high)
    first, second, third = recorded(double_integrator.energy_of, start, MPPIConfig(rounds=3))
    assert first[:, 0].equal(start.mean)
    for before, after in ((first, second), (second, third)):
        index = double_integrator.energy_of(before).argmin(dim=1)
        assert after[:, 1].equal(before[torch.arange(2), index])
        assert not after[:, 0].equal(before[:, 0])


def test_a_refit_follows_the_weights_of_the_elites():
    # Energies order the candidates, so the next mean can be worked out from the definition.
    start = Search(torch.zeros(1, 5, 2), torch.ones(1, 5, 2), -9.0, 9.0)

    def energy_of(actions):
        return (actions[:, :, 0, 0] - 1).square()

    config = MPPIConfig(candidates=100, rounds=2, elite_share=0.2, temperature=0.7, min_std=0.0, max_std=9.0)
    first, second = recorded(energy_of, start, config)
    energies, index = energy_of(first)[0].sort()
    elites, energies = first[0, index[:20]], energies[:20]
    weights = torch.exp(-(energies - energies[0]) / (0.7 * energies.std()))
    weights /= weights.sum()
    torch.testing.assert_close(second[0, 0], (weights[:, None, None] * elites).sum(dim=0))


def test_the_spread_stays_between_its_limits(double_integrator):
    config = MPPIConfig(candidates=2000, rounds=10, fresh_share=0.0, piecewise_share=0.0, min_std=0.3, max_std=0.3)
    spread = recorded(double_integrator.energy_of, double_integrator.start(2.0), config)[-1].std(dim=1)
    torch.testing.assert_close(spread, torch.full_like(spread, 0.6), atol=0.06, rtol=0)


def test_shares_decide_what_is_imagined():
    start = Search(torch.full((1, 16, 2), 3.0), torch.full((1, 16, 2), 0.1), -4.0, 4.0)
    config = MPPIConfig(candidates=400, rounds=1, fresh_share=0.2, piecewise_share=0.3, fresh_std=1.5)
    (actions,) = recorded(lambda a: a.square().sum(dim=(-2, -1)), start, config)
    kinds = actions[0].split([200, 80, 120])
    assert (kinds[0] - 3).abs().max() < 1.0
    assert kinds[1].std() == pytest.approx(0.15, abs=0.03)
    assert kinds[1].mean().abs() < 0.05
    still = kinds[2].diff(dim=1).abs().sum(dim=-1) == 0
    assert still.sum(dim=1).min() >= 13


def test_equal_energies_are_no_division_by_zero():
    start = Search(torch.zeros(1, 4, 2), torch.ones(1, 4, 2), -1.0, 1.0)
    plan = mppi(lambda a: torch.zeros(a.shape[:2]), start, generator=seeded())
    assert torch.isfinite(plan.actions).all()


def test_no_gradient_is_recorded():
    weight = torch.ones(2, requires_grad=True)
    start = Search(torch.zeros(1, 4, 2), torch.ones(1, 4, 2), -1.0, 1.0)
    plan = mppi(lambda a: (a * weight).square().sum(dim=(-2, -1)), start, generator=seeded())
    assert not plan.energy.requires_grad


def test_fresh_plans_and_pieces_find_the_way_round_a_wall_more_often_than_noise_around_the_mean():
    # A wall from y = -3 to 3 at x = 1 stands between the start (0, 0) and the goal (2, 0); 16 steps of length 1.
    def energy_of(actions):
        position, goal = torch.zeros(*actions.shape[:2], 2), torch.tensor([2.0, 0.0])
        for step in range(16):
            moved = position + actions[:, :, step]
            crosses = (position[..., 0] < 1) != (moved[..., 0] < 1)
            blocked = crosses & (moved[..., 1].abs() < 3)
            position = torch.where(blocked[..., None], position, moved)
        return (position - goal).square().sum(dim=-1)

    start = Search(torch.zeros(64, 16, 2), torch.full((64, 16, 2), 0.5), -1.0, 1.0, norm=1.0)
    usual = mppi(energy_of, start, config=MPPIConfig(rounds=12), generator=seeded())
    around_mean = MPPIConfig(rounds=12, fresh_share=0.0, piecewise_share=0.0)
    without = mppi(energy_of, start, config=around_mean, generator=seeded())
    assert (usual.energy < 1.0).sum() > 2 * (without.energy < 1.0).sum()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rounds": 0}, "rounds=0"),
        ({"candidates": 10}, "makes 1 elites"),
        ({"elite_share": 1.5}, "at most all"),
        ({"fresh_share": 0.5, "piecewise_share": 0.5}, "leave 0 of 256 candidates"),
        ({"piecewise_share": -0.1}, "at least 0"),
        ({"rho": (0.5, 1.0)}, "correlations"),
        ({"rho": ()}, "correlations"),
        ({"temperature": 0.0}, "temperature=0.0 must be positive"),
        ({"min_std": 2.0}, "at most max_std"),
        ({"piece_reach": (1.0, 0.5)}, "must rise"),
        ({"piece_stop": 1.2}, "probability"),
    ],
)
def test_a_config_that_cannot_work_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        MPPIConfig(**settings)

import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput
from gedanken.planners.cem import CEMConfig, cem
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting


def test_cem_finds_the_riccati_solution(double_integrator):
    plan = cem(
        double_integrator.energy_of,
        double_integrator.start(2.0),
        config=CEMConfig(candidates=512, elites=64, rounds=40, momentum=0.3),
        generator=Generator().manual_seed(0),
    )
    exact = double_integrator.optimum()
    assert exact.abs().max() > 1.0
    torch.testing.assert_close(plan.actions, exact, atol=0.02, rtol=0)


def test_cem_succeeds_where_as_many_random_plans_fail(many_masses):
    best = many_masses.energy_of(many_masses.optimum()[:, None])[:, 0]
    generator = Generator().manual_seed(0)
    searched = cem(many_masses.energy_of, many_masses.start(), config=CEMConfig(rounds=20), generator=generator)
    shot = random_shooting(
        many_masses.energy_of,
        many_masses.start(),
        config=RandomShootingConfig(candidates=20 * 256),
        generator=generator,
    )
    assert searched.energy < 1.1 * best
    assert shot.energy > 2 * best


def test_the_best_energy_never_rises_and_the_average_falls(many_masses):
    trace = cem(many_masses.energy_of, many_masses.start(), generator=Generator().manual_seed(0)).trace
    assert trace.best.shape == (CEMConfig().rounds, 1)
    assert (trace.best.diff(dim=0) <= 0).all()
    assert trace.mean[-1] < 0.5 * trace.mean[0]


def test_the_mean_is_returned_with_its_own_energy(double_integrator):
    def plan(returns):
        return cem(
            double_integrator.energy_of,
            double_integrator.start(),
            config=CEMConfig(rounds=3, returns=returns),
            generator=Generator().manual_seed(0),
        )

    mean, best = plan("mean"), plan("best")
    assert not mean.actions.equal(best.actions)
    torch.testing.assert_close(mean.energy, double_integrator.energy_of(mean.actions[:, None])[:, 0])


def test_momentum_slows_and_min_std_keeps_the_search_wide(double_integrator):
    def spread(**settings):
        seen = []

        def energy_of(actions):
            seen.append(actions)
            return double_integrator.energy_of(actions)

        config = CEMConfig(rounds=15, **settings)
        cem(energy_of, double_integrator.start(), config=config, generator=Generator().manual_seed(0))
        return float(seen[-1].std(dim=1).mean())

    narrow = spread(momentum=0.0)
    assert spread(momentum=0.8) > 3 * narrow
    assert spread(momentum=0.0, min_std=0.5) == pytest.approx(0.5, abs=0.05)


def test_another_thing_to_return_is_refused():
    config = CEMConfig()
    object.__setattr__(config, "returns", "median")  # past the type checks that only the tests have
    with pytest.raises(BadInput, match="expected 'best'"):
        config.__post_init__()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"elites": 1}, "an eighth"),
        ({"candidates": 16}, "elites=32 must lie between 2 and candidates=16"),
        ({"rounds": 0}, "at least 1"),
        ({"momentum": 1.0}, "would never move"),
        ({"min_std": -0.1}, "between 0 and 1"),
    ],
)
def test_a_config_that_cannot_work_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        CEMConfig(**settings)


def test_a_plain_search_is_the_one_of_the_papers(double_integrator):
    start, config = (
        double_integrator.start(),
        CEMConfig(candidates=20, elites=5, rounds=4, momentum=0.0, returns="mean", plain=True),
    )
    found = cem(double_integrator.energy_of, start, config=config, generator=Generator().manual_seed(3)).actions
    generator, mean, std = Generator().manual_seed(3), start.mean, start.std
    batch, horizon, width = mean.shape
    for _ in range(4):
        noise = torch.randn(horizon, batch, 20, width, generator=generator, dtype=mean.dtype).permute(1, 2, 0, 3)
        candidates = torch.cat([mean[:, None], (mean[:, None] + std[:, None] * noise)[:, 1:]], dim=1)
        candidates = candidates.clamp(start.low, start.high)
        best = double_integrator.energy_of(candidates).argsort(dim=1)[:, :5]
        elites = torch.stack([each[rows] for each, rows in zip(candidates, best, strict=True)])
        mean, std = elites.mean(dim=1), elites.std(dim=1)
    torch.testing.assert_close(found, mean.clamp(start.low, start.high), atol=1e-5, rtol=0)

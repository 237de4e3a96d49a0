import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput
from gedanken.planners.icem import ICEMConfig, icem
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting
from gedanken.types import Search


def seeded() -> Generator:
    return Generator().manual_seed(0)


def recorded(energy_of, start, config):
    """The candidates of each round, and the plan."""
    seen = []

    def energies(actions):
        seen.append(actions)
        return energy_of(actions)

    return seen, icem(energies, start, config=config, generator=seeded())


def test_icem_finds_the_riccati_solution(double_integrator):
    config = ICEMConfig(candidates=512, elites=64, rounds=40, beta=0.5, decay=1.05, momentum=0.3)
    plan = icem(double_integrator.energy_of, double_integrator.start(2.0), config=config, generator=seeded())
    torch.testing.assert_close(plan.actions, double_integrator.optimum(), atol=0.02, rtol=0)


def test_the_usual_icem_succeeds_where_as_many_random_plans_fail(many_masses):
    best = many_masses.energy_of(many_masses.optimum()[:, None])[:, 0]
    seen, plan = recorded(many_masses.energy_of, many_masses.start(), ICEMConfig())
    shots = RandomShootingConfig(candidates=sum(actions.shape[1] for actions in seen))
    shot = random_shooting(many_masses.energy_of, many_masses.start(), config=shots, generator=seeded())
    assert plan.energy < 1.2 * best
    assert shot.energy > 2 * best


def test_the_best_energy_never_rises_and_the_average_falls(many_masses):
    trace = icem(many_masses.energy_of, many_masses.start(), generator=seeded()).trace
    assert trace.best.shape == (ICEMConfig().rounds, 1)
    assert (trace.best.diff(dim=0) <= 0).all()
    assert trace.mean[-1] < 0.5 * trace.mean[0]


def test_a_needle_found_in_the_first_round_is_kept_to_the_end_with_its_energy():
    asked = 0

    def energy_of(actions):
        nonlocal asked
        asked += 1
        energies = actions.square().sum(dim=(-2, -1))
        if asked == 1:
            energies[:, 7] = -100.0
        return energies

    start = Search(torch.zeros(2, 5, 2), torch.ones(2, 5, 2), -3.0, 3.0)
    seen, plan = recorded(energy_of, start, ICEMConfig(candidates=64, elites=8, rounds=6, kept_share=0.1))
    assert asked == 6
    assert plan.actions.equal(seen[0][:, 7])
    assert (plan.energy == -100).all()


@pytest.mark.parametrize(("share", "stays"), [(1.0, True), (0.25, False)])
def test_kept_elites_are_refitted_to_beside_the_new_candidates(share, stays):
    # From the second round on everything new is far worse: only what was kept is good.
    asked = 0

    def energy_of(actions):
        nonlocal asked
        asked += 1
        return actions.square().sum(dim=(-2, -1)) + (1000.0 if asked > 1 else 0.0)

    start = Search(torch.zeros(1, 5, 2), torch.ones(1, 5, 2), -3.0, 3.0)
    config = ICEMConfig(candidates=64, elites=8, rounds=3, kept_share=share, momentum=0.0)
    (_, second, third), _ = recorded(energy_of, start, config)
    assert not second[:, 0].equal(start.mean)
    assert third[:, 0].allclose(second[:, 0]) == stays


def test_each_round_imagines_fewer_and_never_less_than_twice_the_elites(double_integrator):
    config = ICEMConfig(candidates=100, elites=8, rounds=8, decay=1.5)
    seen, _ = recorded(double_integrator.energy_of, double_integrator.start(), config)
    assert [actions.shape[1] for actions in seen] == [100, 67, 44, 30, 20, 16, 16, 16]
    assert ICEMConfig(decay=1e300, rounds=9).imagined(9) == 32


def test_the_first_candidate_is_the_mean(double_integrator):
    start = double_integrator.start()
    start = Search(start.mean + 0.7, start.std, start.low, start.high)
    (first, second), _ = recorded(double_integrator.energy_of, start, ICEMConfig(rounds=2, momentum=0.25))
    assert first[:, 0].equal(start.mean)
    index = double_integrator.energy_of(first).topk(16, dim=1, largest=False).indices
    elites = torch.stack([candidates[rows] for candidates, rows in zip(first, index, strict=True)])
    torch.testing.assert_close(second[:, 0], 0.75 * elites.mean(dim=1) + 0.25 * start.mean)


def test_smooth_noise_gets_somewhere_where_white_noise_trembles_on_the_spot():
    # Forty steps towards a goal ten away: white noise of spread 0.5 ends about 3 from where it began.
    def energy_of(actions):
        return (actions.sum(dim=2) - 10.0).square().sum(dim=-1)

    start = Search(torch.zeros(8, 40, 2), torch.full((8, 40, 2), 0.5), -1.0, 1.0)
    smooth, white = (
        icem(energy_of, start, config=ICEMConfig(rounds=1, beta=beta), generator=seeded()).energy.mean()
        for beta in (2.0, 0.0)
    )
    assert smooth < 0.3 * white


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"elites": 1}, "at least 2"),
        ({"candidates": 31}, "twice as many"),
        ({"rounds": 0}, "at least 1"),
        ({"beta": -1.0}, "white noise"),
        ({"decay": 0.9}, "at least 1"),
        ({"kept_share": 0.01}, "keeps 0"),
        ({"kept_share": 1.5}, "at most all"),
        ({"momentum": 1.0}, "would never move"),
    ],
)
def test_a_config_that_cannot_work_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        ICEMConfig(**settings)

import pytest
import torch
from torch import Generator

from gedanken.errors import BadInput, ShapeError
from gedanken.planners.sampling import coloured_noise, piecewise_constant, power_law_noise, shifted
from gedanken.types import Plan, Search, Trace


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def search(norm: float | None = 2.0, low: float = -2.0, high: float = 2.0) -> Search:
    return Search(torch.zeros(3, 12, 2), torch.ones(3, 12, 2), low, high, norm)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_coloured_noise_has_unit_variance_at_every_step_and_the_correlation_it_is_asked_for(rho):
    noise = coloured_noise(torch.zeros(4, 10, 2), 5000, rho, seeded())
    assert noise.shape == (4, 5000, 10, 2)
    steps = noise.permute(2, 0, 1, 3).reshape(10, -1)
    correlation = torch.corrcoef(steps)
    torch.testing.assert_close(steps.var(dim=1), torch.ones(10), atol=0.04, rtol=0)
    for lag in (1, 3):
        expected = torch.full((10 - lag,), rho**lag)
        torch.testing.assert_close(correlation.diagonal(lag), expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_power_law_noise_has_unit_variance_at_every_step_and_the_spectrum_it_is_asked_for(beta):
    horizon = 7
    noise = power_law_noise(torch.zeros(4, horizon, 2), 5000, beta, seeded())
    assert noise.shape == (4, 5000, horizon, 2)
    steps = noise.permute(2, 0, 1, 3).reshape(horizon, -1)
    torch.testing.assert_close(steps.mean(dim=1), torch.zeros(horizon), atol=0.03, rtol=0)
    # Power k^-β at frequency k of twice the horizon, one cosine each; the constant has the power of the slowest wave.
    frequencies = torch.arange(-horizon + 1, horizon + 1)
    power = frequencies.abs().clamp_min(1).float() ** -beta
    lags = torch.arange(horizon)[:, None] - torch.arange(horizon)
    waves = torch.cos(torch.pi * frequencies[:, None, None] * lags / horizon)
    expected = (power[:, None, None] * waves).sum(dim=0) / power.sum()
    torch.testing.assert_close(torch.cov(steps), expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("noise", [coloured_noise, power_law_noise])
def test_noise_of_one_problem_or_number_is_not_anothers(noise):
    drawn = noise(torch.zeros(2, 10, 2), 500, 0.9, seeded())
    assert torch.corrcoef(drawn.reshape(2, -1))[0, 1].abs() < 0.1
    assert torch.corrcoef(drawn.movedim(3, 0).reshape(2, -1))[0, 1].abs() < 0.1


def test_pieces_switch_at_most_pieces_minus_one_times_and_do_switch():
    actions = piecewise_constant(search(), 2000, seeded(), pieces=3, reach=(0.3, 1.0), stop=0.0)
    switches = (actions.diff(dim=2).abs().sum(dim=-1) > 0).sum(dim=2)
    assert switches.max() == 2
    assert switches.float().mean() > 1.5


def test_pieces_have_uniform_headings_and_lengths_within_their_reach():
    actions = piecewise_constant(search(), 4000, seeded(), pieces=3, reach=(0.25, 0.75), stop=0.0)[:, :, 0]
    length = torch.linalg.vector_norm(actions, dim=-1)
    assert length.min() >= 0.25 * 2.0 - 1e-5
    assert length.max() <= 0.75 * 2.0 + 1e-5
    assert length.mean() == pytest.approx(1.0, abs=0.02)
    quadrant = (actions[..., 0] > 0).long() * 2 + (actions[..., 1] > 0).long()
    shares = torch.bincount(quadrant.flatten(), minlength=4) / quadrant.numel()
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.02, rtol=0)


def test_pieces_stop_as_often_as_asked_and_only_at_the_end():
    actions = piecewise_constant(search(), 4000, seeded(), pieces=2, reach=(0.5, 1.0), stop=0.4)
    still = actions.abs().sum(dim=-1) == 0
    switched = (actions.diff(dim=2).abs().sum(dim=-1) > 0).any(dim=-1)
    assert still[..., -1][switched].float().mean() == pytest.approx(0.4, abs=0.02)
    assert not (still[..., :-1] & ~still[..., 1:]).any()


def test_pieces_without_a_norm_fill_a_box_that_is_not_around_zero():
    actions = piecewise_constant(search(None, 1.0, 5.0), 4000, seeded(), pieces=2, reach=(0.0, 1.0), stop=0.0)
    assert 1.0 <= actions.min() < 1.05
    assert 4.95 < actions.max() <= 5.0
    assert actions.mean() == pytest.approx(3.0, abs=0.05)


def test_pieces_without_norm_or_box_stay_within_twice_the_spread():
    boundless = search(None, -float("inf"), float("inf"))
    actions = piecewise_constant(boundless, 1000, seeded(), pieces=2, reach=(0.0, 1.0), stop=0.0)
    assert 1.9 < actions.abs().max() <= 2.0


def test_a_shifted_plan_drops_what_was_done_and_ends_in_zeros():
    actions = torch.arange(8.0).reshape(1, 4, 2) + 1
    energy = torch.zeros(1)
    plan = Plan(actions, energy, energy == 0, Trace(energy[None], energy[None]))
    assert shifted(plan).tolist() == [[[3, 4], [5, 6], [7, 8], [0, 0]]]
    assert shifted(actions, 3).tolist() == [[[7, 8], [0, 0], [0, 0], [0, 0]]]
    assert shifted(actions, 9).abs().sum() == 0
    assert shifted(actions, 0).equal(actions)
    with pytest.raises(BadInput, match="steps=-1"):
        shifted(actions, -1)
    with pytest.raises(ShapeError, match=r"expected \[B, H, A\]"):
        shifted(actions[0])

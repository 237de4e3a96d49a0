from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gedanken.training import CollapseMeter, Health, findings
from gedanken.training.collapse import measure
from gedanken.types import Windows

HEALTHY = Health(
    effective_rank=6.0,
    std_batch=1.0,
    std_batch_min=0.8,
    std_time=0.9,
    action_sensitivity=1.0,
    error_over_copy=0.1,
    error_over_mean=0.05,
)


def adds(latents: Tensor, actions: Tensor) -> Tensor:
    """Latents are places, and every action is added to all of them."""
    return latents + actions.repeat(1, 1, 4)[:, :, None]


def walks(rows: int = 256, frames: int = 8) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    actions = torch.randn(rows, frames - 1, 2)
    latents = torch.cat([torch.randn(rows, 1, 1, 8), actions.repeat(1, 1, 4)[:, :, None]], dim=1).cumsum(dim=1)
    return latents, actions


def words(latents: Tensor, predict, actions: Tensor) -> list[str]:
    """The first words of each finding."""
    return [each.split(":")[0].split(" is ")[0] for each in findings(measure(latents, predict, actions))]


def test_a_model_that_predicts_lively_latents_is_healthy():
    latents, actions = walks()
    health = measure(latents, adds, actions)
    assert findings(health) == []
    assert findings(HEALTHY) == []
    assert health.error_over_copy == pytest.approx(0, abs=1e-6)
    # Two independent actions differ by √2 of what one of them changes.
    assert health.action_sensitivity == pytest.approx(2**0.5, rel=0.05)


def test_a_constant_encoder_is_collapsed():
    _, actions = walks()
    assert "Collapsed" in words(torch.full((256, 8, 1, 8), 0.3), adds, actions)


def test_one_direction_that_is_left_is_a_collapse_too():
    latents, actions = walks()
    line = latents[..., :1] * torch.randn(8)
    assert measure(line, adds, actions).effective_rank == pytest.approx(1, abs=0.01)
    assert "Collapsed" in words(line, adds, actions)


def test_latents_that_differ_between_windows_only_are_slow_features():
    _, actions = walks()
    slow = torch.randn(256, 1, 1, 8) + 1e-3 * torch.randn(256, 8, 1, 8)
    found = words(slow, lambda now, _: now, actions)
    assert "Slow features" in found
    assert "Collapsed" not in found


def test_a_predictor_that_ignores_actions_is_told():
    latents, actions = walks()
    assert "Actions hardly matter" in words(latents, lambda now, _: 0.9 * now, actions)
    assert "Actions hardly matter" not in words(latents, adds, actions)


def test_a_predictor_that_knows_past_actions_only_is_told():
    latents, actions = walks()

    def late(now: Tensor, done: Tensor) -> Tensor:
        return adds(now, torch.cat([torch.zeros_like(done[:, :1]), done[:, :-1]], dim=1))

    assert "Actions hardly matter" in words(latents, late, actions)


def test_copying_the_last_frame_is_told():
    latents, actions = walks()
    assert "Prediction" in words(latents, lambda now, _: now, actions)
    assert measure(latents, lambda now, _: now, actions).error_over_copy == pytest.approx(1)


def test_the_numbers_are_their_formulas():
    latents, actions = walks(16, 5)
    health = measure(latents, lambda now, done: 0.5 * adds(now, done), actions)
    flat = latents[:, :, 0].reshape(-1, 8)
    shares = torch.linalg.svdvals(flat - flat.mean(dim=0))
    shares = shares / shares.sum()
    assert health.effective_rank == pytest.approx(torch.exp(-(shares * shares.log()).sum()).item(), rel=1e-4)
    assert health.std_batch == pytest.approx(flat.std(dim=0).median().item(), rel=1e-4)
    assert health.std_batch_min == pytest.approx(flat.std(dim=0).min().item(), rel=1e-4)
    in_time = torch.stack([latents[row, :, 0].std(dim=0) for row in range(16)]).mean(dim=0)
    assert health.std_time == pytest.approx(in_time.median().item(), rel=1e-4)
    error = (0.5 * adds(latents[:, :-1], actions) - latents[:, 1:]).square().mean()
    assert health.error_over_copy == pytest.approx((error / latents.diff(dim=1).square().mean()).item(), rel=1e-4)
    assert health.error_over_mean == pytest.approx((error / flat.var(dim=0, correction=0).mean()).item(), rel=1e-4)


def test_all_but_the_deviations_are_free_of_scale():
    latents, actions = walks(16, 5)

    def scaled(now: Tensor, done: Tensor) -> Tensor:
        return 100 * adds(now / 100, 0.7 * done)

    small = measure(latents, lambda now, done: adds(now, 0.7 * done), actions)
    large = measure(100 * latents, scaled, actions)
    assert large.std_batch == pytest.approx(100 * small.std_batch, rel=1e-4)
    for name in ("effective_rank", "action_sensitivity", "error_over_copy", "error_over_mean"):
        assert getattr(large, name) == pytest.approx(getattr(small, name), rel=1e-3)


@pytest.mark.parametrize(
    ("reading", "advice"),
    [
        ({"std_batch": 0.01}, "raise the variance weight"),
        ({"effective_rank": 1.2}, "raise the variance weight"),
        ({"std_time": 0.1}, "time-variance weight"),
        ({"action_sensitivity": 0.1}, "check the pairing and units"),
        ({"error_over_copy": 1.1}, "frame skip"),
    ],
)
def test_each_fault_comes_with_what_to_try(reading, advice):
    (said,) = findings(replace(HEALTHY, **reading))
    assert advice in said


@pytest.mark.parametrize("steps", [1, 7, 20, 400])
def test_it_reads_early_enough_to_warn_within_the_first_quarter(steps):
    meter = CollapseMeter(Windows({"pixels": torch.zeros(1)}, torch.zeros(1)), steps)
    due = [done for done in range(steps + 1) if meter.due(done)]
    assert 0 not in due
    assert due[0] <= max(1, steps / 4)
    assert len(due) <= max(20, steps / (steps // 20 or 1))

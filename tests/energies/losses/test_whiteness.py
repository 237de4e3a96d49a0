"""The log-determinant term: what it is of known clouds, and that it lifts the directions a hinge overlooks."""

import pytest
import torch
from torch import Generator

from gedanken.energies.losses import variance, whiteness
from gedanken.errors import ShapeError


def cloud(count=20_000, width=6):
    return torch.randn(count, width, generator=Generator().manual_seed(0))


def test_known_clouds():
    assert whiteness(cloud()) == pytest.approx(0.0, abs=2e-3)
    assert whiteness(torch.zeros(10, 6)) == pytest.approx((6.9078 - 1) / 2, abs=1e-3)
    half = cloud()
    half[:, :3] *= 2
    assert whiteness(half) == pytest.approx((4 - 1.3863 - 1) / 4, abs=0.02)
    assert whiteness(cloud() + 5.0) == pytest.approx(0.0, abs=2e-3)


def test_numbers_that_repeat_each_other_are_found_where_each_varies_enough():
    """The collapse that a hinge on deviations cannot see."""
    repeated = cloud()[:, :2].repeat(1, 3)
    assert variance(repeated) < 0.01
    assert whiteness(repeated) > 1.5


def test_descent_frees_what_was_told_twice():
    mixed = torch.nn.Parameter(
        torch.randn(6, 6, generator=Generator().manual_seed(1)) @ torch.diag(torch.tensor([3.0] + [0.02] * 5))
    )
    optimiser, points = torch.optim.Adam([mixed], lr=0.02), cloud(2000)
    for _ in range(300):
        optimiser.zero_grad()
        whiteness(points @ mixed).backward()
        optimiser.step()
    assert torch.linalg.svdvals(mixed.detach()).min() > 0.9


def test_one_sample_has_no_covariance():
    with pytest.raises(ShapeError, match="at least 2"):
        whiteness(torch.zeros(1, 6))

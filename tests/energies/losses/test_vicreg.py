import pytest
import torch

from gedanken.energies.losses import covariance, variance
from gedanken.errors import ShapeError

SAMPLES = torch.tensor([[0.0, 1.0], [0.2, 3.0], [0.4, 8.0]])


def test_variance_is_worked_out_by_hand():
    # Unbiased variances: 0.04 and 13. Only the first lies under the target of 1.
    assert variance(SAMPLES).item() == pytest.approx((1 - 0.0401**0.5) / 2, rel=1e-5)
    # At 5 both do.
    assert variance(SAMPLES, target=5.0).item() == pytest.approx(((5 - 0.0401**0.5) + (5 - 13.0001**0.5)) / 2, rel=1e-5)


def test_a_constant_latent_costs_almost_the_target_and_still_has_a_gradient():
    latents = torch.full((16, 4), 3.0, requires_grad=True)
    loss = variance(latents)
    assert loss.item() == pytest.approx(1 - 1e-4**0.5, rel=1e-6)
    loss.backward()
    assert latents.grad is not None
    assert torch.isfinite(latents.grad).all()


def test_spread_latents_cost_nothing_whatever_their_mean():
    latents = 2 * torch.randn(500, 6) + 40
    assert variance(latents) == 0


def test_covariance_is_worked_out_by_hand():
    # Three dimensions, so that D(D−1) = 6 differs from D and from D².
    samples = torch.tensor([[1.0, 2.0, 0.0], [-1.0, -2.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, -3.0]])
    matrix = torch.cov(samples.T)
    assert matrix[0, 1].item() == pytest.approx(4 / 3)
    assert covariance(samples).item() == pytest.approx(2 * (4 / 3) ** 2 / 6, rel=1e-5)


def test_covariance_ignores_the_mean_and_the_diagonal():
    latents = torch.randn(64, 5)
    torch.testing.assert_close(covariance(latents + 7), covariance(latents), rtol=1e-4, atol=1e-7)
    off_diagonal = torch.cov(latents.T).fill_diagonal_(0)
    torch.testing.assert_close(covariance(latents), off_diagonal.square().sum() / 20)
    assert covariance(torch.randn(8, 1)) == 0


@pytest.mark.parametrize("loss", [variance, covariance])
def test_one_sample_has_no_spread(loss):
    with pytest.raises(ShapeError, match="at least 2 samples"):
        loss(torch.zeros(1, 4))

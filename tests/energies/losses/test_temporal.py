import pytest
import torch

from gedanken.energies.losses import temporal_similarity, time_variance


def test_temporal_similarity_is_the_mean_squared_step():
    latents = torch.tensor([0.0, 1.0, 3.0]).reshape(1, 3, 1, 1)
    assert temporal_similarity(latents).item() == (1 + 4) / 2
    latents = torch.randn(2, 4, 3, 5)
    by_hand = [
        (latents[b, t + 1, p, d] - latents[b, t, p, d]) ** 2
        for b in range(2)
        for t in range(3)
        for p in range(3)
        for d in range(5)
    ]
    torch.testing.assert_close(temporal_similarity(latents), torch.stack(by_hand).mean())


def test_time_variance_reads_each_trajectory_by_itself_and_leaves_the_first_frame_out():
    # Two trajectories far apart, so any variance taken over the batch would be large.
    still = torch.tensor([[9.0, 0.1, 0.3, 0.5], [-9.0, 7.0, 7.0, 7.0]]).reshape(2, 4, 1, 1)
    expected = ((1 - (0.04 + 1e-4) ** 0.5) + (1 - 0.01)) / 2
    assert time_variance(still).item() == pytest.approx(expected, rel=1e-5)
    other_first = still.clone()
    other_first[:, 0] = 123.0
    assert time_variance(other_first) == time_variance(still)


def test_time_variance_sees_the_slow_features_that_the_batch_hides():
    slow = torch.randn(64, 1, 1, 8).expand(-1, 6, -1, -1)
    lively = torch.randn(64, 6, 1, 8) * 3
    assert time_variance(slow).item() == pytest.approx(0.99, abs=1e-4)
    assert time_variance(lively) < 0.05
    assert time_variance(lively, target=100.0) > 90

import pytest
import torch
from torch import Tensor

from gedanken.energies.losses import open_loop_errors
from gedanken.errors import BadInput, ShapeError


def walk(frames: int = 6) -> tuple[Tensor, Tensor]:
    """A world whose latent is the sum of its actions."""
    actions = torch.randn(4, frames - 1, 3)
    latents = torch.cat([torch.randn(4, 1, 3), actions], dim=1).cumsum(dim=1)
    return latents[:, :, None], actions


def summed(latents: Tensor, actions: Tensor, ahead: int) -> list[Tensor]:
    """What that world does, from every frame."""
    predicted, now = [], latents
    for k in range(ahead):
        starts = actions.shape[1] - k
        now = now[:, :starts] + actions[:, k:, None]
        predicted.append(now)
    return predicted


def test_a_perfect_prediction_has_no_error_and_copying_has_that_of_the_path():
    latents, actions = walk()
    errors = open_loop_errors(summed(latents, actions, 5), latents)
    torch.testing.assert_close(errors, torch.zeros(5), atol=1e-10, rtol=0)
    copied = open_loop_errors([latents[:, :-k] for k in range(1, 6)], latents)
    for k in range(1, 6):
        torch.testing.assert_close(copied[k - 1], (latents[:, k:] - latents[:, :-k]).square().mean())
    assert (copied > 0.5).all()


def test_each_horizon_is_the_mean_over_its_own_starts():
    latents = torch.randn(2, 7, 2, 3)
    predicted = [torch.randn(2, 7 - k, 2, 3) for k in (1, 2, 3, 4)]
    found = open_loop_errors(predicted, latents)
    for k in range(1, 5):
        errors = [
            (predicted[k - 1][row, start] - latents[row, start + k]).square().mean()
            for row in range(2)
            for start in range(7 - k)
        ]
        torch.testing.assert_close(found[k - 1], torch.stack(errors).mean())


@pytest.mark.parametrize("shift", [-1, 1])
def test_actions_that_are_off_by_one_show(shift):
    latents, actions = walk()
    assert (open_loop_errors(summed(latents, actions.roll(shift, dims=1), 4), latents) > 0.5).all()


def test_gradients_reach_predictions_and_targets():
    latents, actions = walk(2)
    latents.requires_grad_()
    open_loop_errors([0.5 * each for each in summed(latents, actions, 1)], latents).sum().backward()
    assert latents.grad is not None
    assert (latents.grad[:, 0].abs() > 0).all()
    assert (latents.grad[:, 1].abs() > 0).all()


def test_predictions_that_do_not_fit_their_frames_are_refused():
    latents, actions = walk(6)
    with pytest.raises(BadInput, match="nothing was predicted"):
        open_loop_errors([], latents)
    one, _ = summed(latents, actions, 2)
    for wrong in ([one, one], [one[:, :, :, :1]], [one.expand(-1, -1, 2, -1)]):
        with pytest.raises(ShapeError, match="frames to compare them with"):
            open_loop_errors(wrong, latents)
    with pytest.raises(ShapeError, match="1 steps ahead"):
        open_loop_errors([latents[:, :0]], latents[:, :1])


def test_predictions_from_the_first_frames_alone_are_compared_with_theirs():
    """Whatever is wrong from frame 1 on is not asked for."""
    latents, actions = walk(6)
    from_first = [each[:, :1] for each in summed(latents, actions, 3)]
    assert (open_loop_errors(from_first, latents) < 1e-10).all()
    actions[:, 3:] += 1.0
    assert (open_loop_errors([each[:, :1] for each in summed(latents, actions, 3)], latents) < 1e-10).all()
    assert (open_loop_errors(summed(latents, actions, 3), latents) > 0.1).all()

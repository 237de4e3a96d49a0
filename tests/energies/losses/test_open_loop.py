import pytest
import torch
from torch import Tensor

from gedanken.energies.losses import open_loop_errors
from gedanken.errors import BadInput


def adds(latents: Tensor, actions: Tensor) -> Tensor:
    """The true step of a world whose latent is the sum of its actions."""
    return latents + actions[..., None, :]


def walk(frames: int = 6) -> tuple[Tensor, Tensor]:
    actions = torch.randn(4, frames - 1, 3)
    latents = torch.cat([torch.randn(4, 1, 3), actions], dim=1).cumsum(dim=1)
    return latents[:, :, None], actions


def test_a_perfect_predictor_has_no_error_and_copying_has_that_of_the_path():
    latents, actions = walk()
    torch.testing.assert_close(open_loop_errors(adds, latents, actions, 5), torch.zeros(5), atol=1e-10, rtol=0)
    copied = open_loop_errors(lambda now, _: now, latents, actions, 5)
    for k in range(1, 6):
        torch.testing.assert_close(copied[k - 1], (latents[:, k:] - latents[:, :-k]).square().mean())
    assert (copied > 0.5).all()


def test_every_start_is_rolled_out_as_a_plain_loop_would():
    latents, actions = torch.randn(2, 7, 2, 3), torch.randn(2, 6, 3)

    def step(now: Tensor, action: Tensor) -> Tensor:
        return torch.tanh(1.3 * now + 0.7 * action[..., None, :])

    found = open_loop_errors(step, latents, actions, 4)
    for k in range(1, 5):
        errors = []
        for row in range(2):
            for start in range(7 - k):
                predicted = latents[row, start]
                for ahead in range(k):
                    predicted = torch.tanh(1.3 * predicted + 0.7 * actions[row, start + ahead])
                errors.append((predicted - latents[row, start + k]).square().mean())
        torch.testing.assert_close(found[k - 1], torch.stack(errors).mean())


@pytest.mark.parametrize("shift", [-1, 1])
def test_actions_that_are_off_by_one_show(shift):
    latents, actions = walk()
    assert (open_loop_errors(adds, latents, actions.roll(shift, dims=1), 4) > 0.5).all()


def test_gradients_reach_predictions_and_targets():
    latents, actions = walk(2)
    latents.requires_grad_()
    open_loop_errors(lambda now, action: 0.5 * adds(now, action), latents, actions, 1).sum().backward()
    assert latents.grad is not None
    assert (latents.grad[:, 0].abs() > 0).all()
    assert (latents.grad[:, 1].abs() > 0).all()


@pytest.mark.parametrize("ahead", [0, 6, 7])
def test_a_window_too_short_is_refused(ahead):
    latents, actions = walk(6)
    with pytest.raises(BadInput, match="this one has 6"):
        open_loop_errors(adds, latents, actions, ahead)

import torch

from gedanken.energies.losses import InverseDynamics


def test_the_mean_of_each_block_of_actions_is_asked_for():
    head = InverseDynamics(latent=4, width=2, frame_skip=3, hidden=8)
    for each in head.network[-1].parameters():
        torch.nn.init.zeros_(each)
    actions = torch.tensor([1.0, 10.0, 2.0, 20.0, 3.0, 30.0]).reshape(1, 1, 6)
    # A head that answers zero is wrong by the block's mean (2, 20).
    assert head(torch.randn(1, 2, 1, 4), actions).item() == (4 + 400) / 2


def test_gradients_flow_into_the_latents_on_both_sides():
    head = InverseDynamics(latent=6, width=2, frame_skip=1)
    latents = torch.randn(3, 2, 1, 6, requires_grad=True)
    head(latents, torch.randn(3, 1, 2)).backward()
    assert latents.grad is not None
    before, after = latents.grad.unbind(dim=1)
    assert (before.abs().sum(dim=(1, 2)) > 0).all()
    assert (after.abs().sum(dim=(1, 2)) > 0).all()


def test_an_action_that_shows_in_the_latents_can_be_named_and_a_shifted_one_cannot():
    actions = torch.randn(32, 6, 2)
    latents = torch.cat([torch.zeros(32, 1, 2), actions.cumsum(dim=1)], dim=1)[:, :, None]

    def trained(named: torch.Tensor) -> float:
        head = InverseDynamics(latent=2, width=2, frame_skip=1, hidden=32)
        optimiser = torch.optim.Adam(head.parameters(), 1e-2)
        for _ in range(80):
            optimiser.zero_grad()
            loss = head(latents, named)
            loss.backward()
            optimiser.step()
        return loss.item()

    assert trained(actions) < 0.1
    assert trained(actions.roll(1, dims=1)) > 0.4

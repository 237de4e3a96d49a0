"""A layer in whitened coordinates says the same, learns faster where inputs hardly vary, and is one layer again after."""

import pytest
import torch
from torch import Generator, nn

from gedanken.errors import BadInput
from gedanken.models import ResidualMLP, ResidualMLPConfig
from gedanken.recipes.whitened import whitened


def uneven(rows: int = 4000, seed: int = 0) -> torch.Tensor:
    """Latents `[rows, 1, 6]` that vary by 3 along one direction, by 0.03 along three, and not at all along two."""
    generator = Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    spread = torch.tensor([3.0, 0.03, 0.03, 0.03, 0.0, 0.0])
    return (1 + (torch.randn(rows, 6, generator=generator) * spread) @ turn.T)[:, None]


def predictor() -> ResidualMLP:
    torch.manual_seed(1)
    return ResidualMLP(ResidualMLPConfig(hidden=16, norm=False), 6, 2)


@pytest.mark.parametrize("components", [4, 6, 100])
def test_it_says_the_same_inside_and_after(components):
    one, latents = predictor(), uneven()
    layer = one.from_latent
    before = layer(latents)
    with whitened(one, latents, components):
        assert one.from_latent is not layer
        torch.testing.assert_close(one.from_latent(latents), before, atol=1e-4, rtol=1e-4)
        inner = [name for name, _ in one.from_latent.named_parameters()]
        assert inner == ["layer.weight", "layer.bias"]
    assert type(one.from_latent) is nn.Linear
    torch.testing.assert_close(one.from_latent(latents), before, atol=1e-4, rtol=1e-4)
    assert list(one.state_dict()) == list(predictor().state_dict())


def test_what_is_left_out_is_not_seen():
    one, latents = predictor(), uneven()
    with whitened(one, latents, 1):
        spread = one.from_latent(latents)[:, 0]
        centred = spread - spread.mean(dim=0)
        first, second = torch.linalg.svdvals(centred)[:2]
        assert first > 1e3 * second


def test_it_learns_where_inputs_hardly_vary():
    latents = uneven()
    along = torch.linalg.svd(latents[:, 0] - latents.mean(dim=0), full_matrices=False).Vh[1]
    wanted = ((latents - latents.mean(dim=0)) @ along).sign()[..., None].expand(-1, -1, 6)

    def error(components: int) -> float:
        one, none = predictor(), torch.zeros(len(latents), 16)
        with whitened(one, latents, components):
            optimiser = torch.optim.AdamW(one.parameters(), 1e-2)
            for _ in range(60):
                loss = (one(latents, none) - latents - wanted).square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        with torch.no_grad():
            return (one(latents, none) - latents - wanted).square().mean().item()

    assert error(4) < 0.4 * error(0)


def test_what_was_learnt_inside_stays():
    one, latents = predictor(), uneven()
    with whitened(one, latents, 4):
        with torch.no_grad():
            for value in one.from_latent.parameters():
                value.add_(0.5)
        inside = one.from_latent(latents)
    torch.testing.assert_close(one.from_latent(latents), inside, atol=1e-4, rtol=1e-4)


def test_a_layer_is_put_back_when_training_breaks_off():
    one = predictor()
    with pytest.raises(KeyboardInterrupt), whitened(one, uneven(), 4):
        raise KeyboardInterrupt
    assert type(one.from_latent) is nn.Linear


def test_a_predictor_without_such_a_layer_is_refused():
    other = nn.Sequential(nn.Linear(6, 6))
    with whitened(other, uneven(), 0):
        pass
    with pytest.raises(BadInput, match="from_latent"), whitened(other, uneven(), 4):
        pass

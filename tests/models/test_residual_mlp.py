import pytest
import torch

from gedanken.errors import BadInput
from gedanken.models import ResidualMLP, ResidualMLPConfig


def test_the_next_latent_is_the_normalised_sum_of_this_one_and_a_change():
    predictor = ResidualMLP(ResidualMLPConfig(hidden=16, depth=3), latent=6, action=2)
    latents, condition = torch.randn(4, 5, 3, 6), predictor.condition(torch.randn(4, 5, 2))
    following = predictor(latents, condition)
    assert following.shape == latents.shape
    for each in predictor.body[-1].parameters():
        torch.nn.init.zeros_(each)
    torch.testing.assert_close(predictor(latents, condition), predictor.norm(latents))


def test_it_remembers_nothing():
    predictor = ResidualMLP(ResidualMLPConfig(hidden=16), latent=6, action=2)
    latents, condition = torch.randn(4, 5, 3, 6), predictor.condition(torch.randn(4, 5, 2))
    state = predictor.starts(latents, condition[:, :-1])
    assert len(state) == 1
    assert torch.equal(state[0], latents)
    (following,) = predictor.step(state, condition)
    assert torch.equal(following, predictor(latents, condition))


def test_depth_counts_hidden_layers():
    def linears(depth: int) -> int:
        modules = ResidualMLP(ResidualMLPConfig(hidden=8, depth=depth), 4, 2).modules()
        return sum(isinstance(each, torch.nn.Linear) for each in modules)

    assert [linears(depth) for depth in (1, 2, 5)] == [3, 4, 7]


def test_an_action_moves_every_patch():
    predictor = ResidualMLP(ResidualMLPConfig(hidden=16), latent=6, action=2)
    latents = torch.randn(1, 3, 6)
    apart = predictor(latents, predictor.condition(torch.tensor([[1.0, 0.0]]))) - predictor(
        latents, predictor.condition(torch.tensor([[0.0, 1.0]]))
    )
    assert (apart.norm(dim=-1) > 0.01).all()


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"depth": 0}, {"depth": 65}])
def test_an_empty_or_bottomless_network_is_refused(settings):
    with pytest.raises(BadInput, match="at least 1"):
        ResidualMLPConfig(**settings)

"""The engine of the small predictor: its own rollouts, in fewer operations, and only where that is quicker."""

import pytest
import torch
from torch import Tensor, nn

from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig
from gedanken.models.engine import engine_of, rounding_of
from gedanken.models.engine.residual import ResidualEngine
from gedanken.types import ActionSpec, Context

ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
LATENT = 12


class AsSeen(nn.Module):
    def encode(self, observation):
        return observation["latents"]


def made(**sizes) -> JEPA:
    """A model whose every weight matters, and whose latents actions move."""
    torch.manual_seed(0)
    model = JEPA(AsSeen(), ResidualMLP(ResidualMLPConfig(**({"hidden": 16} | sizes)), LATENT, 4), ACTION, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.action_mean.copy_(torch.linspace(-0.2, 0.2, 4))
    return model.eval()


def question(frames: int = 1, batch: int = 2, candidates: int = 20, horizon: int = 7, patches: int = 1):
    context = Context(torch.randn(batch, frames, patches, LATENT), torch.randn(batch, frames - 1, 4))
    return context, torch.randn(batch, candidates, horizon, 4)


def plain(model: JEPA, context: Context, actions: Tensor) -> Tensor:
    with torch.enable_grad():
        return model.rollout(context, actions).latents.detach()


def used(model: JEPA, asked, monkeypatch) -> bool:
    calls = []
    call = ResidualEngine.__call__
    with monkeypatch.context() as patch:
        patch.setattr(ResidualEngine, "__call__", lambda *given: calls.append(1) or call(*given))
        model.rollout(*asked)
    return bool(calls)


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("norm", [True, False])
def test_rollouts_are_the_predictors_own_in_every_round(depth, norm, monkeypatch):
    model = made(depth=depth, norm=norm)
    for frames in (1, 3):
        for asked in (question(frames), question(frames), question(frames, horizon=1, candidates=50)):
            assert used(model, asked, monkeypatch)
            torch.testing.assert_close(model.rollout(*asked).latents, plain(model, *asked), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_candidates_and_the_context_are_left_as_they_were():
    model, (context, actions) = made(), question()
    before = context.latents.clone(), actions.clone()
    model.rollout(context, actions)
    assert torch.equal(context.latents, before[0])
    assert torch.equal(actions, before[1])


def test_it_is_used_for_searches_and_for_nothing_else(monkeypatch):
    model, asked = made(), question()
    assert not used(model, asked, monkeypatch)  # gradients may be wanted
    with torch.no_grad():
        assert used(model, asked, monkeypatch)
        assert not used(model, question(candidates=1, horizon=1), monkeypatch)
        assert not used(model, question(patches=3), monkeypatch)
        assert not used(model.train(), asked, monkeypatch)


def loaded(predictor):
    predictor.load_state_dict({name: tensor * 1.5 for name, tensor in predictor.state_dict().items()})


def written_through_data(predictor):
    predictor.body[1].weight.data[3, 5] += 1


def its_norm_moved(predictor):
    predictor.norm.bias.add_(1)


@torch.no_grad()
@pytest.mark.parametrize("change", [loaded, written_through_data, its_norm_moved])
def test_an_engine_is_never_older_than_the_weights(change):
    model, asked = made(), question()
    before = model.rollout(*asked).latents
    change(model.predictor)
    after = model.rollout(*asked).latents
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, plain(model, *asked), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_it_offers_no_bfloat16():
    model, (context, _) = made(), question()
    exact, rounded = (engine_of(model.predictor, context.latents, dtype) for dtype in ("float32", "bfloat16"))
    asked = context.latents[:, :, 0], context.actions, torch.randn(2, 20, 7, 4)
    assert torch.equal(exact(*asked), rounded(*asked))
    assert rounding_of(model.predictor) is None

import pytest
import torch

from gedanken.errors import BadInput
from gedanken.models import GRUPredictor, GRUPredictorConfig


@torch.no_grad()
def test_its_memory_is_that_of_a_gru_reading_latents_and_actions():
    predictor = GRUPredictor(GRUPredictorConfig(hidden=5, norm=False), latent=3, action=2)
    textbook = torch.nn.GRUCell(5, 5)
    textbook.weight_ih.copy_(torch.cat([predictor.from_latent.weight, predictor.from_action.weight], dim=1))
    textbook.bias_ih.copy_(predictor.from_latent.bias)
    textbook.weight_hh.copy_(predictor.from_memory.weight)
    textbook.bias_hh.copy_(predictor.from_memory.bias)
    latents, actions = torch.randn(4, 6, 1, 3), torch.randn(4, 6, 2)
    condition = predictor.condition(actions)
    starts = predictor.starts(latents, condition[:, :-1])
    memory = torch.zeros(4, 5)
    for frame in range(6):
        torch.testing.assert_close(starts[1][:, frame, 0], memory)
        memory = textbook(torch.cat([latents[:, frame, 0], actions[:, frame]], dim=1), memory)
        following, kept = predictor.step(tuple(part[:, frame] for part in starts), condition[:, frame])
        torch.testing.assert_close(kept[:, 0], memory)
        torch.testing.assert_close(following[:, 0], latents[:, frame, 0] + predictor.to_change(memory))


@torch.no_grad()
def test_each_patch_has_a_memory_of_its_own():
    predictor = GRUPredictor(GRUPredictorConfig(hidden=5), latent=3, action=2)
    latents, condition = torch.randn(2, 4, 3, 3), predictor.condition(torch.randn(2, 3, 2))
    whole = predictor.starts(latents, condition)
    alone = predictor.starts(latents[:, :, 1:2], condition)
    for part, other in zip(whole, alone, strict=True):
        torch.testing.assert_close(part[:, :, 1:2], other)


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"past": 0}, {"past": 10**9}])
def test_a_memory_of_nothing_or_of_everything_is_refused(settings):
    with pytest.raises(BadInput, match=next(iter(settings))):
        GRUPredictorConfig(**settings)

"""The doctor says what bfloat16 would round, and that a model which drowns in it is planned with in float32."""

import json

import torch
from torch import Generator, nn

from gedanken.evaluation.doctor import examine
from gedanken.evaluation.doctor.rounding import rounding
from gedanken.models import JEPA, ResidualMLP, ResidualMLPConfig, WindowTransformer, WindowTransformerConfig
from gedanken.types import ActionSpec, Windows

ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))


class Seen(nn.Module):
    def encode(self, observation):
        return observation["place"][:, :, None]


class Drawn:
    def sample(self, count, generator):
        actions = torch.randn(count, 4, 2, generator=generator)
        return Windows({"place": torch.randn(count, 5, 12, generator=generator)}, actions)


def model(gain: float) -> JEPA:
    torch.manual_seed(0)
    config = WindowTransformerConfig(
        width=12, action_hidden=16, depth=2, heads=2, head_width=6, hidden=16, head_hidden=16
    )
    made = JEPA(Seen(), WindowTransformer(config, 12, 2), ACTION, 1).eval()
    with torch.no_grad():
        for layer in made.predictor.layers:
            layer.modulate[1].weight.normal_(std=gain)
            layer.modulate[1].bias.normal_()
    return made


def test_it_says_what_bfloat16_would_round():
    (quiet,) = rounding(model(3.0))
    (drowned,) = rounding(model(1e-3))
    assert 1e-4 < quiet.number < 0.2
    assert drowned.number > 3 * quiet.number
    assert drowned.severity == "warn"
    assert "stay in float32" in drowned.said
    (blind,) = rounding(model(0.0))
    assert blind.number > 100
    json.dumps(blind.number, allow_nan=False)


def test_only_models_with_an_engine_have_such_a_finding():
    assert rounding(JEPA(Seen(), ResidualMLP(ResidualMLPConfig(), 12, 2), ACTION, 1)) == []
    assert rounding(model(1.0).train()) == []
    found = examine(model(3.0), Drawn(), Generator().manual_seed(0), windows=40)
    assert found.findings[-1].check == "rounding of bfloat16"

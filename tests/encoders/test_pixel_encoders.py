"""What every encoder of pixels keeps, whatever is inside."""

import pytest
import torch

from gedanken.contracts import Encoder
from gedanken.encoders import (
    ConvEncoder,
    ConvEncoderConfig,
    KeypointEncoder,
    KeypointEncoderConfig,
    ViTEncoder,
    ViTEncoderConfig,
)
from gedanken.errors import BadInput, ShapeError

SIZE, CHANNELS = (16, 24), 2
COMMON = {"size": SIZE, "channels": CHANNELS, "latent": 8}
VIT = {**COMMON, "width": 12, "depth": 2, "heads": 3, "head_hidden": 16}
CONFIGS = {
    "patchify": ConvEncoderConfig(**COMMON, stem="patchify", width=4),
    "strided": ConvEncoderConfig(**COMMON, stem="strided", width=4),
    "conv, batch norm": ConvEncoderConfig(**COMMON, width=4, head="batch_norm_mlp", head_hidden=16),
    "keypoints": KeypointEncoderConfig(**COMMON, width=4, keypoints=6),
    "keypoints, batch norm": KeypointEncoderConfig(
        **COMMON, width=4, keypoints=6, head="batch_norm_mlp", head_hidden=16
    ),
    "token": ViTEncoderConfig(**VIT),
    "patches": ViTEncoderConfig(**VIT, output="patches"),
    "token, batch norm": ViTEncoderConfig(**VIT, head="batch_norm_mlp"),
    "patches, batch norm": ViTEncoderConfig(**VIT, output="patches", head="batch_norm_mlp"),
}
MADE = {"conv": ConvEncoder, "keypoints": KeypointEncoder, "vit": ViTEncoder}
every_encoder = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def made(config):
    torch.manual_seed(0)
    return MADE[config.kind](config).eval()


def frames(batch=3, past=2) -> dict[str, torch.Tensor]:
    return {"pixels": torch.randint(0, 256, (batch, past, *SIZE, CHANNELS), dtype=torch.uint8)}


@every_encoder
def test_frames_become_float_latents(config):
    encoder = made(config)
    assert isinstance(encoder, Encoder)
    latents = encoder.encode(frames())
    patches = 2 * 3 if getattr(config, "output", None) == "patches" else 1
    assert latents.shape == (3, 2, patches, 8)
    assert latents.dtype == torch.float32


@every_encoder
def test_every_pixel_counts(config):
    seen = {"pixels": frames(32, 1)["pixels"].float().requires_grad_()}
    made(config).encode(seen)[..., 0].sum().backward()
    assert (seen["pixels"].grad.abs().sum(dim=0) > 0).all()


@every_encoder
def test_every_weight_learns(config):
    encoder = made(config).train()
    encoder.encode(frames(8, 1))[..., 0].square().sum().backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None or not weight.grad.any()] == []


@every_encoder
def test_each_frame_has_a_latent_of_its_own(config):
    encoder = made(config).train()
    for _ in range(30):
        encoder.encode(frames(8, 1))  # until a batch norm has seen what there is
    latents = encoder.eval().encode(frames(8, 1))[:, 0].flatten(1)
    assert torch.pdist(latents).min() > 0.02 * latents.norm(dim=1).mean()


@every_encoder
def test_each_frame_is_encoded_by_itself(config):
    encoder, seen = made(config), frames()
    apart = torch.stack(
        [torch.stack([encoder.encode({"pixels": each[None, None]})[0, 0] for each in row]) for row in seen["pixels"]]
    )
    torch.testing.assert_close(encoder.encode(seen), apart, atol=1e-4, rtol=1e-4)


@every_encoder
def test_half_precision_gives_nearly_the_same_latents(config):
    encoder, seen = made(config), frames()
    latents = encoder.encode(seen)
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder.encode(seen)
    assert half.dtype == torch.float32
    assert (half - latents).norm() < 0.05 * latents.norm()


@every_encoder
def test_pixels_are_normalised_by_the_buffers(config):
    encoder, seen = made(config), frames()
    encoder.pixel_mean.copy_(torch.tensor([20.0, 200.0]))
    encoder.pixel_std.copy_(torch.tensor([3.0, 60.0]))
    by_hand = {"pixels": (seen["pixels"].float() - encoder.pixel_mean) / encoder.pixel_std}
    torch.testing.assert_close(encoder.encode(seen), made(config).encode(by_hand), atol=1e-4, rtol=1e-4)


@every_encoder
@pytest.mark.parametrize("statistic", ["pixel_mean", "pixel_std"])
def test_a_statistic_is_part_of_the_model_and_moves_its_latents(config, statistic):
    encoder, seen = made(config), frames()
    assert statistic in encoder.state_dict()
    before = encoder.encode(seen)
    getattr(encoder, statistic)[1] += 50
    assert (encoder.encode(seen) - before).abs().max() > 0.01


@every_encoder
@pytest.mark.parametrize("shape", [(1, 1, 16, 16, 2), (1, 1, 16, 24, 3), (1, 16, 24, 2), (1, 1, 24, 16, 2)])
def test_frames_of_another_size_or_channels_are_refused(config, shape):
    with pytest.raises(ShapeError, match=r"expected \[B, T, 16, 24, 2\]"):
        made(config).encode({"pixels": torch.zeros(shape, dtype=torch.uint8)})


@every_encoder
def test_an_observation_without_pixels_is_refused(config):
    with pytest.raises(ShapeError, match="has \\['depth'\\]"):
        made(config).encode({"depth": torch.zeros(1, 1, *SIZE, CHANNELS, dtype=torch.uint8)})


@every_encoder
def test_it_can_be_built_without_memory(config):
    with torch.device("meta"):
        encoder = made(config)
    assert {tensor.device.type for tensor in encoder.state_dict().values()} == {"meta"}


@pytest.mark.parametrize("kind", [ConvEncoderConfig, ViTEncoderConfig])
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("size", (60, 64), "multiples of"),
        ("size", (0, 64), "multiples of"),
        ("size", (-64, 64), "multiples of"),
        ("latent", 0, "at least 1"),
        ("width", 0, "at least 1"),
        ("channels", 0, "at least 1"),
        ("head_hidden", 0, "head_hidden=0 must be at least 1"),
        ("head", "linear", "choose one of layer_norm, batch_norm_mlp"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(kind, field, value, words):
    config = kind()
    object.__setattr__(config, field, value)  # past the type checks that only the tests have
    with pytest.raises(BadInput, match=words):
        config.__post_init__()


def test_a_config_says_its_kind():
    assert (ConvEncoderConfig().kind, ViTEncoderConfig().kind) == ("conv", "vit")

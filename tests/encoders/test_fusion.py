"""Pixels and numbers in one latent: each is used where it is there, and has a token of its own where it is not."""

import pytest
import torch

from gedanken.contracts import Encoder
from gedanken.encoders import (
    ConvEncoder,
    ConvEncoderConfig,
    FusionEncoder,
    FusionEncoderConfig,
    SensorEncoderConfig,
    ViTEncoder,
    ViTEncoderConfig,
)
from gedanken.errors import BadInput, ShapeError

PIXELS = ConvEncoderConfig(size=(16, 16), channels=1, width=4, latent=6)
SENSORS = SensorEncoderConfig(streams=("place", "speed"), widths=(2, 1), hidden=8, latent=5)


def made(**settings) -> FusionEncoder:
    torch.manual_seed(0)
    config = FusionEncoderConfig(pixels=PIXELS, sensors=SENSORS, latent=8, head_hidden=16, **settings)
    encoder = FusionEncoder(config, ConvEncoder(PIXELS))
    torch.nn.init.normal_(encoder.without_pixels)
    torch.nn.init.normal_(encoder.without_sensors)
    return encoder.eval()


def seen(batch=4, past=3, *streams: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (batch, past, 16, 16, 1), dtype=torch.uint8, generator=generator)
    place, speed = (torch.randn(batch, past, width, generator=generator) for width in (2, 1))
    everything = {"pixels": pixels, "place": place, "speed": speed}
    return {name: everything[name] for name in streams or everything}


@pytest.mark.parametrize("head", ["layer_norm", "batch_norm_mlp"])
def test_both_become_one_vector_a_frame(head):
    encoder = made(head=head)
    assert isinstance(encoder, Encoder)
    latents = encoder.encode(seen())
    assert latents.shape == (4, 3, 1, 8)
    assert latents.dtype == torch.float32
    assert encoder.config.streams == ("pixels", "place", "speed")


@pytest.mark.parametrize("there", [("pixels",), ("place", "speed"), ("pixels", "speed"), ("speed",)])
def test_what_is_there_counts_and_what_is_not_changes_the_latent(there):
    encoder = made()
    latents, whole = encoder.encode(seen(4, 3, *there)), encoder.encode(seen())
    assert latents.shape == whole.shape
    assert (latents - whole).abs().amax(dim=(1, 2, 3)).min() > 0.01
    assert (latents[0] - latents[1]).abs().max() > 0.01


def test_sensors_that_read_nothing_are_as_good_as_absent_frame_by_frame():
    encoder, whole = made(), seen()
    silent = {**whole, "place": whole["place"].clone(), "speed": whole["speed"].clone()}
    silent["place"][:, 1] = torch.nan
    silent["speed"][:, 1] = torch.nan
    latents = encoder.encode(silent)
    torch.testing.assert_close(latents[:, 1], encoder.encode(seen(4, 3, "pixels"))[:, 1])
    torch.testing.assert_close(latents[:, 0], encoder.encode(whole)[:, 0])


def test_every_weight_learns():
    encoder = made(hide=0.3).train()
    numbers = seen(64, 2)
    numbers["speed"][:8] = torch.nan  # an absent stream beside one that is there
    encoder.encode(numbers)[..., 0].square().sum().backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_each_is_hidden_from_whole_windows_in_training_and_never_both():
    encoder = made(hide=0.25)
    encoder.sensors.config = SensorEncoderConfig(
        streams=("place", "speed"), widths=(2, 1), hidden=8, latent=5, hide=0.0
    )
    one = {name: values[:1].expand(400, *values.shape[1:]) for name, values in seen().items()}
    ways = [("pixels", "place", "speed"), ("pixels",), ("place", "speed")]
    told = [encoder.encode({name: one[name][:1] for name in way})[0] for way in ways]
    latents = encoder.train().encode(one)
    shares = [float(torch.isclose(latents, each, atol=1e-4).flatten(1).all(dim=1).float().mean()) for each in told]
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] == pytest.approx(0.5, abs=0.1)
    assert min(shares) > 0.15


def test_nothing_is_hidden_from_windows_that_have_only_one_of_them():
    encoder = made(hide=0.5)
    shown = encoder.encode(seen(32, 2, "pixels"))
    torch.testing.assert_close(encoder.train().encode(seen(32, 2, "pixels")), shown)


def test_an_observation_with_neither_is_refused():
    with pytest.raises(ShapeError, match="reads pixels, place, speed; there is \\['depth'\\]"):
        made().encode({"depth": torch.zeros(1, 1, 3)})


def test_an_encoder_of_patches_is_refused():
    config = ViTEncoderConfig(size=(16, 16), channels=1, width=12, depth=1, latent=6, output="patches")
    encoder = FusionEncoder(FusionEncoderConfig(pixels=config, sensors=SENSORS), ViTEncoder(config))
    with pytest.raises(ShapeError, match="gives 4 patches"):
        encoder.encode(seen())


def test_what_cannot_be_built_is_refused():
    with pytest.raises(BadInput, match="SensorEncoderConfig reads sensors; fusion takes an encoder of pixels"):
        FusionEncoderConfig(pixels=SensorEncoderConfig())
    with pytest.raises(BadInput, match=r"hide=0\.6"):
        FusionEncoderConfig(hide=0.6)
    with pytest.raises(BadInput, match="latent=0"):
        FusionEncoderConfig(latent=0)
    with pytest.raises(BadInput, match="has no `encode`"):
        FusionEncoder(FusionEncoderConfig(), torch.nn.Identity())

"""Numbers count in their own units, what is missing is known to be missing, and a moment is encoded by itself."""

import pytest
import torch

from gedanken.contracts import Encoder
from gedanken.encoders import SensorEncoder, SensorEncoderConfig
from gedanken.errors import BadInput, ShapeError

CONFIG = SensorEncoderConfig(streams=("place", "speed"), widths=(3, 1), hidden=16, latent=8)
HEADS = ("layer_norm", "batch_norm_mlp")
every_head = pytest.mark.parametrize("head", HEADS)


def made(head="layer_norm", **settings) -> SensorEncoder:
    torch.manual_seed(0)
    settings = {"streams": CONFIG.streams, "widths": CONFIG.widths, "hidden": 16, "latent": 8, **settings}
    return SensorEncoder(SensorEncoderConfig(head=head, head_hidden=16, **settings)).eval()


def readings(batch=4, past=3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(batch, past, width, generator=generator) for name, width in (("place", 3), ("speed", 1))}


@every_head
def test_streams_become_one_vector_a_frame(head):
    encoder = made(head)
    assert isinstance(encoder, Encoder)
    latents = encoder.encode(readings())
    assert latents.shape == (4, 3, 1, 8)
    assert latents.dtype == torch.float32


def test_streams_of_any_shape_and_type_of_number_are_read():
    encoder = made(streams=("grid", "count", "exact"), widths=(6, 1, 2))
    seen = {
        "grid": torch.randn(2, 3, 2, 3),
        "count": torch.randint(9, (2, 3)),
        "exact": torch.randn(2, 3, 2, dtype=torch.float64),
    }
    latents = encoder.encode(seen)
    assert latents.shape == (2, 3, 1, 8)
    assert not torch.equal(latents, encoder.encode({**seen, "count": seen["count"] + 1}))


@every_head
def test_each_frame_is_encoded_by_itself(head):
    encoder, seen = made(head), readings()
    whole = encoder.encode(seen)
    for row in range(4):
        for frame in range(3):
            alone = {name: values[row : row + 1, frame : frame + 1] for name, values in seen.items()}
            torch.testing.assert_close(encoder.encode(alone)[0, 0], whole[row, frame])


def test_numbers_are_normalised_by_the_buffers():
    encoder, seen = made(), readings()
    encoder.sensor_mean_place.copy_(torch.tensor([100.0, 0.0, -3.0]))
    encoder.sensor_std_speed.fill_(50.0)
    by_hand = {"place": seen["place"] - encoder.sensor_mean_place, "speed": seen["speed"] / 50}
    torch.testing.assert_close(encoder.encode(seen), made().encode(by_hand))
    assert {"sensor_mean_place", "sensor_std_place", "sensor_mean_speed", "sensor_std_speed"} <= set(
        encoder.state_dict()
    )


@every_head
def test_every_number_and_every_weight_counts(head):
    encoder, seen = made(head).train(), readings(16, 2)
    seen["speed"][:5] = torch.nan
    seen["place"][5:9, :, 1] = torch.inf
    seen["place"][9:12] = torch.nan
    seen = {name: values.requires_grad_() for name, values in seen.items()}
    encoder.encode(seen)[..., 0].square().sum().backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None or not weight.grad.any()] == []
    assert all((values.grad.abs().sum(dim=(0, 1)) > 0).all() for values in seen.values())


@every_head
def test_readings_come_first_in_the_latent_as_they_are(head):
    encoder = made(head, readings=True)
    encoder.sensor_mean_place.fill_(2.0)
    encoder.sensor_std_place.fill_(4.0)
    seen = readings()
    seen["speed"][0, 0] = torch.nan
    latents = encoder.encode(seen)
    assert latents.shape == (4, 3, 1, 8)
    torch.testing.assert_close(latents[:, :, 0, :3], (seen["place"] - 2) / 4)
    assert latents[0, 0, 0, 3] == 0
    torch.testing.assert_close(latents[1:, :, 0, 3], seen["speed"][1:, :, 0])


@pytest.mark.parametrize("absent", [torch.nan, torch.inf, -torch.inf])
def test_what_is_missing_is_missing_however_it_is_said(absent):
    encoder, seen = made(), readings()
    left_out = encoder.encode({"place": seen["place"]})
    torch.testing.assert_close(encoder.encode({**seen, "speed": torch.full_like(seen["speed"], absent)}), left_out)
    assert torch.isfinite(left_out).all()


def test_a_missing_number_is_not_a_mean_one():
    """An absence token tells it from a sensor that happens to read its mean."""
    encoder, seen = made(), readings()
    mean = encoder.encode({**seen, "speed": torch.zeros_like(seen["speed"])})
    assert (encoder.encode({"place": seen["place"]}) - mean).abs().max() > 0.01
    one = {**seen, "place": seen["place"].clone()}
    one["place"][..., 1] = torch.nan
    assert (encoder.encode(one) - encoder.encode(seen)).abs().max() > 0.01


def test_a_glitch_is_told_by_its_side_alone():
    encoder, seen = made(), readings()
    high, higher, low = (encoder.encode({**seen, "speed": torch.full((4, 3, 1), far)}) for far in (1e3, 1e30, -1e30))
    assert torch.isfinite(higher).all()
    assert torch.equal(high, higher)
    assert not torch.equal(high, low)


def test_half_precision_does_not_blur_a_sensor():
    encoder, seen = made(), readings()
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder.encode(seen)
    assert torch.equal(half, encoder.encode(seen))


def test_streams_are_hidden_in_training_only_and_never_all():
    encoder = made(hide=0.4)
    seen = {name: values[:1].expand(400, -1, -1) for name, values in readings().items()}
    assert encoder.encode(seen).unique(dim=0).shape[0] == 1
    encoder.train()
    told = encoder.encode(seen)[:, :, 0]
    both, place, speed = (
        made().encode(each)[0, :, 0] for each in (seen, {"place": seen["place"]}, {"speed": seen["speed"]})
    )
    shares = [
        float(torch.isclose(told, each, atol=1e-5).all(dim=-1).all(dim=-1).float().mean())
        for each in (both, place, speed)
    ]
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] == pytest.approx(0.36, abs=0.1)
    assert shares[1] == pytest.approx(shares[2], abs=0.12)


def test_the_only_stream_is_never_hidden():
    encoder = made(streams=("place",), widths=(3,), hide=0.9)
    seen = {"place": readings(200)["place"]}
    shown = encoder.encode(seen)
    torch.testing.assert_close(encoder.train().encode(seen), shown)
    both = made(hide=0.9)
    shown = both.encode(seen)
    torch.testing.assert_close(both.train().encode(seen), shown)


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 3), (4,), (4, 3, 2, 2)])
def test_samples_of_another_width_are_refused(shape):
    with pytest.raises(ShapeError, match=r"expected \[B, T, \.\.\.\] with 3 numbers"):
        made().encode({"place": torch.zeros(shape), "speed": torch.zeros(4, 3, 1)})


def test_an_observation_with_none_of_the_streams_is_refused():
    with pytest.raises(ShapeError, match="reads place, speed; the observation has \\['pixels'\\]"):
        made().encode({"pixels": torch.zeros(1, 1, 8, 8, 3, dtype=torch.uint8)})


def test_it_can_be_built_without_memory():
    with torch.device("meta"):
        encoder = made()
    assert {tensor.device.type for tensor in encoder.state_dict().values()} == {"meta"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"streams": ()}, "0 streams with 2 widths"),
        ({"streams": ("a", "a")}, "name each stream once"),
        ({"streams": ("a", "pixels")}, "'pixels' is no name of a sensor"),
        ({"streams": ("a", "b.c")}, "'b.c' is no name"),
        ({"widths": (3, 0)}, "at least 1"),
        ({"widths": (3, 2**60)}, "in all at most"),
        ({"depth": 0}, "depth=0"),
        ({"depth": 10**6}, "depth=1000000"),
        ({"latent": 0}, "latent=0"),
        ({"hidden": 0}, "hidden=0"),
        ({"readings": True, "latent": 4}, "leaves nothing beside 4 readings"),
        ({"hide": 1.0}, "hide=1.0"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        SensorEncoderConfig(**{"streams": ("a", "b"), "widths": (3, 1), **settings})

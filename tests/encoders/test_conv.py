import pytest
import torch

from gedanken.contracts import Encoder
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.errors import BadInput, ShapeError

both_stems = pytest.mark.parametrize("stem", ["patchify", "strided"])


def tiny(stem="patchify", size=(16, 24), channels=2) -> ConvEncoder:
    torch.manual_seed(0)
    return ConvEncoder(ConvEncoderConfig(stem=stem, size=size, channels=channels, width=4, latent=8))


def frames(batch=3, past=2, size=(16, 24), channels=2) -> dict[str, torch.Tensor]:
    return {"pixels": torch.randint(0, 256, (batch, past, *size, channels), dtype=torch.uint8)}


@both_stems
def test_frames_become_one_vector_each(stem):
    encoder = tiny(stem)
    assert isinstance(encoder, Encoder)
    latents = encoder.encode(frames())
    assert latents.shape == (3, 2, 1, 8)
    assert latents.dtype == torch.float32


@both_stems
@pytest.mark.parametrize("size", [(8, 8), (64, 64), (24, 40)])
def test_any_multiple_of_eight_fits(stem, size):
    assert tiny(stem, size, 3).encode(frames(1, 1, size, 3)).shape == (1, 1, 1, 8)


@both_stems
def test_every_pixel_counts(stem):
    seen = {"pixels": frames(32, 1)["pixels"].float().requires_grad_()}
    tiny(stem).encode(seen)[..., 0].sum().backward()
    assert (seen["pixels"].grad.abs().sum(dim=0) > 0).all()


def test_each_frame_has_a_latent_of_its_own():
    for stem in ("patchify", "strided"):
        latents = tiny(stem).encode(frames(8, 1))[:, 0, 0]
        assert torch.pdist(latents).min() > 0.05


def test_each_frame_is_encoded_by_itself():
    encoder, seen = tiny(), frames()
    apart = torch.stack(
        [torch.stack([encoder.encode({"pixels": each[None, None]})[0, 0] for each in row]) for row in seen["pixels"]]
    )
    torch.testing.assert_close(encoder.encode(seen), apart, atol=1e-5, rtol=1e-4)


def test_pixels_are_normalised_by_the_buffers():
    encoder, seen = tiny(), frames()
    encoder.pixel_mean.copy_(torch.tensor([20.0, 200.0]))
    encoder.pixel_std.copy_(torch.tensor([3.0, 60.0]))
    by_hand = {"pixels": (seen["pixels"].float() - encoder.pixel_mean) / encoder.pixel_std}
    torch.testing.assert_close(encoder.encode(seen), tiny().encode(by_hand), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("statistic", ["pixel_mean", "pixel_std"])
def test_a_statistic_is_part_of_the_model_and_moves_its_latents(statistic):
    encoder, seen = tiny(), frames()
    assert statistic in encoder.state_dict()
    before = encoder.encode(seen)
    getattr(encoder, statistic)[1] += 50
    assert (encoder.encode(seen) - before).abs().max() > 0.01


@pytest.mark.parametrize("shape", [(1, 1, 16, 16, 2), (1, 1, 16, 24, 3), (1, 16, 24, 2), (1, 1, 24, 16, 2)])
def test_frames_of_another_size_or_channels_are_refused(shape):
    with pytest.raises(ShapeError, match=r"expected \[B, T, 16, 24, 2\]"):
        tiny().encode({"pixels": torch.zeros(shape, dtype=torch.uint8)})


def test_an_observation_without_pixels_is_refused():
    with pytest.raises(ShapeError, match="has \\['depth'\\]"):
        tiny().encode({"depth": torch.zeros(1, 1, 16, 24, 2, dtype=torch.uint8)})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": (60, 64)}, "multiples of 8"),
        ({"size": (0, 64)}, "multiples of 8"),
        ({"latent": 0}, "at least 1"),
        ({"width": 0}, "at least 1"),
        ({"channels": 0}, "at least 1"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        ConvEncoderConfig(**settings)


def test_another_stem_is_refused():
    config = ConvEncoderConfig()
    object.__setattr__(config, "stem", "impala")  # past the type checks that only the tests have
    with pytest.raises(BadInput, match="choose one of patchify, strided"):
        config.__post_init__()


def test_it_can_be_built_without_memory():
    with torch.device("meta"):
        encoder = ConvEncoder(ConvEncoderConfig(width=4096))
    assert {tensor.device.type for tensor in encoder.state_dict().values()} == {"meta"}

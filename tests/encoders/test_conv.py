import pytest
import torch
from torch import nn

from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.errors import BadInput


@pytest.mark.parametrize("stem", ["patchify", "strided"])
@pytest.mark.parametrize("size", [(8, 8), (64, 64), (24, 40)])
def test_any_multiple_of_eight_fits(stem, size):
    encoder = ConvEncoder(ConvEncoderConfig(stem=stem, size=size, width=4, latent=8))
    assert encoder.encode({"pixels": torch.zeros(1, 1, *size, 3, dtype=torch.uint8)}).shape == (1, 1, 1, 8)


def test_a_stem_costs_what_it_says():
    patchify, strided = (
        ConvEncoder(ConvEncoderConfig(stem=stem, width=4)).convolutions for stem in ("patchify", "strided")
    )
    assert patchify[0](torch.zeros(1, 3, 64, 64)).shape == (1, 4, 16, 16)
    assert strided[0](torch.zeros(1, 3, 64, 64)).shape == (1, 4, 32, 32)


def test_another_stem_is_refused():
    config = ConvEncoderConfig()
    object.__setattr__(config, "stem", "impala")  # past the type checks that only the tests have
    with pytest.raises(BadInput, match="choose one of patchify, strided"):
        config.__post_init__()


def test_weights_and_latents_are_those_of_the_first_model_files():
    torch.manual_seed(3)
    first = nn.ModuleDict(
        {
            "convolutions": nn.Sequential(
                *(nn.Conv2d(3, 4, 6, 4, 1), nn.ReLU()),
                *(nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU()),
                *(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU()),
            ),
            "project": nn.Linear(8 * 4, 8),
            "norm": nn.LayerNorm(8),
        }
    )
    torch.manual_seed(3)
    encoder = ConvEncoder(ConvEncoderConfig(size=(16, 16), width=4, latent=8))
    weights = encoder.state_dict()
    statistics = {"pixel_mean": torch.tensor([9.0, 99.0, 0.3]), "pixel_std": torch.tensor([1.7, 60.0, 31.0])}
    encoder.load_state_dict(weights | statistics)
    assert set(weights) == set(first.state_dict()) | set(statistics)
    assert all(torch.equal(weight, weights[name]) for name, weight in first.state_dict().items())

    pixels = torch.randint(0, 256, (2, 3, 16, 16, 3), dtype=torch.uint8)
    frames = pixels.flatten(0, 1).permute(0, 3, 1, 2).float()
    scale = statistics["pixel_std"].reciprocal()[:, None, None]
    latents = first["convolutions"]((frames - statistics["pixel_mean"][:, None, None]) * scale).flatten(1)
    expected = first["norm"](first["project"](latents)).view(2, 3, 1, 8)
    assert torch.equal(encoder.encode({"pixels": pixels}), expected)

import pytest
import torch

from gedanken.encoders import ViTEncoder, ViTEncoderConfig, vit
from gedanken.errors import BadInput

both_outputs = pytest.mark.parametrize("output", ["token", "patches"])


def tiny(output="token", **changes) -> ViTEncoder:
    """Frames of 3 × 4 patches, 4 pixels each way."""
    torch.manual_seed(0)
    size = {"size": (12, 16), "channels": 2, "patch": 4}
    config = ViTEncoderConfig(**(size | {"width": 12, "depth": 2, "heads": 2, "latent": 8, "output": output} | changes))
    return ViTEncoder(config).eval()


def frame() -> torch.Tensor:
    return torch.randn(1, 1, 12, 16, 2)


def patches_swapped(pixels: torch.Tensor) -> torch.Tensor:
    """The first patch and the one at row 1, column 2 in each other's place."""
    swapped = pixels.clone()
    swapped[:, :, :4, :4], swapped[:, :, 4:8, 8:12] = pixels[:, :, 4:8, 8:12], pixels[:, :, :4, :4]
    return swapped


@both_outputs
def test_the_grid_is_that_of_the_latents(output):
    encoder = tiny(output)
    rows, columns = encoder.config.grid
    assert (rows, columns) == {"token": (1, 1), "patches": (3, 4)}[output]
    assert encoder.encode({"pixels": frame()}).shape == (1, 1, rows * columns, 8)


def test_patches_stand_row_by_row():
    encoder, pixels = tiny("patches"), frame()
    changed = pixels.clone()
    changed[:, :, 4:8, 8:12] += 3
    moved = (encoder.encode({"pixels": changed}) - encoder.encode({"pixels": pixels}))[0, 0].norm(dim=-1)
    assert moved.argmax() == 1 * 4 + 2


def test_patches_look_at_each_other():
    encoder, pixels = tiny("patches"), frame()
    changed = pixels.clone()
    changed[:, :, :4, :4] += 3
    moved = (encoder.encode({"pixels": changed}) - encoder.encode({"pixels": pixels}))[0, 0].norm(dim=-1)
    assert (moved[1:] > 1e-3).all()


def test_a_picture_put_together_otherwise_has_another_latent_and_only_positions_tell():
    encoder, pixels = tiny(), frame()
    with torch.no_grad():
        encoder.positions.mul_(10)  # as large as training may make them
    before, after = (encoder.encode({"pixels": each}) for each in (pixels, patches_swapped(pixels)))
    assert (after - before).norm() > 0.02 * before.norm()
    with torch.no_grad():
        encoder.positions.zero_()
    before, after = (encoder.encode({"pixels": each}) for each in (pixels, patches_swapped(pixels)))
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)


def test_positions_differ_from_the_start():
    assert torch.pdist(tiny().positions).min() > 0.01


@pytest.mark.parametrize("depth", [1, 3])
def test_depth_heads_and_ratio_are_those_asked_for(depth):
    encoder = tiny(depth=depth, heads=3, mlp_ratio=5)
    assert len(encoder.blocks) == depth
    assert {(block.heads, block.mlp[1].out_features) for block in encoder.blocks} == {(3, 60)}


def test_heads_attend_apart():
    pixels = {"pixels": frame()}
    one, two = (tiny(heads=heads) for heads in (1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert (one.encode(pixels) - two.encode(pixels)).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patch": 0}, "at least 1"),
        ({"heads": 0}, "at least 1"),
        ({"mlp_ratio": 0}, "at least 1"),
        ({"size": (64, 72), "patch": 16}, "multiples of patch=16"),
        ({"depth": 0}, "depth=0 must lie between 1 and 64"),
        ({"depth": 10**9}, "must lie between 1 and 64"),
        ({"width": 100}, "width=100 must be a multiple of heads=3"),
    ],
)
def test_a_vit_that_cannot_be_built_is_refused(settings, words):
    with pytest.raises(BadInput, match=words):
        ViTEncoderConfig(**settings)


def test_another_output_is_refused():
    config = ViTEncoderConfig()
    object.__setattr__(config, "output", "mean")  # past the type checks that only the tests have
    with pytest.raises(BadInput, match="choose token or patches"):
        config.__post_init__()


def test_of_the_last_block_only_the_class_token_is_computed_and_latents_and_gradients_stay_as_they_are():
    encoder, pixels = tiny(), torch.randn(2, 3, 12, 16, 2)
    rows = []
    encoder.blocks[-1].mlp.register_forward_hook(lambda module, args, out: rows.append(out.shape[1]))

    def gradients(latents: torch.Tensor) -> dict[str, torch.Tensor]:
        encoder.zero_grad()
        (latents * torch.arange(1.0, 9.0)).square().mean().backward()
        return {name: each.grad for name, each in encoder.named_parameters() if each.grad is not None}

    found = encoder.encode({"pixels": pixels})
    pulled = gradients(found)
    tokens = encoder.embed(pixels.flatten(0, 1).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2) + encoder.positions
    seen = encoder.blocks(torch.cat([encoder.token.expand(len(tokens), 1, -1), tokens], dim=1))[:, 0]
    plain = encoder.norm(encoder.project(encoder.last_norm(seen))).view(2, 3, 1, 8)
    assert rows == [1, 13]
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=0)
    torch.testing.assert_close(pulled, gradients(plain), atol=1e-5, rtol=1e-5)


@both_outputs
def test_frames_that_go_through_the_blocks_in_parts_have_the_latents_and_gradients_they_have_together(
    output, monkeypatch
):
    encoder, pixels = tiny(output, head="batch_norm_mlp").train(), torch.randn(2, 3, 12, 16, 2)
    rows, found = [], []
    encoder.blocks[0].register_forward_hook(lambda module, args, out: rows.append(len(out)))
    for tokens in (1000, 30):
        monkeypatch.setattr(vit, "_TOKENS", tokens)
        encoder.zero_grad()
        latents = encoder.encode({"pixels": pixels})
        (latents * torch.arange(1.0, 9.0)).square().mean().backward()
        gradients = {name: each.grad.clone() for name, each in encoder.named_parameters()}
        found.append((latents.detach(), gradients))
    assert rows == [6, 2, 2, 2]
    # Statistics of six rows make gradients as large as 1.
    torch.testing.assert_close(found[0], found[1], atol=5e-5, rtol=1e-4)

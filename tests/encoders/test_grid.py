"""A grid of latents: each place tells of its own square, and of what is near it."""

import pytest
import torch

from gedanken.encoders import GridEncoder, GridEncoderConfig, Patches, PatchesConfig
from gedanken.errors import BadInput, ShapeError


def frames():
    return torch.randint(0, 255, (2, 3, 16, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_change_is_seen_at_its_place_and_not_far_from_it():
    torch.manual_seed(0)
    encoder = GridEncoder(GridEncoderConfig(size=(64, 64), width=4, latent=8))
    assert encoder.grid == (8, 8)
    before = torch.zeros(1, 1, 64, 64, 3, dtype=torch.uint8)
    after = before.clone()
    after[..., 40:48, 8:16, :] = 200  # row 5, column 1
    with torch.no_grad():
        moved = (encoder.encode({"pixels": after}) - encoder.encode({"pixels": before})).square().sum(-1)[0, 0]
    assert moved.shape == (64,)
    assert moved.argmax() in (5 * 8 + 1, 5 * 8 + 0, 5 * 8 + 2, 4 * 8 + 1, 6 * 8 + 1)
    assert moved[5 * 8 + 1] > 0
    assert moved.view(8, 8)[:, 4:].max() == 0


def test_patches_are_the_pixels_square_by_square():
    encoder, seen = Patches(PatchesConfig(size=(16, 24))), frames()
    assert encoder.grid == (2, 3)
    latents = encoder.encode({"pixels": seen})
    assert latents.shape == (2, 3, 6, 192)
    square = seen[1, 2, 8:16, 16:24].float().flatten()
    torch.testing.assert_close(latents[1, 2, 5], square)


def test_pixels_are_normalised_by_the_encoders_own_statistics():
    for encoder in (Patches(PatchesConfig(size=(16, 24))), GridEncoder(GridEncoderConfig(size=(16, 24), latent=4))):
        encoder.pixel_mean.fill_(128.0)
        encoder.pixel_std.fill_(64.0)
        assert encoder.encode({"pixels": frames()}).abs().mean() < 2


def test_wrong_sizes_are_refused():
    with pytest.raises(ShapeError, match="expected"):
        GridEncoder(GridEncoderConfig()).encode({"pixels": frames()})
    with pytest.raises(BadInput, match="multiples of 8"):
        GridEncoderConfig(size=(60, 64))
    with pytest.raises(BadInput, match="multiples of 8"):
        PatchesConfig(size=(60, 64))

"""Looks: the red channel holds the dot alone, and train and test share no value of any factor."""

import colorsys

import pytest
import torch
from torch import Generator

from gedanken.environments.dot_appearance import FACTOR_RANGES, draw_factors
from gedanken.environments.two_rooms import TwoRooms
from gedanken.errors import UnknownName


def hues(colors: torch.Tensor) -> torch.Tensor:
    return torch.tensor([colorsys.rgb_to_hsv(*color)[0] for color in (colors / 255).tolist()])


@pytest.mark.parametrize(
    "key", ["dot_color", "wall_color", "background_color", "dot_sigma", "texture_amplitude", "texture_seed"]
)
def test_train_and_test_share_no_value(key):
    draws = [draw_factors(split, 2000, Generator().manual_seed(0))[key] for split in ("train", "test")]
    train, test = (hues(draw) if key.endswith("color") else draw for draw in draws)
    assert train.max() < test.min()
    assert train.min() < train.max()
    assert test.min() < test.max()


def test_colors_have_the_hue_they_were_drawn_with():
    for split, ranges in FACTOR_RANGES.items():
        hue = hues(draw_factors(split, 3000, Generator().manual_seed(0))["dot_color"])
        low, high = ranges.hue
        assert low - 0.01 <= hue.min() < low + 0.01
        assert high - 0.01 < hue.max() <= high + 0.01


def test_by_default_red_shows_the_dot_and_nothing_else():
    world = TwoRooms("random")
    state = world.sample(50, Generator().manual_seed(0))
    pixels = world.observe(state)["pixels"].float()
    column, row = torch.arange(64.0), torch.arange(64.0)[:, None]
    x, y = state["position"][:, :, None, None].unbind(1)
    far = ((column - x) ** 2 + (row - y) ** 2).sqrt() > 6
    red, green = pixels[..., 0], pixels[..., 1]
    assert red[far].unique().numel() == 1
    assert green[far].max() - green[far].min() > 100
    assert (red.flatten(1).amax(1) > 180).all()


def test_an_unknown_split_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'train'"):
        TwoRooms().factors("trian", 1, Generator())

"""The objective that shuts its eyes: what it hides, and what holds its latents up."""

import pytest
import torch
from torch import Generator, nn

from gedanken.errors import BadInput
from gedanken.models import JEPA, ConvGRU, ConvGRUConfig
from gedanken.recipes.blinks import Blinks, BlinksConfig, shut_eyes
from gedanken.types import ActionSpec, Windows


class Scaled(nn.Module):
    """The observation times a number that is learned."""

    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def encode(self, observation):
        return self.scale * observation["latents"]


def terms(latents, scale=1.0, **config):
    torch.manual_seed(0)
    predictor = ConvGRU(ConvGRUConfig(grid=(1, 2), hidden=4), latents.shape[-1], 1)
    model = JEPA(Scaled(scale), predictor, ActionSpec(1, (-1.0,), (1.0,)), 1)
    windows = Windows({"latents": latents}, torch.zeros(len(latents), latents.shape[1] - 1, 1))
    return Blinks(BlinksConfig(**config), latents.shape[-1], 1, 1)(model, windows, Generator().manual_seed(0))


def test_one_stretch_of_a_share_of_the_windows_is_hidden_and_never_the_first_frame():
    shut = shut_eyes(2000, 12, 0.6, 5, Generator().manual_seed(0))
    assert not shut[:, 0].any()
    lengths = shut.sum(1)
    assert 0.55 < (lengths > 0).float().mean() < 0.65
    assert lengths.max() == 5
    assert ((shut[:, 1:].int() - shut[:, :-1].int()) == 1).sum(1).max() == 1
    assert not shut_eyes(100, 12, 0.0, 5, Generator().manual_seed(0)).any()


def test_what_stays_the_same_in_a_window_holds_nothing_up():
    """The slow-feature trap: windows differ by much, frames of a window not at all."""
    slow = 10 * torch.randn(32, 1, 2, 3).expand(-1, 6, -1, -1)
    moving = torch.randn(32, 6, 2, 3)
    assert terms(slow)["whiteness"] > 11.0
    assert terms(moving)["whiteness"] < 0.2


def test_a_term_of_weight_0_is_left_out():
    assert set(terms(torch.randn(8, 6, 2, 3), whiteness=0.0)) == {"prediction"}


def test_bad_settings_are_refused():
    with pytest.raises(BadInput, match="ahead=0"):
        BlinksConfig(ahead=0)
    with pytest.raises(BadInput, match="weights"):
        BlinksConfig(whiteness=-1.0)

"""The objective that covers parts of the picture: which, and what holds its latents up."""

import pytest
import torch
from torch import Generator, nn

from gedanken.errors import BadInput
from gedanken.models import JEPA, ConvGRU, ConvGRUConfig
from gedanken.recipes.covered import Covered, CoveredConfig, covers
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
    return Covered(CoveredConfig(**config), latents.shape[-1], 1, 1)(model, windows, Generator().manual_seed(0))


def test_a_share_of_the_windows_has_one_block_covered_for_a_while_and_never_in_the_first_frame():
    hidden = covers(2000, 12, (8, 8), 0.6, 5, Generator().manual_seed(0))
    assert hidden.shape == (2000, 12, 64)
    assert not hidden[:, 0].any()
    during, block = hidden.any(2), hidden.any(1).view(-1, 8, 8)
    assert 0.55 < during.any(1).float().mean() < 0.65
    assert during.sum(1).max() == 5
    assert (during[:, 1:].int() - during[:, :-1].int() == 1).sum(1).max() == 1
    assert torch.equal(hidden, during[:, :, None] & block.flatten(1)[:, None])
    assert torch.equal(block, block.any(2)[:, :, None] & block.any(1)[:, None])
    assert 0.12 < block.flatten(1).all(1).float().mean() < 0.18  # all of the picture, in a quarter of the share
    seen = hidden.float().mean(0)[1:]
    assert seen.min() > 0.5 * seen.max()  # every place and frame alike, or nearly
    assert not covers(100, 12, (8, 8), 0.0, 5, Generator().manual_seed(0)).any()


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
        CoveredConfig(ahead=0)
    with pytest.raises(BadInput, match="weights"):
        CoveredConfig(whiteness=-1.0)

"""The convolutional memory, in a world of two by two places where what was seen comes back after it was out of sight."""

import pytest
import torch
from torch import nn

from gedanken.errors import BadInput, ShapeError
from gedanken.models import JEPA, ConvGRU, ConvGRUConfig, Predictor
from gedanken.types import ActionSpec, Context

SPEC = ActionSpec(1, (-1.0,), (1.0,))
GRID = (2, 2)


class Seen(nn.Module):
    """The observation is the latent."""

    def encode(self, observation):
        return observation["latents"]


def model(**config):
    torch.manual_seed(0)
    return JEPA(Seen(), ConvGRU(ConvGRUConfig(grid=GRID, hidden=12, **config), 2, 1), SPEC, 1)


def hidden_and_back(count, generator):
    """A thing in one of the places, of one of two kinds, is covered for three frames and comes out one place to the right."""
    latents = torch.zeros(count, 5, 4, 2)
    place = torch.randint(4, (count,), generator=generator)
    kind = torch.randint(2, (count,), generator=generator) * 2.0 - 1
    rows = torch.arange(count)
    latents[rows, 0, place, 0] = kind
    latents[rows, 4, place // 2 * 2 + (place + 1) % 2, 0] = kind
    latents[:, 1:4, :, 1] = 1.0  # the curtain
    return latents


def learned(**config):
    memory, generator = model(**config), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(memory.parameters(), lr=1e-2)
    for _ in range(250):
        latents = hidden_and_back(32, generator)
        nobody = torch.zeros(32, 5, 4, dtype=torch.bool)
        loss = (memory.watched(latents, torch.zeros(32, 4, 1), nobody) - latents[:, 1:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    latents = hidden_and_back(64, generator)
    with torch.no_grad():
        return memory.errors(latents, torch.zeros(64, 4, 1))[:, 3, :, 0].sum(-1).mean()


def test_what_is_out_of_sight_comes_back_where_it_must():
    assert learned() < 0.1  # of 1, the square of what comes back


def test_without_its_memory_it_does_not_know():
    assert learned(forgets=True) > 0.5


def test_it_keeps_the_contract_and_never_looks_ahead():
    memory = model().eval()
    assert isinstance(memory.predictor, Predictor)
    latents, actions = torch.randn(3, 6, 4, 2), torch.randn(3, 5, 1)
    with torch.no_grad():
        before = memory.open_loop(latents, actions, 1)[0]
        latents[:, 4:] += 1.0
        after = memory.open_loop(latents, actions, 1)[0]
        rolled = memory.rollout(Context(latents[:, :3], actions[:, :2]), actions[:, None, 2:].expand(-1, 2, -1, -1))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4], after[:, 4])
    assert rolled.latents.shape == (3, 2, 3, 4, 2)
    torch.testing.assert_close(rolled.latents[:, 0, 0], after[:, 2])


def test_what_is_covered_is_not_read_and_what_is_not_is():
    memory = model().eval()
    latents, actions = torch.randn(3, 6, 4, 2), torch.randn(3, 5, 1)
    hidden = torch.zeros(3, 6, 4, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(memory.watched(latents, actions, hidden), memory.open_loop(latents, actions, 1)[0])
        hidden[:, 2:4, 1] = True
        before = memory.watched(latents, actions, hidden)
        latents[:, 2:4, 1] += 5.0
        torch.testing.assert_close(memory.watched(latents, actions, hidden), before)
        latents[:, 2:4, 2] += 5.0
        assert not torch.equal(memory.watched(latents, actions, hidden), before)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="P=9"):
        model().open_loop(torch.zeros(1, 3, 9, 2), torch.zeros(1, 2, 1), 1)
    with pytest.raises(BadInput, match="hidden=0"):
        ConvGRUConfig(hidden=0)

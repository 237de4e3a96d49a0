"""A linear machine is told apart from its first steps on, and its hidden numbers are read from the last frames alone."""

import pytest
import torch

from gedanken.errors import BadInput
from gedanken.models import StateSpaceConfig, StateSpacePredictor


@torch.no_grad()
def test_it_is_the_equation_it_names():
    predictor = StateSpacePredictor(StateSpaceConfig(hidden=2, width=5, past=1), latent=3, action=2)
    state, actions = torch.randn(4, 1, 5), torch.randn(4, 2)
    following, hidden = predictor.step((state[..., :3], state[..., 3:]), actions)
    inputs = torch.cat([state[:, 0], actions], dim=1)
    network = torch.tanh(inputs @ predictor.into.weight.T + predictor.into.bias)
    expected = state[:, 0] + inputs @ predictor.linear.weight.T + network @ predictor.out.weight.T
    torch.testing.assert_close(torch.cat([following, hidden], dim=-1)[:, 0], expected)  # what adds begins at 0


@torch.no_grad()
def test_it_begins_near_standing_still_and_stays_bounded():
    torch.manual_seed(0)
    predictor = StateSpacePredictor(StateSpaceConfig(), latent=20, action=4)
    state = predictor.starts(torch.randn(64, 4, 1, 20), torch.randn(64, 3, 4))
    state = tuple(part[:, -1] for part in state)
    for _ in range(120):
        state = predictor.step(state, torch.randn(64, 4))
    assert state[0].abs().max() < 1000


@torch.no_grad()
def test_each_patch_has_hidden_numbers_of_its_own():
    predictor = StateSpacePredictor(StateSpaceConfig(), latent=3, action=2)
    latents, actions = torch.randn(2, 6, 3, 3), torch.randn(2, 5, 2)
    whole, alone = predictor.starts(latents, actions), predictor.starts(latents[:, :, 1:2], actions)
    for part, other in zip(whole, alone, strict=True):
        torch.testing.assert_close(part[:, :, 1:2], other)


def springs(batch: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places `[B, T, 1, 1]` of a weakly damped spring that is pushed; its speed is never shown."""
    pushes, speed, place = 0.3 * torch.randn(batch, frames - 1, 1), torch.randn(batch, 1), torch.randn(batch, 1)
    places = [place]
    for push in pushes.unbind(1):
        speed = 0.95 * speed - 0.2 * place + push
        place = place + speed
        places.append(place)
    return torch.stack(places, dim=1)[:, :, None], pushes


def test_a_spring_is_foretold_far_ahead():
    torch.manual_seed(0)
    predictor = StateSpacePredictor(StateSpaceConfig(hidden=2, width=4, past=2), latent=1, action=1)
    optimiser = torch.optim.Adam(predictor.parameters())

    def error(places, pushes, ahead):
        state = tuple(part[:, 3] for part in predictor.starts(places[:, :4], pushes[:, :3]))
        wrong = []
        for k in range(3, 3 + ahead):
            state = predictor.step(state, pushes[:, k])
            wrong.append(state[0] - places[:, k + 1])
        return torch.stack(wrong).square().mean()

    for step in range(200):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / 200)
        loss = error(*springs(64, 12), 8)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(predictor.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        places, pushes = springs(256, 30)
        assert error(places, pushes, 20) < 0.03 * places.var()


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"width": 0}, {"past": 0}, {"past": 10**9}])
def test_a_state_of_nothing_or_of_everything_is_refused(settings):
    with pytest.raises(BadInput, match=next(iter(settings))):
        StateSpaceConfig(**settings)

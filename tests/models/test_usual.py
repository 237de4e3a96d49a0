"""What is usual, and how rarely it surprises: p-values whose rate is the one they state."""

import pytest
import torch
from torch import Generator, nn

from gedanken.errors import BadInput, ShapeError
from gedanken.models import JEPA, Usual
from gedanken.models.usual import curve_of
from gedanken.types import ActionSpec

STEPS, PLACES, SPEC = 6, 4, ActionSpec(1, (-1.0,), (1.0,))


class Seen(nn.Module):
    def encode(self, observation):
        return observation["latents"]


class Adds(nn.Module):
    """What an action adds to each latent; the world goes the same way, but for noise that differs from place to place."""

    past = 1

    def condition(self, actions):
        return actions

    def starts(self, latents, condition):
        return (latents,)

    def step(self, state, condition):
        return (state[0] + condition[..., None, :],)


NOISE = torch.tensor([0.5, 1.0, 2.0, 3.0])[:, None]


def worlds(count, steps=STEPS, seed=0):
    generator = Generator().manual_seed(seed)
    actions = torch.randn(count, steps, 1, generator=generator)
    latents = torch.cat(
        (torch.zeros(count, 1, PLACES, 1), actions.cumsum(1)[:, :, None].expand(-1, -1, PLACES, 1)), dim=1
    )
    steady = NOISE * torch.randn(count, 1, PLACES, 1, generator=generator)
    return latents + steady + NOISE * torch.randn(latents.shape, generator=generator), actions


def told(windows=400, seed=1):
    model, usual = JEPA(Seen(), Adds(), SPEC, 1), Usual(STEPS, PLACES, 1, windows)
    usual.whiten(model.errors(*worlds(500, seed=seed)).mean(0))
    usual.calibrate(curve_of(usual.places(model.errors(*worlds(windows, seed=seed + 1)))).amax(1))
    model.usual = usual
    return model


def test_the_false_alarm_rate_is_the_one_stated():
    latents, actions = worlds(4000, seed=9)
    found = told(windows=4000).surprise({"latents": latents}, actions)
    for rate in (0.02, 0.1, 0.5):
        assert (found.p_value <= rate).float().mean() == pytest.approx(rate, rel=0.4)
    assert found.p_value.min() == pytest.approx(1 / 4001)


def test_what_should_not_happen_is_rare_and_told_at_its_step_and_place():
    latents, actions = worlds(50, seed=9)
    latents[:, 4:, 0] += 5.0  # no more than is usual at the last place
    found = told().surprise({"latents": latents}, actions)
    assert (found.p_value < 0.02).all()
    assert (found.curve.argmax(1) == 3).all()
    assert (found.places[:, 3].argmax(1) == 0).all()


def test_about_one_is_usual_whatever_the_noise_of_a_place():
    latents, actions = worlds(2000, seed=9)
    places = told().surprise({"latents": latents}, actions).places
    assert places.mean((0, 1)).tolist() == pytest.approx([1.0] * PLACES, abs=0.1)


def test_the_line_is_where_the_rate_begins():
    usual = told().usual
    line = usual.line(0.05)
    assert float(usual.p_value(torch.tensor([line + 1e-3]))) <= 0.05 < float(usual.p_value(torch.tensor([line])))
    with pytest.raises(BadInput, match="at least 1000"):
        usual.line(0.001)


def test_a_long_recording_is_seen_in_windows_and_its_p_value_pays_for_each():
    model = told()
    latents, actions = worlds(400, steps=20, seed=9)
    found = model.surprise({"latents": latents}, actions)
    assert found.curve.shape == (400, 20)
    assert found.windows.shape == (400, 6)
    assert (found.p_value <= 0.1).float().mean() <= 0.15
    torch.testing.assert_close(found.places[:, :6], model.surprise({"latents": latents[:, :7]}, actions[:, :6]).places)


def test_a_short_one_is_not_more_surprising_for_that():
    latents, actions = worlds(2000, steps=2, seed=9)
    assert (told().surprise({"latents": latents}, actions).p_value <= 0.2).float().mean() <= 0.2


def test_what_cannot_be_told_is_refused():
    model = told()
    with pytest.raises(BadInput, match="one frame"):
        model.surprise({"latents": torch.zeros(1, 1, PLACES, 1)}, torch.zeros(1, 0, 1))
    with pytest.raises(ShapeError, match="one action less"):
        model.surprise({"latents": torch.zeros(1, 4, PLACES, 1)}, torch.zeros(1, 4, 1))
    model.usual = None
    with pytest.raises(BadInput, match="does not know what errors are usual"):
        model.surprise({"latents": torch.zeros(1, 3, PLACES, 1)}, torch.zeros(1, 2, 1))

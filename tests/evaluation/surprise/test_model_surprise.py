"""A model's surprise in a world whose law is known: the picture grows brighter by what the action says."""

import pytest
import torch
from torch import nn

from gedanken.errors import BadInput
from gedanken.evaluation.surprise import Clips, ModelSurprise
from gedanken.models import JEPA
from gedanken.types import ActionSpec, Episode, StreamSpec

LENGTH = 9
SPEC = ActionSpec(1, (-20.0,), (20.0,))


class Brightness(nn.Module):
    """The latent is the picture's brightness, in two places: the left half and the right."""

    def encode(self, observation):
        pixels = observation["pixels"].float()
        return torch.stack((pixels[..., :4, :], pixels[..., 4:, :]), dim=2).flatten(3).mean(-1)[..., None]


class Law(nn.Module):
    """What an action adds to the brightness; `knows` is what the predictor thinks it adds."""

    past = 1

    def __init__(self, knows: float = 1.0) -> None:
        super().__init__()
        self.knows = knows

    def condition(self, actions):
        return actions

    def starts(self, latents, condition):
        return (latents,)

    def step(self, state, condition):
        return (state[0] + self.knows * condition[..., None, :],)


def clip(actions, wrong_at=None, wrong=0.0, side=slice(None)):
    brightness = torch.full((len(actions) + 1, 8), 60.0)
    for k, action in enumerate(actions):
        brightness[k + 1] = brightness[k] + action
        if k + 1 == wrong_at:
            brightness[k + 1, side] += wrong
    return brightness[:, None, :, None].expand(-1, 8, -1, 3).round().to(torch.uint8)


ACTIONS = torch.tensor([5.0, 9.0, -4.0, 12.0, 0.0, 8.0, -6.0, 3.0])


def clips(*frames):
    return Clips(torch.stack(frames), ACTIONS[None, :, None].expand(len(frames), -1, -1), {})


def surprise(knows=1.0):
    episodes = []
    for seed in range(4):
        noise = torch.randint(-2, 3, (LENGTH, 1, 1, 1), generator=torch.Generator().manual_seed(seed))
        pixels = (clip(ACTIONS).int() + noise).to(torch.uint8).numpy()
        specs = {"pixels": StreamSpec((8, 8, 3), "uint8", 12.0)}
        episodes.append(Episode({"pixels": pixels}, ACTIONS[:, None].numpy(), specs, SPEC))
    return ModelSurprise.whitened_on(JEPA(Brightness(), Law(knows), SPEC, 1), episodes)


def test_a_law_that_is_broken_surprises_in_its_frame_and_place():
    """Nothing moves where it should: whoever takes motion for surprise finds this clip the calmer one."""
    still = clip(ACTIONS, wrong_at=4, wrong=-12.0, side=slice(4, None))
    found, model = clips(clip(ACTIONS), still), surprise()
    possible, impossible = model(found)
    assert impossible.mean() > 3 * possible.mean()
    assert int(impossible.argmax()) == 4
    assert impossible[0] == 0
    places = model.places(found)
    assert places.shape == (2, LENGTH - 1, 2)
    assert places[1, 3, 1] > 20 * places[1, 3, 0]


def test_in_possible_clips_it_is_about_one():
    assert surprise()(clips(clip(ACTIONS)))[0, 1:].mean() < 1.0
    model = surprise(knows=0.0)
    assert model(clips(clip(ACTIONS)))[0, 1:].mean() == pytest.approx(0.9, abs=0.3)


def test_a_model_step_of_several_frames_surprises_at_its_last():
    spec_model = JEPA(Brightness(), TwoSteps(), SPEC, 2)
    found = clips(clip(ACTIONS, wrong_at=4, wrong=-20.0))
    episode = Episode(
        {"pixels": clip(ACTIONS).numpy()},
        ACTIONS[:, None].numpy(),
        {"pixels": StreamSpec((8, 8, 3), "uint8", 12.0)},
        SPEC,
    )
    curve = ModelSurprise(spec_model, torch.ones(4, 2, 1))(found)[0]
    assert (curve > 1).nonzero().flatten().tolist() == [4]
    assert ModelSurprise.whitened_on(spec_model, [episode]).variance.shape == (4, 2, 1)


class TwoSteps(Law):
    def condition(self, actions):
        return actions.sum(-1, keepdim=True)


def test_bad_clips_are_refused():
    model = surprise()
    with pytest.raises(BadInput, match="possible clips"):
        ModelSurprise.whitened_on(model.model, [])
    with pytest.raises(BadInput, match="4 model steps"):
        model(Clips(clip(ACTIONS[:4])[None], ACTIONS[None, :4, None], {}))
    with pytest.raises(BadInput, match="width 3"):
        model(Clips(clip(ACTIONS)[None], torch.zeros(1, 8, 3), {}))

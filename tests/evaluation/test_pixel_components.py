"""Errors in principal components of the pixels, for models whose predictions are known to be right or wrong."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from gedanken.errors import BadInput
from gedanken.evaluation.pixel_components import component_errors
from gedanken.types import ActionSpec, Episode, Rollout, StreamSpec

ACTION = ActionSpec(1, (-1.0,), (1.0,))
SPECS = {"pixels": StreamSpec((8, 8, 1), "uint8")}


def drive(seed: int, frames: int = 40) -> Episode:
    """A bar whose place along the picture's width is moved by the actions."""
    actions = np.random.default_rng(seed).uniform(-1, 1, (frames - 1, 1)).astype(np.float32)
    place = 3.5 + np.concatenate([[0.0], np.cumsum(actions[:, 0])])
    place = 3.5 + 3 * np.sin(place)  # it stays in the picture
    columns = np.exp(-((np.arange(8) - place[:, None]) ** 2) / 2)
    pixels = np.repeat(255 * columns[:, None, :, None], 8, axis=1).astype(np.uint8)
    return Episode({"pixels": pixels}, actions, SPECS, ACTION)


@dataclass
class Seer:
    """Latents are the pixels' first row; what it predicts is given: the true future, or the present."""

    knows: bool
    episodes: list
    frame_skip: int = 1
    action: ActionSpec = ACTION

    def encode(self, observations):
        return observations["pixels"][:, :, 0, :, 0].float()[:, :, None] / 255

    def rollout(self, context, actions):
        batch, ways, horizon = actions.shape[:3]
        now = context.latents[:, -1]
        if not self.knows:
            return Rollout(now[:, None, None].expand(batch, ways, horizon, *now.shape[1:]))
        every = torch.cat(
            [self.encode({"pixels": torch.from_numpy(each.streams["pixels"])[:, None]}) for each in self.episodes]
        )
        done = torch.cat([torch.cat([torch.from_numpy(each.actions), torch.zeros(1, 1)]) for each in self.episodes])
        windows = done[:, 0].unfold(0, horizon, 1)
        found = torch.cdist(actions[..., 0].reshape(-1, horizon), windows).argmin(dim=1)
        future = every[(found[:, None] + torch.arange(1, horizon + 1)).clamp(max=len(every) - 1), 0]
        return Rollout(future.view(batch, ways, horizon, *now.shape[1:]))


def judged(knows: bool):
    training, held_out = [drive(seed) for seed in range(4)], [drive(9)]
    return component_errors(Seer(knows, held_out), training, held_out, horizon=3, components=4)


def test_who_knows_the_future_errs_little_and_only_with_the_true_actions():
    errors = {name: each.mean().item() for name, each in judged(knows=True).items()}
    assert errors["model"] < 0.1 * errors["copy_last"]
    assert errors["shuffled"] > 5 * errors["model"]


def test_who_copies_errs_as_copying_does():
    errors = judged(knows=False)
    assert errors["model"].shape == (37, 3)
    assert errors["model"].mean().item() == pytest.approx(errors["copy_last"].mean().item(), rel=0.1)
    assert torch.equal(errors["model"], errors["shuffled"])


def test_too_little_is_told():
    training, held_out = [drive(0)], [drive(1, frames=4)]
    with pytest.raises(BadInput, match="components"):
        component_errors(Seer(False, []), training, held_out, horizon=3, components=50)
    with pytest.raises(BadInput, match="windows"):
        component_errors(Seer(False, []), training, held_out, horizon=4, components=4)

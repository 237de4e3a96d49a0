"""From episodes to a calibrated model: split, measure, train, and note how far a latent moves in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gedanken.contracts import EpisodeStore
from gedanken.data import WindowSampler, fit_statistics, split_episodes
from gedanken.energies import calibrate_scale
from gedanken.models import JEPA
from gedanken.recipes.pldm import PLDM
from gedanken.recipes.recipe import Recipe, build
from gedanken.training import RunFolder, train
from gedanken.training.loop import Trained, Watcher, pick_device, step_generator
from gedanken.types import Episode

HELD_OUT = 0.05
"""Share of the episodes that training never sees."""
_CALIBRATION_WINDOWS = 256


@dataclass(frozen=True)
class Fitted:
    """A trained model, and what it was trained on.

    Args:
        model: in evaluation mode, on the CPU.
        trained: how the training ended.
        training: windows of the training episodes.
        held_out: windows of the episodes that training never saw.
    """

    model: JEPA
    trained: Trained
    training: WindowSampler
    held_out: WindowSampler


def fit(
    episodes: EpisodeStore | Sequence[Episode],
    recipe: Recipe,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    split: tuple[Sequence[int], Sequence[int]] | None = None,
) -> Fitted:
    """Train the recipe's model on episodes; statistics come from the training share alone.

    Args:
        episodes: recordings with a `pixels` stream and actions.
        recipe: what to train and how.
        run: where metrics and checkpoints go; an unfinished run found there is resumed.
        watch: told of every logged step.
        split: numbers of the training and of the held-out episodes; drawn by default, a twentieth held out.
    Raises:
        BadInput: the episodes are too short or too few for the recipe.
        TrainingStopped: see `gedanken.training.train`.
    """
    keep, hold = split or split_episodes(len(episodes), seed=0, fractions=(1 - HELD_OUT, HELD_OUT))
    training, held_out = (
        WindowSampler(episodes, recipe.window, recipe.frame_skip, streams=["pixels"], episodes=part)
        for part in (keep, hold)
    )
    torch.manual_seed(recipe.train.seed)
    action = episodes[0].action
    model = build(recipe, action)
    model.set_statistics(fit_statistics(episodes, recipe.frame_skip, episodes=keep))
    objective = PLDM(recipe.objective, recipe.encoder.latent, action.width, recipe.frame_skip)
    device = pick_device(recipe.train.device)
    trained = train(model.to(device), objective.to(device), training, recipe.train, run, watch)
    model.cpu()
    calibrate(model, training, recipe.train.seed)
    return Fitted(model, trained, training, held_out)


@torch.no_grad()
def calibrate(model: JEPA, windows: WindowSampler, seed: int) -> None:
    """Measure the median squared latent change of one model step, the unit of the planner's thresholds."""
    sample = windows.sample(_CALIBRATION_WINDOWS, step_generator(seed, -1))
    model.step_change.fill_(calibrate_scale(model.encode(sample.observations)) / 2)

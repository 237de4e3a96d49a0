"""From episodes to a calibrated model: split, measure, train, and note how far a latent moves in one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from gedanken.contracts import Episodes
from gedanken.data import WindowSampler, fit_statistics, split_episodes
from gedanken.energies import calibrate_scale
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.recipes.error_head import learn_errors
from gedanken.recipes.keep import keep
from gedanken.recipes.levels import learn_levels
from gedanken.recipes.parts import streams_of
from gedanken.recipes.reachability import learn_reach
from gedanken.recipes.recipe import Recipe, build, build_objective
from gedanken.recipes.refine import refine
from gedanken.recipes.usual import learn_usual
from gedanken.training import RunFolder, train
from gedanken.training.loop import Trained, Watcher, pick_device, step_generator
from gedanken.types import Episode

HELD_OUT = 0.05
"""Share of the episodes that training never sees."""
REFINED, ERRORS, REACH, LEVELS = "refined", "errors", "reach", "levels"
"""Folders of a run in which the trainings of the predictor alone, of both heads and of the slower clock lie."""
_LATER = ("agent", "refine", "error_head", "reach", "levels", "usual")
"""Fields of a recipe that its first training knows nothing of."""
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
    episodes: Episodes,
    recipe: Recipe,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    split: tuple[Sequence[int], Sequence[int]] | None = None,
    fresh: Iterable[Episode] | None = None,
    usual: Iterable[Episode] | None = None,
    shard: bool = False,
) -> Fitted:
    """Train the recipe's model on episodes; statistics come from the training share alone.

    Args:
        episodes: recordings with actions and the streams that the recipe's encoder reads.
        recipe: what to train and how.
        run: where metrics and checkpoints go; an unfinished run found there is resumed.
        watch: told of every logged step.
        split: numbers of the training and of the held-out episodes; drawn by default, a twentieth held out.
        fresh: what a recipe with `refine` or `error_head` goes on with, read once and not kept; the training episodes by
            default.
        usual: what a recipe with `usual` is calibrated on, unseen before; the held-out episodes by default.
        shard: keep of all weights a part in each process while the encoder trains; see `gedanken.training.train`.
    Raises:
        BadInput: the episodes are too short or too few for the recipe.
        TrainingStopped: see `gedanken.training.train`.
    """
    kept, hold = split or _split(len(episodes))
    streams = streams_of(recipe.encoder)
    training, held_out = (
        WindowSampler(episodes, recipe.window, recipe.frame_skip, streams=streams, episodes=part)
        for part in (kept, hold)
    )
    torch.manual_seed(recipe.train.seed)
    action = episodes[0].action
    model = build(replace(recipe, error_head=None, reach=None, levels=None, usual=None), action)
    statistics = fit_statistics(episodes, recipe.frame_skip, episodes=kept, streams=streams)
    model.set_statistics(statistics)
    objective = build_objective(recipe, action)
    device = pick_device(recipe.train.device)
    told = {name: values.tolist() for name, values in statistics.items()}
    first = {name: value for name, value in recipe.as_dict().items() if name not in _LATER}
    identity = {"recipe": first, "statistics": told, "windows": len(training), "action": str(action)}
    trained = train(model.to(device), objective.to(device), training, recipe.train, run, watch, identity, shard)
    model.cpu()
    calibrate(model, training, recipe.train.seed)
    if recipe.refine is not None or recipe.error_head is not None or recipe.reach is not None:
        more = fresh if fresh is not None else (episodes[number] for number in kept)
        trained = _on_latents(model.to(device), more, recipe, trained, run, watch, identity)
    if recipe.usual is not None:
        learn_usual(model, usual if usual is not None else (episodes[number] for number in hold), recipe.usual, streams)
    return Fitted(model.cpu(), trained, training, held_out)


def _on_latents(
    model: JEPA,
    episodes: Iterable[Episode],
    recipe: Recipe,
    trained: Trained,
    run: RunFolder | None,
    watch: Watcher,
    identity: Mapping[str, object],
) -> Trained:
    """What a recipe trains after its encoder, on latents that are encoded once for all of it."""
    length = recipe.refine.window if recipe.refine is not None else recipe.window
    if recipe.reach is not None and length <= recipe.reach.farthest:
        raise BadInput(
            f"refine.window={length} is too short to show frames farthest={recipe.reach.farthest} steps apart; make it longer."
        )
    kept, spent = keep(model, episodes, length, streams_of(recipe.encoder))
    trained = replace(trained, core_seconds=trained.core_seconds + spent)

    def within(name: str) -> RunFolder | None:
        return None if run is None else RunFolder(run.path / name)

    if recipe.refine is not None:
        done = refine(model, kept, recipe.refine, within(REFINED), watch, identity)
        trained = _together(trained, done)
        identity = {**identity, "refine": recipe.as_dict()["refine"]}
    if recipe.error_head is not None:
        done = learn_errors(model, kept, recipe.error_head, within(ERRORS), watch, identity)
        trained = _together(trained, done)
    if recipe.reach is not None:
        trained = _together(trained, learn_reach(model, kept, recipe.reach, within(REACH), watch, identity))
    if recipe.levels is not None:
        trained = _together(trained, learn_levels(model, kept, recipe.levels, within(LEVELS), watch, identity))
    return trained


def _together(joint: Trained, alone: Trained) -> Trained:
    """Both trainings as one; the second says how it ended."""
    return replace(
        alone,
        steps=joint.steps + alone.steps,
        core_seconds=joint.core_seconds + alone.core_seconds,
        seconds=joint.seconds + alone.seconds,
        warnings=(*joint.warnings, *alone.warnings),
    )


def _split(count: int) -> tuple[Sequence[int], Sequence[int]]:
    """A twentieth of the episodes held out, and at least one."""
    if count < 2:
        raise BadInput(
            "one episode leaves nothing to hold out; cut it with gedanken.data.time_blocks and pass `split`, or record more."
        )
    held_out = max(HELD_OUT, 1 / count)
    keep, hold = split_episodes(count, seed=0, fractions=(1 - held_out, held_out))
    return keep, hold


@torch.no_grad()
def calibrate(model: JEPA, windows: WindowSampler, seed: int) -> None:
    """Measure the median squared latent change of one model step, the unit of the planner's thresholds."""
    sample = windows.sample(_CALIBRATION_WINDOWS, step_generator(seed, -1))
    model.step_change.fill_(calibrate_scale(model.encode(sample.observations)) / 2)

"""A sane recipe for recordings nobody has described: what is there decides, and each decision is told in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from gedanken.contracts import Episodes
from gedanken.data.pace import pace
from gedanken.data.windows import stretches
from gedanken.encoders import ConvEncoderConfig, FusionEncoderConfig, SensorEncoderConfig
from gedanken.errors import BadInput
from gedanken.models import GRUPredictorConfig, StateSpaceConfig
from gedanken.recipes.pldm import PLDMConfig
from gedanken.recipes.recipe import Recipe
from gedanken.types import Episode, StreamSpec

MODEL_STEP_SECONDS = 0.25
"""What one model step lasts for what a camera sees: long enough for an action to show."""
_USUAL_RATE = 10.0
_MOST_NUMBERS = 1024
"""In one sample of a stream that is taken for a sensor."""
_FEW_NUMBERS = 64
"""That a latent can begin with and still hold as much again that was learned."""
_WINDOW, _AHEAD, _PAST = 9, 5, 4


@dataclass(frozen=True)
class Choice:
    """A recipe, and why it is this one, in sentences."""

    recipe: Recipe
    why: tuple[str, ...]


def choice_for(episodes: Episodes, steps: int = 1000) -> Choice:
    """A recipe for recordings of one kind, from what they hold: pictures, numbers or both, their rate and their length.

    Args:
        episodes: recordings with a stream `pixels`, or streams of numbers, or both.
        steps: optimiser steps to train for.
    Raises:
        BadInput: there are no episodes, nothing in them can be encoded, or all are too short.
    """
    if not len(episodes):
        raise BadInput("there are no episodes to train on; record some first.")
    first = episodes[0]
    sensors = tuple(name for name, spec in first.specs.items() if name != "pixels" and _is_sensor(spec))
    pixels = "pixels" in first.specs and _is_picture(first.specs["pixels"])
    if not sensors and not pixels:
        raise BadInput(
            "training needs a stream 'pixels' uint8 (height, width, channels) or streams of numbers; there is "
            f"{ {name: f'{spec.dtype} {spec.shape}' for name, spec in first.specs.items()} }."
        )
    recipe, why = _parts(first.specs, sensors, pixels)
    if left := [name for name in first.specs if name not in (*sensors, "pixels")]:
        why.append(
            f"Left out: {', '.join(left)}; only `pixels` and streams of up to {_MOST_NUMBERS} numbers are encoded."
        )
    width = first.action.width
    why.append(f"An action is {width} number{'s' if width > 1 else ''}, taken as recorded.")
    skip, told = _model_step(episodes, sensors, pixels)
    recipe = replace(recipe, frame_skip=skip, train=replace(recipe.train, steps=steps))
    recipe, fitted = _fitted(recipe, episodes)
    return Choice(recipe, (*why, told, *fitted))


def for_episodes(episodes: Episodes, steps: int = 1000) -> Recipe:
    """The recipe of `choice_for`, without the reasons."""
    return choice_for(episodes, steps).recipe


def rate_of(episode: Episode, streams: Sequence[str]) -> float | None:
    """Samples a second, as the first of these streams that knows it says, or the actions do."""
    told = [episode.specs[name].rate_hz for name in streams] + [episode.action.rate_hz]
    return next((rate for rate in told if rate), None)


def _is_picture(spec: StreamSpec) -> bool:
    return spec.dtype == "uint8" and len(spec.shape) == 3


def _is_sensor(spec: StreamSpec) -> bool:
    return not _is_picture(spec) and np.dtype(spec.dtype).kind in "fiub" and 1 <= prod(spec.shape) <= _MOST_NUMBERS


def _parts(specs: Mapping[str, StreamSpec], sensors: tuple[str, ...], pixels: bool) -> tuple[Recipe, list[str]]:
    """What encodes and predicts."""
    why: list[str] = []
    seen = None
    if pixels:
        height, width, channels = specs["pixels"].shape
        seen = ConvEncoderConfig(size=(height, width), channels=channels, width=24)
        why.append(f"Frames of {height}×{width} pixels are encoded by a small convolutional network.")
        if not sensors:
            return Recipe(name="own-data", encoder=seen), why
    widths = tuple(prod(specs[name].shape) for name in sensors)
    told = sum(widths) if not pixels and sum(widths) <= _FEW_NUMBERS else 0
    read = SensorEncoderConfig(
        streams=sensors, widths=widths, hidden=128, latent=told + 16 if told else 32, readings=told > 0
    )
    listed = ", ".join(f"{name} ({width})" for name, width in zip(sensors, widths, strict=True))
    why.append(f"Numbers are encoded by a small MLP, each brought to its own deviation: {listed}.")
    if told:
        remembers = StateSpaceConfig(past=_PAST)
        why.append("The latent begins with these numbers themselves, so that nothing they tell is lost.")
        why.append(
            f"The predictor is a linear system with a network beside it, in a state read from {_PAST} frames (state_space), "
            "since one sample may not tell a speed."
        )
    else:
        remembers = GRUPredictorConfig(hidden=192, past=_PAST)
        why.append(f"The predictor remembers (GRU, {_PAST} frames), since one sample may not tell a speed.")
    if seen is not None:
        why.append(
            "Both are joined in one latent; each is hidden at times in training, so that it may be missing later."
        )
        encoder = FusionEncoderConfig(pixels=seen, sensors=read)
        return Recipe(name="own-data", window=_WINDOW, encoder=encoder, predictor=remembers), why
    why.append("Nothing asks latents to change slowly (temporal_similarity=0), since sensors swing.")
    # Sensors are judged by what they read, so the prediction counts more than it does beside pictures: on a real double
    # pendulum it then errs less than a linear model, and with a weight of 1 more.
    objective = PLDMConfig(ahead=_AHEAD, prediction=8.0, inverse_dynamics=2.0, temporal_similarity=0.0)
    return Recipe(name="own-data", window=_WINDOW, encoder=read, predictor=remembers, objective=objective), why


def _model_step(episodes: Episodes, sensors: Sequence[str], pixels: bool) -> tuple[int, str]:
    """Environment steps in a model step, and why."""
    rate = rate_of(episodes[0], (*(["pixels"] if pixels else []), *sensors))
    found = None if pixels else pace(episodes, sensors)
    if found is not None:
        lasts = "" if rate is None else f", {found / rate:.3g} s at {rate:g} Hz"
        return found, (
            f"frame_skip={found}{lasts}: over so long a change of the sensors keeps its direction (the correlation of a "
            "change with the next one of equal length then falls below a half)."
        )
    if rate is None and not pixels:
        return 1, "frame_skip=1: no rate is told and no sensor changes smoothly, so every sample counts."
    skip = max(1, round((rate or _USUAL_RATE) * MODEL_STEP_SECONDS))
    known = f"at {rate:g} Hz" if rate else f"if frames come at {_USUAL_RATE:g} Hz (no rate is told)"
    lasts = skip / (rate or _USUAL_RATE)
    return (
        skip,
        f"frame_skip={skip}: a model step of {lasts:.3g} s {known}, near the {MODEL_STEP_SECONDS} s that suit robots.",
    )


def _fitted(recipe: Recipe, episodes: Episodes) -> tuple[Recipe, list[str]]:
    """The recipe with a model step and a window that the middle one of the episodes is long enough for."""
    lengths = [max(stop - start for start, stop in stretches(episodes[number])) for number in range(len(episodes))]
    frames = int(np.median(lengths))
    why: list[str] = []
    if frames < 2:
        raise BadInput(
            f"half of the episodes have stretches of {frames} frames; training needs 2 frames and an action."
        )
    most = max(1, (frames - 1) // (recipe.window - 1))
    if recipe.frame_skip > most:
        why.append(f"frame_skip={most} in its place: windows of {recipe.window} frames must fit into {frames}.")
        recipe = replace(recipe, frame_skip=most)
    fitting = (frames - 1) // recipe.frame_skip + 1
    if fitting < recipe.window:
        objective = replace(recipe.objective, ahead=min(recipe.objective.ahead, fitting - 1))
        why.append(f"window={fitting}: episodes of {frames} frames hold no longer one.")
        recipe = replace(recipe, window=fitting, objective=objective)
    return recipe, why

"""A trained model learns what errors are usual, from recordings in which nothing unusual happens and which it never saw.

The first windows say how large an error is usual at each place and step, and the others, measured by these, how surprising a
window may be. Both go into the model file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.data.windows import stretches
from gedanken.errors import BadInput
from gedanken.evaluation.surprise.recording import with_usual_actions
from gedanken.models import JEPA, Usual
from gedanken.models.usual import curve_of
from gedanken.recipes.keep import on_model_clock
from gedanken.types import Episode

if TYPE_CHECKING:
    from gedanken.recipes.saved import Loaded

_MOST = 2**20
"""Of any of its numbers: a model file may ask for as many."""
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class UsualConfig:
    """How much is looked at to know what is usual.

    Args:
        steps: K, model steps of a window.
        whiten: windows that tell how large errors are.
        windows: other windows that tell how surprising a window may be; a false-alarm rate of r needs 1/r of them, and a steady
            one twenty times as many.
    """

    steps: int = 15
    whiten: int = 400
    windows: int = 2000

    def __post_init__(self) -> None:
        if not all(1 <= each <= _MOST for each in (self.steps, self.whiten, self.windows)):
            raise BadInput(
                f"steps={self.steps}, whiten={self.whiten} and windows={self.windows} must each be from 1 to {_MOST}."
            )


def usual_of(config: UsualConfig, encoder: Any) -> Usual:
    """An untaught `Usual` for latents of an encoder of this configuration."""
    return Usual(config.steps, prod(getattr(encoder, "grid", (1, 1))), encoder.latent, config.windows)


def learn_usual(
    model: JEPA, episodes: Iterable[Episode], config: UsualConfig, streams: Sequence[str] = ("pixels",)
) -> None:
    """Tell `model` what errors are usual; nothing else of it changes.

    Args:
        model: trained, and shown none of these episodes before.
        episodes: recordings in which nothing unusual happens, read until there are windows enough.
        config: how many windows, and how long.
        streams: what the encoder reads.
    Raises:
        BadInput: the episodes hold fewer windows than that, or are of another kind.
    """
    found = islice(window_errors(model, episodes, config.steps, streams), config.whiten + config.windows)
    total, scores, usual = torch.zeros(()), list[Tensor](), None
    count = 0
    for errors in found:
        count += 1
        if count <= config.whiten:
            total = total + errors.double()
        if usual is None and count >= config.whiten:
            steps, places, latent = errors.shape
            usual = Usual(steps, places, latent, config.windows)
            usual.whiten((total / count).float())
        elif usual is not None:
            scores.append(curve_of(usual.places(errors[None])).amax())
    if usual is None or len(scores) < config.windows:
        raise BadInput(
            f"the recordings hold {count} windows of {config.steps} model steps; whiten={config.whiten} and "
            f"windows={config.windows} ask for {config.whiten + config.windows}: ask for fewer, or record more."
        )
    usual.calibrate(torch.stack(scores))
    model.usual = usual


def calibrated(loaded: Loaded, episodes: Iterable[Episode]) -> Loaded:
    """A model as it was loaded, told what errors are usual by all the windows that these recordings hold: a third whitens.

    Windows are as long as those it was trained on. Recordings that say nothing of actions are taken to have the usual ones.

    Raises:
        BadInput: they hold fewer than two windows, or are of another kind.
    """
    model, steps = loaded.model, loaded.recipe.window - 1
    known = [with_usual_actions(model, episode)[0] for episode in episodes]
    spans = [(stop - start - 1) // model.frame_skip // steps for each in known for start, stop in stretches(each)]
    count = sum(spans)
    if count < 2:
        raise BadInput(
            f"the recordings hold {count} windows of {steps} model steps; a hundred are usual, and two the least."
        )
    config = UsualConfig(steps=steps, whiten=max(1, count // 3), windows=count - max(1, count // 3))
    learn_usual(model, known, config, list(loaded.observation))
    return replace(loaded, recipe=replace(loaded.recipe, usual=config))


def window_errors(
    model: JEPA, episodes: Iterable[Episode], steps: int, streams: Sequence[str] = ("pixels",)
) -> Iterator[Float[Tensor, "K P D"]]:
    """Squared errors of one window after the other, none of which overlap."""
    model.eval()
    waiting: list[tuple[Mapping[str, Tensor], Tensor]] = []
    for frames, done in on_model_clock(model, episodes, streams):
        for first in range(0, len(done) - steps + 1, steps):
            window = {name: values[first : first + steps + 1] for name, values in frames.items()}
            waiting.append((window, done[first : first + steps]))
            if len(waiting) == _AT_ONCE:
                yield from _errors_of(model, waiting)
                waiting.clear()
    if waiting:
        yield from _errors_of(model, waiting)


@torch.no_grad()
def _errors_of(model: JEPA, windows: Sequence[tuple[Mapping[str, Tensor], Tensor]]) -> Float[Tensor, "B K P D"]:
    device = model.action_mean.device
    frames = {name: torch.stack([each[name] for each, _ in windows]).to(device) for name in windows[0][0]}
    actions = torch.stack([done for _, done in windows]).to(device)
    return model.errors(model.encode(frames), actions).cpu()

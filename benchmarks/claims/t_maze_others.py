"""The same encoder with a predictor that remembers otherwise: a GRU carried on all along, a transformer over 200 steps.

Each is given a fair chance. They are trained on whole visits, cue and outcome in one window, with waits up to three times as
long as those recorded: what is seen while nothing happens stays the same, so it is repeated where a visitor rested. They predict
as far ahead as ours and plan by the same energy with the same search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from gedanken.data.kept import KeptLatents
from gedanken.models import JEPA, CausalTransformerConfig, GRUPredictorConfig
from gedanken.recipes.keep import encoded
from gedanken.recipes.recipe import Recipe, build
from gedanken.recipes.refine import RefineConfig, refine
from gedanken.recipes.t_maze import TMazeRun
from gedanken.training import RunFolder, TrainConfig
from gedanken.training.loop import Trained

LENGTH = 60
"""Model steps of a window: at 50, the transformer's context is 200 environment steps."""
PREDICTORS = {
    "gru": GRUPredictorConfig(hidden=256),
    "transformer": CausalTransformerConfig(depth=1, window=50, dropout=0.0),
}
_STEPS, _BATCH = {"gru": 1500, "transformer": 1000}, 16


def taught(kind: str, model: JEPA, run: TMazeRun, folder: RunFolder) -> tuple[JEPA, Recipe, Trained]:
    """A model with the encoder of `model` and another predictor, trained on the same visits; and its recipe.

    Args:
        kind: one of `PREDICTORS`.
        model: whose encoder and statistics are taken over.
        run: what `model` was trained by.
        folder: where the training may be resumed from.
    """
    recipe = replace(run.recipe, name=f"t-maze-{kind}", predictor=PREDICTORS[kind])
    seed = recipe.train.seed
    torch.manual_seed(seed)
    other = build(recipe, model.action)
    other.encoder.load_state_dict(model.encoder.state_dict())
    other.set_statistics({name: getattr(model, name) for name in ("action_mean", "action_std", "step_change")})
    latents, actions, _ = encoded(other, run.draw_fresh())
    drawn = Generator().manual_seed(seed)
    longer = [stretched(*each, LENGTH, drawn) for each in zip(latents, actions, strict=True)]
    kept = KeptLatents([each for each, _ in longer], [each for _, each in longer], LENGTH)
    train = TrainConfig(
        steps=_STEPS[kind], batch=_BATCH, learning_rate=2e-3, beta2=0.95, seed=seed, log_every=100, dtype="float32"
    )
    ahead = run.recall.ahead
    config = RefineConfig(window=LENGTH, ahead=ahead, starts=LENGTH - ahead, train=train)
    return other, recipe, refine(other, kept, config, folder)


def stretched(latents: Tensor, actions: Tensor, length: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """A visit made `length` frames long: a wait in which it rested goes on for longer, and so does its rest at the end.

    Args:
        latents: `[L, P, D]`, no more than `length`.
        actions: `[L-1, A]`.
        length: frames of the result.
        generator: draws how much longer the wait is.
    """
    resting = (actions == 0).all(dim=1).nonzero()[:, 0].tolist()
    waiting = [step for step in resting if step == 0 or step - 1 in resting]
    missing, at = length - len(latents), _last_of_first(waiting)
    more = int(torch.randint(missing + 1, (), generator=generator)) if at is not None else 0
    parts, done = [latents], [actions]
    if at is not None and more:
        parts = [latents[: at + 1], latents[at : at + 1].expand(more, -1, -1), latents[at + 1 :]]
        done = [actions[:at], actions.new_zeros(more, actions.shape[1]), actions[at:]]
    end = missing - more
    return (
        torch.cat([*parts, latents[-1:].expand(end, -1, -1)]),
        torch.cat([*done, actions.new_zeros(end, actions.shape[1])]),
    )


def _last_of_first(steps: Sequence[int]) -> int | None:
    """The last number of the run that begins with 0; None where none does."""
    last = None
    for expected, step in enumerate(steps):
        if step != expected:
            break
        last = step
    return last

"""A trained model's predictor learns to look at memories, on latents that were encoded once and kept.

The encoder stays as it is. Windows come with moments to remember (`lives.py`), and the error of what is predicted with their help
teaches all at once: what to ask for, what to look at, and what to make of it. Where memories are left out (retrieval dropout)
the predictor learns to do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Generator, Tensor, nn

from gedanken.energies.losses import open_loop_errors
from gedanken.errors import BadInput
from gedanken.models import JEPA, Recalling
from gedanken.recipes.keep import on_kept_latents
from gedanken.recipes.lives import AGES, MEMORIES, MOVES, TIMES, Lives, LivesConfig
from gedanken.recipes.whitened import whitened
from gedanken.training import RunFolder, TrainConfig, train
from gedanken.training.loop import Trained, Watcher
from gedanken.types import Recollection, Windows

_READS = ("from_latent", "to_query", "to_key", "to_value", "ask_from")
"""Layers of the predictor that read latents."""


@dataclass(frozen=True, kw_only=True)
class RecallConfig:
    """How the predictor learns to recall.

    Args:
        ahead: steps predicted in open loop from a window's first latent.
        dropout: share of the windows that are given no memories.
        single: share of the windows that are shown one moment of their own past, as if just that had been asked for. What a
            moment is worth is learned first: before that nothing teaches to look for it, least of all where it tells only
            together with what is done.
        components: leading principal components of the latents that the predictor sees, whitened; 0 shows it the latents as
            they are.
        lives: what windows are given to remember.
        train: how long and how hard.
    """

    ahead: int = 11
    dropout: float = 0.1
    single: float = 0.5
    components: int = 48
    lives: LivesConfig = field(default_factory=LivesConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=4000, batch=96, learning_rate=2e-3, beta2=0.95, log_every=100, dtype="float32"
        )
    )

    def __post_init__(self) -> None:
        if (
            self.ahead < 1
            or self.components < 0
            or min(self.dropout, self.single) < 0
            or self.dropout + self.single >= 1
        ):
            raise BadInput(
                f"ahead={self.ahead} must be at least 1, dropout={self.dropout} and single={self.single} shares below 1 "
                f"together, and components={self.components} at least 0."
            )


def learn_recall(
    model: JEPA,
    lives: Lives,
    config: RecallConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, object] | None = None,
) -> Trained:
    """Train `model`'s predictor in place, with memories to look at; the encoder and all statistics stay.

    Args:
        model: its statistics set; its predictor a `Recalling`.
        lives: windows of `config.ahead + 1` latents or more.
        config: how long and how hard.
        run: a folder of its own; an unfinished run found there is resumed.
        watch: told of every logged step.
        identity: what else makes this run itself, plain JSON.
    Raises:
        BadInput: the predictor is of another kind, or the windows are too short.
        TrainingStopped, BadRunFolder: see `gedanken.training.train`.
    """
    if not isinstance(model.predictor, Recalling):
        raise BadInput(
            f"a {type(model.predictor).__name__} cannot learn to recall; choose the predictor RecallingConfig()."
        )
    if lives.length <= config.ahead:
        raise BadInput(f"windows of {lives.length} latents are too short to predict ahead={config.ahead} steps.")
    told = {"recall": asdict(config), "latents": lives.fingerprint(), **(identity or {})}
    with whitened(model.predictor, lives.latents, config.components, _READS):
        trained = train(on_kept_latents(model), _Remembering(config), lives, config.train, run, watch, told)
    model.eval()
    return trained


class _Remembering(nn.Module):
    """The error of what is predicted from a window's first latent and its memories."""

    def __init__(self, config: RecallConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        latents, seen = model.encode(windows.observations), windows.observations
        predictor = model.predictor
        assert isinstance(predictor, Recalling)
        apart = (predictor.asked(latents[:, 0])[:, None] - seen[MEMORIES]).square().mean(dim=(2, 3))
        # A moment lived through n times stands n times in a memory, which adds log n to its weight.
        apart = apart - seen[TIMES] / predictor.sharpness
        drawn = torch.rand(len(latents), 1, generator=generator)
        dropped, single = drawn < self.config.dropout, drawn > 1 - self.config.single
        # Own moments come first, in an order that was drawn.
        first = torch.arange(apart.shape[1], device=apart.device) == 0
        apart = torch.where(single, 0.0, apart).masked_fill(single & ~first, torch.inf)
        apart = apart.masked_fill(dropped | seen[AGES].isinf(), torch.inf)
        recalled = Recollection(seen[MEMORIES], apart, seen[AGES].nan_to_num(posinf=0.0), seen[MOVES])
        predicted = model.open_loop(latents, windows.actions, self.config.ahead, 1, recalled)
        return {"prediction": open_loop_errors(predicted, latents).mean()}

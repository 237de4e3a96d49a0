"""The predictor goes on alone, on latents that were encoded once and kept (`keep.py`).

How things meet takes the predictor far longer to learn than the encoder takes to see them, and is learned from many places
rather than many pictures of one. Latents vary much in few directions and little in many; seen along their principal
components, each with unit variance, the predictor learns faster, and afterwards nothing is left of the change of coordinates
but another first layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Generator, Tensor, nn

from gedanken.data.kept import KeptLatents
from gedanken.energies.losses import open_loop_errors
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.recipes.keep import on_kept_latents
from gedanken.recipes.whitened import whitened
from gedanken.training import RunFolder, TrainConfig, train
from gedanken.training.loop import Trained, Watcher
from gedanken.types import Windows


@dataclass(frozen=True, kw_only=True)
class RefineConfig:
    """How the predictor is trained further while the encoder stays as it is.

    Args:
        window: T, latents in a window.
        ahead: steps predicted in open loop from the first latents of a window.
        starts: latents of a window to predict from, its first ones.
        components: leading principal components of the latents that the predictor sees, whitened; 0 shows it the latents as
            they are. Needs a predictor whose first layer `from_latent` is linear.
        fresh: let the predictor begin anew instead of where the joint training left it.
        train: how long and how hard.
    """

    window: int = 7
    ahead: int = 6
    starts: int = 1
    components: int = 0
    fresh: bool = False
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=10_000, batch=192, learning_rate=4e-3, beta2=0.95, log_every=100)
    )

    def __post_init__(self) -> None:
        if not 1 <= self.ahead < self.window or not 1 <= self.starts <= self.window - self.ahead:
            raise BadInput(
                f"a window of {self.window} latents does not hold ahead={self.ahead} steps from starts={self.starts} "
                "latents each; make it at least ahead + starts."
            )
        if self.components < 0:
            raise BadInput(f"components={self.components} must be at least 1, or 0 for latents as they are.")


def refine(
    model: JEPA,
    kept: KeptLatents,
    config: RefineConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, object] | None = None,
) -> Trained:
    """Train `model`'s predictor in place; the encoder and all statistics stay.

    Args:
        model: its statistics set.
        kept: latents of its encoder, in windows of `config.window`; more layouts and encounters than it was trained on do
            most good.
        config: how long and how hard.
        run: a folder of its own, apart from that of the training before; an unfinished run found there is resumed.
        watch: told of every logged step.
        identity: what else makes this run itself, plain JSON.
    Raises:
        BadInput: the predictor's first layer cannot be whitened.
        TrainingStopped, BadRunFolder: see `gedanken.training.train`.
    """
    if config.fresh:
        _forget(model.predictor, config.train.seed)
    told = {"refine": asdict(config), "latents": kept.fingerprint(), **(identity or {})}
    with whitened(model.predictor, kept.latents, config.components):
        trained = train(on_kept_latents(model), _Ahead(config), kept, config.train, run, watch, told)
    model.eval()
    return trained


def _forget(predictor: nn.Module, seed: int) -> None:
    """New weights, as if just built."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in predictor.modules():
            if callable(reset := getattr(layer, "reset_parameters", None)):
                reset()


class _Ahead(nn.Module):
    """Nothing but the error of the latents predicted."""

    def __init__(self, config: RefineConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        latents = model.encode(windows.observations)
        predicted = model.open_loop(latents, windows.actions, self.config.ahead, self.config.starts)
        return {"prediction": open_loop_errors(predicted, latents).mean()}

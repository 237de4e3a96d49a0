"""A trained model learns where it is wrong: its error head is fitted to the errors of its own steps on kept latents.

What is fitted is the logarithm of 1 + squared error, in step changes of the model, by least squares; most errors are small,
and the few large ones would else be all that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Generator, Tensor, nn

from gedanken.data.kept import KeptLatents
from gedanken.errors import BadInput
from gedanken.models import JEPA, ErrorHead
from gedanken.recipes.keep import on_kept_latents
from gedanken.recipes.whitened import whitened
from gedanken.training import RunFolder, TrainConfig, train
from gedanken.training.loop import Trained, Watcher
from gedanken.types import Windows

_LARGEST = 2**16
"""Hidden units at most: a model file may ask for any number of them."""


@dataclass(frozen=True, kw_only=True)
class ErrorHeadConfig:
    """How a model learns what errors to expect of itself.

    Args:
        hidden: units of the head's hidden layers.
        components: leading principal components of the latents that it sees, whitened; 0 shows it the latents as they are.
        train: how long and how hard; a batch is of windows, each of which holds one error a step.
    """

    hidden: int = 128
    components: int = 40
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=600, batch=320, learning_rate=2e-3, log_every=100)
    )

    def __post_init__(self) -> None:
        if not 1 <= self.hidden <= _LARGEST or self.components < 0:
            raise BadInput(
                f"hidden={self.hidden} must be from 1 to {_LARGEST}, and components={self.components} at least 1, or 0 for "
                "latents as they are."
            )


def head_of(config: ErrorHeadConfig, latent: int, action: int) -> ErrorHead:
    """An untrained head for latents of width `latent` and actions of `action` numbers a model step."""
    return ErrorHead(latent, action, config.hidden)


def learn_errors(
    model: JEPA,
    kept: KeptLatents,
    config: ErrorHeadConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, object] | None = None,
) -> Trained:
    """Give `model` an error head; nothing else of it changes.

    Args:
        model: trained and calibrated.
        kept: latents of its encoder.
        config: how large the head is, how long and how hard it is trained.
        run: a folder of its own; an unfinished run found there is resumed.
        watch: told of every logged step.
        identity: what else makes this run itself, plain JSON.
    Raises:
        BadInput: the model was never calibrated.
        TrainingStopped, BadRunFolder: see `gedanken.training.train`.
    """
    if not model.step_change > 0:
        raise BadInput(f"step_change={model.step_change.item()} must be above 0; calibrate the model first.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        head = head_of(config, kept.latents.shape[-1], model.action_mean.numel()).to(model.action_mean.device)
    told = {"error_head": asdict(config), "latents": kept.fingerprint(), **(identity or {})}
    model.predictor.requires_grad_(False)
    try:
        with whitened(head, kept.latents, config.components, ("from_latent", "to_latent")):
            trained = train(on_kept_latents(model), _Errors(head, model), kept, config.train, run, watch, told)
    finally:
        model.predictor.requires_grad_(True)
    model.error_head = head
    model.eval()
    return trained


class _Errors(nn.Module):
    """Squared difference between the logarithms of errors expected and made; the head is all that learns."""

    def __init__(self, head: ErrorHead, model: JEPA) -> None:
        super().__init__()
        self.head = head
        self.step_change = model.step_change.item()

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        latents = model.encode(windows.observations)
        with torch.no_grad():
            predicted = model.open_loop(latents, windows.actions, 1)[0].float()
            errors = (predicted - latents[:, 1:]).square().mean(dim=(-2, -1)) / self.step_change
        expected = self.head(latents[:, :-1], model.normalised(windows.actions), predicted)
        return {"error_head": (expected.float() - torch.log1p(errors)).square().mean()}

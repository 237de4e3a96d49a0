"""A trained model learns how far apart two of its latents are, from the same recordings, on kept latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gedanken.data.kept import KeptLatents
from gedanken.errors import BadInput
from gedanken.models import JEPA, ReachHead
from gedanken.recipes.keep import on_kept_latents
from gedanken.recipes.whitened import whitened
from gedanken.training import RunFolder, TrainConfig, train
from gedanken.training.loop import Trained, Watcher
from gedanken.types import Windows

_LARGEST = 2**16
"""Hidden units at most: a model file may ask for any number of them."""
_FARTHEST = 2**10
_STRANGERS = 2
"""Pairs from two windows for each from one."""


@dataclass(frozen=True, kw_only=True)
class ReachConfig:
    """How a model learns what is within reach.

    Args:
        hidden: units of the head's hidden layers.
        farthest: K, model steps that are told apart; beyond, all is far. Less than the frames of a training window.
        components: leading principal components of the latents that it sees, whitened; 0 shows it the latents as they are.
        train: how long and how hard; a batch is of windows, each of which gives one pair and two with other windows.
    """

    hidden: int = 128
    farthest: int = 8
    components: int = 40
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=1500, batch=512, learning_rate=2e-3, log_every=100)
    )

    def __post_init__(self) -> None:
        if not 1 <= self.hidden <= _LARGEST or not 2 <= self.farthest <= _FARTHEST or self.components < 0:
            raise BadInput(
                f"hidden={self.hidden} must be from 1 to {_LARGEST}, farthest={self.farthest} from 2 to {_FARTHEST}, and "
                f"components={self.components} at least 1, or 0 for latents as they are."
            )


def reach_head_of(config: ReachConfig, latent: int) -> ReachHead:
    """An untrained head for latents of width `latent`."""
    return ReachHead(latent, config.hidden, config.farthest)


def learn_reach(
    model: JEPA,
    kept: KeptLatents,
    config: ReachConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, object] | None = None,
) -> Trained:
    """Give `model` a reachability head; nothing else of it changes.

    Args:
        model: trained.
        kept: latents of its encoder, in windows longer than `config.farthest`.
        config: how large the head is, how long and how hard it is trained.
        run: a folder of its own; an unfinished run found there is resumed.
        watch: told of every logged step.
        identity: what else makes this run itself, plain JSON.
    Raises:
        BadInput: the windows are too short.
        TrainingStopped, BadRunFolder: see `gedanken.training.train`.
    """
    window = kept.take(torch.zeros(1, dtype=torch.long)).actions.shape[1] + 1
    if window <= config.farthest:
        raise BadInput(
            f"windows of {window} latents show no pair farthest={config.farthest} steps apart; keep longer ones."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        head = reach_head_of(config, kept.latents.shape[-1]).to(model.action_mean.device)
    told = {"reach": asdict(config), "latents": kept.fingerprint(), **(identity or {})}
    model.predictor.requires_grad_(False)
    try:
        with whitened(head, kept.latents, config.components, ("from_latent", "to_latent")):
            trained = train(on_kept_latents(model), _Pairs(head), kept, config.train, run, watch, told)
    finally:
        model.predictor.requires_grad_(True)
    model.reach_head = head
    model.eval()
    return trained


class _Pairs(nn.Module):
    """Whether pairs lie within 1 … K steps: those of one window as far as they do, those of two windows never."""

    def __init__(self, head: ReachHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        latents = model.encode(windows.observations)
        count, length = latents.shape[:2]
        rows, within = torch.arange(count), torch.arange(1, self.head.farthest + 1)
        drawn = torch.randint(length, (3, count), generator=generator)
        first, last = drawn[0].minimum(drawn[1]), drawn[0].maximum(drawn[1])
        together = self.head(latents[rows, first], latents[rows, last])
        near = ((last - first)[:, None] <= within).to(together)
        # A window beside another is hardly ever of the same place, and wrong labels this few are outvoted.
        shifted = [
            self.head(latents[rows, first], latents[rows, drawn[2]].roll(k, 0)) for k in range(1, _STRANGERS + 1)
        ]
        strangers = torch.cat(shifted)
        loss = binary_cross_entropy_with_logits(together.float(), near.float())
        apart = binary_cross_entropy_with_logits(strangers.float(), torch.zeros_like(strangers.float()))
        return {"together": loss, "strangers": apart}

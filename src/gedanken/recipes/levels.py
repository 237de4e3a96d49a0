"""A trained model learns a slower clock of its own latents, from the same recordings, on kept latents (HWM, arXiv:2604.03208)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Generator, Tensor, nn

from gedanken.data.kept import KeptLatents
from gedanken.errors import BadInput
from gedanken.models import JEPA, SlowClock
from gedanken.recipes.keep import on_kept_latents
from gedanken.training import RunFolder, TrainConfig, train
from gedanken.training.loop import Trained, Watcher
from gedanken.types import Windows

_LARGEST = 2**16
"""Hidden units at most: a model file may ask for any number of them."""
_LONGEST = 2**10
_RARE = 0.01
"""Share of the recorded macro-actions that lies below the range searched, and above it."""
_SURVEYED = 4096


@dataclass(frozen=True, kw_only=True)
class LevelsConfig:
    """How a model learns its slower clock.

    Args:
        stride: model steps of one macro-action; a training window must hold at least one.
        width: M, numbers in a macro-action: too few cannot say where to go, too many say what nobody can do.
        hidden: units of the hidden layers.
        train: how long and how hard; a batch is of windows, through which the clock runs open loop.
    """

    stride: int = 4
    width: int = 4
    hidden: int = 256
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=3000, batch=512, learning_rate=2e-3, log_every=100)
    )

    def __post_init__(self) -> None:
        if not 2 <= self.stride <= _LONGEST or not 1 <= self.width <= _LONGEST or not 1 <= self.hidden <= _LARGEST:
            raise BadInput(
                f"stride={self.stride} must be from 2 to {_LONGEST}, width={self.width} from 1 to {_LONGEST} and "
                f"hidden={self.hidden} from 1 to {_LARGEST}."
            )


def slow_clock_of(config: LevelsConfig, latent: int, action: int) -> SlowClock:
    """An untrained clock for latents of width `latent` and actions of `action` numbers a model step."""
    return SlowClock(latent, action, config.stride, config.width, config.hidden)


def learn_levels(
    model: JEPA,
    kept: KeptLatents,
    config: LevelsConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, object] | None = None,
) -> Trained:
    """Give `model` a slower clock; nothing else of it changes.

    Args:
        model: trained.
        kept: latents of its encoder, in windows longer than `config.stride`.
        config: how slow and how large the clock is, how long and how hard it is trained.
        run: a folder of its own; an unfinished run found there is resumed.
        watch: told of every logged step.
        identity: what else makes this run itself, plain JSON.
    Raises:
        BadInput: the windows are too short.
        TrainingStopped, BadRunFolder: see `gedanken.training.train`.
    """
    sample = kept.sample(_SURVEYED, Generator().manual_seed(config.train.seed))
    if sample.actions.shape[1] < config.stride:
        raise BadInput(
            f"windows of {sample.actions.shape[1]} actions hold no macro-action of stride={config.stride}; keep longer ones."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        clock = slow_clock_of(config, kept.latents.shape[-1], model.action_mean.numel()).to(model.action_mean.device)
    told = {"levels": asdict(config), "latents": kept.fingerprint(), **(identity or {})}
    model.predictor.requires_grad_(False)
    try:
        trained = train(on_kept_latents(model), _Ahead(clock), kept, config.train, run, watch, told)
    finally:
        model.predictor.requires_grad_(True)
    with torch.no_grad():
        done = model.normalised(sample.actions.to(model.action_mean.device))
        macros = clock.macro(done[:, : config.stride])
        clock.low.copy_(macros.quantile(_RARE, dim=0))
        clock.high.copy_(macros.quantile(1 - _RARE, dim=0))
    model.slow_clock = clock
    model.eval()
    return trained


class _Ahead(nn.Module):
    """Mean absolute error of the latents after each macro-action of a window, predicted open loop from one of its first frames.

    Open loop and not from each true latent anew, as in the source: a plan is several macro-actions long.
    """

    def __init__(self, clock: SlowClock) -> None:
        super().__init__()
        self.clock = clock

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        latents, done = model.encode(windows.observations), model.normalised(windows.actions)
        stride = self.clock.stride
        count = done.shape[1] // stride
        begin = int(torch.randint(done.shape[1] - count * stride + 1, (), generator=generator))
        macros = self.clock.macro(done[:, begin : begin + count * stride].unflatten(1, (count, stride)))
        predicted = self.clock.rollout(latents[:, begin], macros[:, None])[:, 0]
        after = latents[:, begin + stride : begin + count * stride + 1 : stride]
        return {"macro_prediction": (predicted.float() - after.float()).abs().mean()}

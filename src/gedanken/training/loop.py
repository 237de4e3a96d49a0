"""The training loop: draw windows, weigh the losses, step; watch for collapse, and be killed at any moment without harm.

Every step's randomness comes from (seed, step) alone, so a run resumed from a checkpoint equals the uninterrupted one
bit for bit on the same machine, number of threads and dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor, nn

from gedanken.errors import BadInput, NonFinite, TrainingStopped
from gedanken.training.checkpoint import fingerprint_of, load_checkpoint, save_checkpoint
from gedanken.training.collapse import CollapseMeter, Health, findings, measure
from gedanken.training.precision import DTYPES, Dtype, autocast, fastest_dtype
from gedanken.training.run_folder import RunFolder
from gedanken.training.schedule import learning_rate
from gedanken.types import Windows

_PROBE_WINDOWS = 64
_TIMED_WINDOWS = 8
_TROUBLED_READINGS = 5


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long and how hard to train.

    Args:
        steps: optimiser steps.
        batch: windows in one step.
        learning_rate: its peak, after the warm-up.
        weight_decay: AdamW's.
        beta2: decay of AdamW's average of squared gradients; a shorter memory, as of 0.95, bears higher rates.
        warm_up: share of the steps in which the rate climbs.
        clip: largest norm of the gradient.
        seed: of the weights, the windows drawn and all else.
        dtype: `auto` times a real step in float32 and bfloat16 and takes the faster.
        device: `auto`, `cpu`, `cuda` or `mps`.
        log_every: steps between two lines of metrics.
        checkpoint_seconds: time between two checkpoints.
        on_collapse: `warn` in words, or `stop` after five troubled readings in a row (a quarter of the run).
    """

    steps: int = 1000
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    beta2: float = 0.999
    warm_up: float = 0.05
    clip: float = 2.0
    seed: int = 0
    dtype: Dtype = "auto"
    device: str = "auto"
    log_every: int = 10
    checkpoint_seconds: float = 20.0
    on_collapse: Literal["warn", "stop"] = "warn"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 2 or self.log_every < 1:
            raise BadInput(f"steps={self.steps} and log_every={self.log_every} need at least 1, batch={self.batch} 2.")
        if self.dtype not in ("auto", *DTYPES) or self.on_collapse not in ("warn", "stop"):
            raise BadInput(
                f"dtype={self.dtype!r} is one of auto, {', '.join(DTYPES)}, and on_collapse={self.on_collapse!r} is "
                "warn or stop."
            )
        if not self.learning_rate > 0 or not self.clip > 0 or not 0 <= self.warm_up <= 1:
            raise BadInput("learning_rate and clip must be above 0, and warm_up a share between 0 and 1.")
        if not 0 <= self.beta2 < 1:
            raise BadInput(f"beta2={self.beta2} must be at least 0 and below 1.")


class Objective(Protocol):
    """A recipe's losses: weighted terms of one batch."""

    def __call__(self, model: Any, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        """Scalar terms by name, already weighted; their sum is minimised."""
        ...


@runtime_checkable
class Sampler(Protocol):
    """A source of windows, such as `gedanken.data.WindowSampler`."""

    def sample(self, count: int, generator: Generator) -> Windows: ...


@dataclass(frozen=True)
class Progress:
    """What a watcher is told after each logged step."""

    step: int
    steps: int
    loss: float
    terms: Mapping[str, float]
    frames_per_second: float
    health: Health | None = None
    warnings: tuple[str, ...] = ()


Watcher = Callable[[Progress], None]


@dataclass(frozen=True)
class Trained:
    """How a run ended: steps done, the dtype used, core-seconds (resumed parts included), wall seconds, last warnings."""

    steps: int
    dtype: Dtype
    core_seconds: float
    seconds: float
    warnings: tuple[str, ...]


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        BadInput: no such device, or not on this machine.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name != "auto":
        if not there.get(name.split(":")[0], False):
            have = ", ".join(each for each, is_there in there.items() if is_there)
            raise BadInput(f"device={name!r} is not on this machine; there is {have}, or 'auto'.")
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def step_generator(seed: int, step: int) -> Generator:
    """The randomness of one step; step −1 is the collapse meter's own."""
    # torch's generator reads only 32 bits of its seed, so shifting one number past the other would lose it.
    return Generator().manual_seed(int.from_bytes(sha256(f"{seed} {step}".encode()).digest()[:4], "little"))


def train(
    model: nn.Module,
    objective: nn.Module,
    sampler: Sampler,
    config: TrainConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, Any] | None = None,
) -> Trained:
    """Train `model` in place.

    Args:
        model: what is trained, on the right device.
        objective: keeps the `Objective` contract; its own parameters (a head) are trained along.
        sampler: where windows come from.
        config: how long and how hard.
        run: where metrics and checkpoints go; an unfinished run found there is resumed.
        watch: called with a `Progress` at every logged step.
        identity: what else makes this run itself, plain JSON (model, losses, data); a checkpoint of another is refused.
    Raises:
        TrainingStopped: a term of the loss was not finite, or the run collapsed and `on_collapse` is `stop`.
        BadRunFolder: `run` holds a checkpoint of another configuration.
    """
    begun, cores = perf_counter(), process_time()
    device = next(model.parameters()).device
    config = replace(config, dtype=_decided_dtype(config, model, objective, sampler, device, run))
    training = _Training(model, objective, sampler, config, device, identity or {})
    checkpoint = run.checkpoint if run is not None else None
    first, spent = training.resumed(checkpoint) if checkpoint is not None and checkpoint.exists() else (0, 0.0)
    if run is not None:
        run.forget_metrics_after(first)

    model.train()
    troubled, warnings, saved, logged = 0, (), perf_counter(), (first, perf_counter())
    for step in range(first, config.steps):
        terms, done = training.update(step), step + 1
        last = done == config.steps
        health = training.health() if training.meter.due(done) or last else None
        if health is not None:
            warnings = tuple(findings(health))
            troubled = troubled + 1 if warnings else 0
        if health is not None or step % config.log_every == 0:
            rate = (done - logged[0]) * training.frames / (perf_counter() - logged[1])
            logged = done, perf_counter()
            values = {name: term.item() for name, term in terms.items()}
            progress = Progress(done, config.steps, sum(values.values()), values, rate, health, warnings)
            if run is not None:
                run.append_metrics(_row(step, progress))
            watch(progress)
        if checkpoint is not None and (last or perf_counter() - saved > config.checkpoint_seconds):
            training.save(checkpoint, done, spent + process_time() - cores)
            saved = perf_counter()
        if config.on_collapse == "stop" and troubled >= _TROUBLED_READINGS:
            raise TrainingStopped(f"stopped at step {done} of {config.steps}: {' '.join(warnings)}")
    model.eval()
    return Trained(config.steps, config.dtype, spent + process_time() - cores, perf_counter() - begun, warnings)


class _Training:
    """What one run holds between its steps."""

    def __init__(
        self,
        model: nn.Module,
        objective: nn.Module,
        sampler: Sampler,
        config: TrainConfig,
        device: torch.device,
        identity: Mapping[str, Any],
    ) -> None:
        self.modules = {"model": model, "objective": objective}
        self.sampler, self.config, self.device = sampler, config, device
        self.parameters = [each for module in self.modules.values() for each in module.parameters()]
        self.optimiser = torch.optim.AdamW(
            self.parameters,
            lr=config.learning_rate,
            betas=(0.9, config.beta2),
            weight_decay=config.weight_decay,
            fused=device.type == "cuda",
        )
        self.meter = CollapseMeter(sampler.sample(_PROBE_WINDOWS, step_generator(config.seed, -1)), config.steps)
        self.fingerprint = fingerprint_of({"train": asdict(config), **identity})
        self.frames = config.batch * (self.meter.probe.actions.shape[1] + 1)

    def update(self, step: int) -> Mapping[str, Tensor]:
        """One optimiser step; returns its weighted terms."""
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, config.steps, config.learning_rate, config.warm_up)
        generator = step_generator(config.seed, step)
        windows = _on(self.sampler.sample(config.batch, generator), self.device)
        torch.manual_seed(generator.initial_seed())  # dropout, where a part has it
        with autocast(self.device, config.dtype):
            terms = self.modules["objective"](self.modules["model"], windows, generator)
        _require_finite(terms, step)
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, config.clip)
        if not torch.isfinite(norm):
            raise TrainingStopped(
                f"the gradient became {norm.item()} at step {step} though every loss was finite; lower the learning rate."
            )
        self.optimiser.step()
        return terms

    @torch.no_grad()
    def health(self) -> Health:
        """The collapse meter's reading now."""
        model: Any = self.modules["model"]
        windows = _on(self.meter.probe, self.device)
        model.eval()  # as it will be used: dropout alone would make an ignored action seem to matter
        latents = model.encode(windows.observations)
        health = measure(latents, lambda now, actions: model.open_loop(now, actions, 1)[0], windows.actions)
        model.train()
        return health

    def save(self, path: Path, done: int, core_seconds: float) -> None:
        save_checkpoint(path, done, self.modules, self.optimiser, self.fingerprint, core_seconds)

    def resumed(self, path: Path) -> tuple[int, float]:
        return load_checkpoint(path, self.modules, self.optimiser, self.fingerprint)


def _decided_dtype(
    config: TrainConfig,
    model: nn.Module,
    objective: nn.Module,
    sampler: Sampler,
    device: torch.device,
    run: RunFolder | None,
) -> Dtype:
    """The dtype asked for; for `auto`, the one an earlier part of this run took, or the one that is faster here."""
    if config.dtype != "auto":
        return config.dtype
    if run is not None and (kept := run.decided_dtype()):
        return kept
    windows = _on(sampler.sample(_TIMED_WINDOWS, step_generator(config.seed, -1)), device)
    # Copies, since a batch norm would remember the windows it was timed on.
    tried_model, tried_objective = deepcopy(model), deepcopy(objective)

    def trial() -> None:
        terms = tried_objective(tried_model, windows, step_generator(config.seed, -1))
        torch.stack(list(terms.values())).sum().backward()

    dtype = fastest_dtype(trial, device)
    if run is not None:
        run.write_text("dtype", dtype + "\n")
    return dtype


def _on(windows: Windows, device: torch.device) -> Windows:
    if device.type == "cpu":
        return windows
    observations = {name: values.to(device, non_blocking=True) for name, values in windows.observations.items()}
    return Windows(observations, windows.actions.to(device, non_blocking=True))


def _require_finite(terms: Mapping[str, Tensor], step: int) -> None:
    for name, term in terms.items():
        if not torch.isfinite(term):
            raise TrainingStopped(
                f"the loss term {name!r} became {term.item()} at step {step}; lower the learning rate, or look for "
                "extreme values in the data."
            ) from NonFinite(name)


def _row(step: int, progress: Progress) -> dict[str, Any]:
    row: dict[str, Any] = {"step": step, "loss": progress.loss, **progress.terms}
    row["frames_per_second"] = round(progress.frames_per_second, 1)
    if progress.health is not None:
        row |= {"health": asdict(progress.health), "warnings": list(progress.warnings)}
    return row

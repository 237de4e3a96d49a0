"""The training loop: draw windows, weigh the losses, step; watch for collapse, and be killed at any moment without harm.

Every step's randomness comes from (seed, step) alone, so a run resumed from a checkpoint equals the uninterrupted one
bit for bit on the same machine, number of threads, processes and dtype. Where several processes train together
(`distributed.py`), each step is the one that a single process would take on the same batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal, Protocol

import torch
from torch import Generator, Tensor, nn

from gedanken.collectives import batch_mean, first_says, from_first, processes, rank, wait
from gedanken.errors import BadInput, NonFinite, TrainingStopped
from gedanken.training.ahead import ahead_where_it_pays
from gedanken.training.checkpoint import fingerprint_of, load_checkpoint, save_checkpoint
from gedanken.training.collapse import CollapseMeter, Health, findings
from gedanken.training.descent import Descent
from gedanken.training.distributed import Sampler, averaged, check_batch, own_part
from gedanken.training.precision import DTYPES, Dtype, autocast, fastest_dtype
from gedanken.training.run_folder import RunFolder
from gedanken.training.schedule import learning_rate
from gedanken.training.stored import there_is
from gedanken.training.whole import Whole
from gedanken.types import Windows

_PROBE_WINDOWS = 64
_TIMED_WINDOWS = 8
_TROUBLED_READINGS = 5


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long and how hard to train.

    Args:
        steps: optimiser steps.
        batch: windows in one step, of all processes together.
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
    shard: bool = False,
) -> Trained:
    """Train `model` in place; every process of a run comes here with the same arguments, and leaves with the same weights.

    Args:
        model: what is trained, on the right device.
        objective: keeps the `Objective` contract; its own parameters (a head) are trained along.
        sampler: where windows come from.
        config: how long and how hard.
        run: where metrics and checkpoints go; an unfinished run found there is resumed, by any number of processes.
        watch: called with a `Progress` at every logged step, in the first process.
        identity: what else makes this run itself, plain JSON (model, losses, data); a checkpoint of another is refused.
        shard: keep of all weights a part in each process (FSDP2) instead of all in each; means nothing to one process.
    Raises:
        BadInput: the batch cannot be divided over the processes.
        TrainingStopped: a term of the loss was not finite, or the run collapsed and `on_collapse` is `stop`.
        BadRunFolder: `run` holds a checkpoint of another configuration.
    """
    check_batch(config.batch)
    begun, cores = perf_counter(), process_time()
    device = next(model.parameters()).device
    config = replace(config, dtype=_decided_dtype(config, model, objective, sampler, device, run))
    training = _Training(model, objective, sampler, config, device, identity or {}, shard and processes() > 1)
    checkpoint = run.checkpoint if run is not None else None
    first, spent = training.resumed(checkpoint) if checkpoint is not None and there_is(checkpoint) else (0, 0.0)
    wait()  # a checkpoint is not replaced while another process reads it
    log = run if rank() == 0 else None
    if log is not None:
        log.forget_metrics_after(first)

    training.whole.train()
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
            if log is not None:
                log.append_metrics(_row(step, progress))
            if rank() == 0:
                watch(progress)
        if checkpoint is not None and training.due(last or perf_counter() - saved > config.checkpoint_seconds):
            training.save(checkpoint, done, spent + processes() * (process_time() - cores))
            saved = perf_counter()
        if config.on_collapse == "stop" and health is not None and first_says(troubled >= _TROUBLED_READINGS):
            raise TrainingStopped(f"stopped at step {done} of {config.steps}: {' '.join(warnings)}")
    training.finish()
    # The processes do alike, so one's time stands for all.
    core_seconds = spent + processes() * (process_time() - cores)
    return Trained(config.steps, config.dtype, core_seconds, perf_counter() - begun, warnings)


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
        shard: bool,
    ) -> None:
        self.given = self.whole = Whole(model, objective)
        self.sampler, self.config, self.device, self.shard = sampler, config, device, shard
        if shard:
            from gedanken.training.sharded import sharded

            self.whole = sharded(self.given)
        self.forward = self.whole if shard else averaged(self.whole)
        self.descent = Descent(list(self.whole.parameters()), config.beta2, config.weight_decay, config.clip)
        self.optimiser = self.descent.optimiser
        self.meter = CollapseMeter(sampler.sample(_PROBE_WINDOWS, step_generator(config.seed, -1)), config.steps)
        self.fingerprint = fingerprint_of({"train": asdict(config), **identity})
        self.frames = config.batch * (self.meter.probe.actions.shape[1] + 1)

        self.read = ahead_where_it_pays(self._read, config.steps, sampler)

    def _read(self, step: int) -> tuple[Windows, Generator]:
        generator = step_generator(self.config.seed, step)
        return own_part(self.sampler, self.config.batch, generator), generator

    def update(self, step: int) -> Mapping[str, Tensor]:
        """One optimiser step; returns its weighted terms."""
        config = self.config
        read, generator = self.read(step)
        windows = _on(read, self.device)
        torch.manual_seed(generator.initial_seed() + rank())  # dropout, where a part has it
        with autocast(self.device, config.dtype):
            terms = self.forward(windows, generator)
        own = torch.stack(list(terms.values()))
        terms = dict(zip(terms, batch_mean(own.detach()), strict=True))
        _require_finite(terms, step)
        norm = self.descent(own.sum(), learning_rate(step, config.steps, config.learning_rate, config.warm_up))
        if not torch.isfinite(norm):
            raise TrainingStopped(
                f"the gradient became {norm.item()} at step {step} though every loss was finite; lower the learning rate."
            )
        return terms

    def health(self) -> Health:
        """The collapse meter's reading now."""
        return self.whole.health(_on(self.meter.probe, self.device))

    def due(self, wanted: bool) -> bool:
        """Whether to save now; of parts, each process writes its own, so the first one's clock counts for all."""
        return first_says(wanted) if self.shard else wanted

    def save(self, path: Path, done: int, core_seconds: float) -> None:
        keeps = self.whole.modules_by_name, self.optimiser, self.fingerprint, core_seconds
        if self.shard:
            from gedanken.training.shards import save_shards

            save_shards(path, done, *keeps)
        elif rank() == 0:
            save_checkpoint(path, done, *keeps)

    def resumed(self, path: Path) -> tuple[int, float]:
        return load_checkpoint(path, self.whole.modules_by_name, self.optimiser, self.fingerprint)

    def finish(self) -> None:
        """Leave the weights in the model that was given."""
        if self.shard:
            from gedanken.training.sharded import gathered

            gathered(self.whole, self.given)
        self.given.eval()


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
    kept = from_first((run and run.decided_dtype()) or "")
    if kept:
        return DTYPES[DTYPES.index(kept)]
    windows = _on(sampler.sample(_TIMED_WINDOWS, step_generator(config.seed, -1)), device)
    # Copies, since a batch norm would remember the windows it was timed on.
    tried_model, tried_objective = deepcopy(model), deepcopy(objective)

    def trial() -> None:
        terms = tried_objective(tried_model, windows, step_generator(config.seed, -1))
        torch.stack(list(terms.values())).sum().backward()

    dtype = DTYPES[DTYPES.index(from_first(fastest_dtype(trial, device)))]
    if run is not None and rank() == 0:
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

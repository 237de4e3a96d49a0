"""Kill training runs at random moments and see whether each, resumed, ends as if it had not been.

Each kill is a SIGKILL to a process that trains a small model on two-rooms and writes a checkpoint every few steps. Then the
run folder is looked at (`broken` counts files that cannot be read), the run is resumed, and its weights, optimiser state and
metrics are compared with those of a run that was left alone.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import tempfile
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gedanken.encoders import ConvEncoderConfig
from gedanken.environments import TwoRooms, episodes_of
from gedanken.models import ResidualMLPConfig
from gedanken.recipes import PLDMConfig, Recipe, fit
from gedanken.training import RunFolder, TrainConfig
from gedanken.types import Episode


def recipe(steps: int) -> Recipe:
    """Steps of a few milliseconds, with a checkpoint so often that many kills come in the middle of one."""
    return Recipe(
        name="kill",
        window=4,
        frame_skip=2,
        encoder=ConvEncoderConfig(width=4, latent=16),
        predictor=ResidualMLPConfig(hidden=32),
        objective=PLDMConfig(ahead=3),
        train=TrainConfig(steps=steps, batch=4, dtype="float32", device="cpu", log_every=1, checkpoint_seconds=0.02),
    )


def train(folder: str, steps: int) -> None:
    """What a killed process was doing."""
    torch.set_num_threads(1)
    fit(recorded(), recipe(steps), RunFolder(folder))


def recorded() -> list[Episode]:
    """The same few episodes each time."""
    return list(episodes_of(TwoRooms(), 24, 12, seed=0))


def trained(context: ForkServerContext, folder: Path, steps: int) -> float:
    """Train to the end in a process of its own; returns its seconds."""
    process = context.Process(target=train, args=(str(folder), steps))
    begun = time.perf_counter()
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"the training in {folder} failed with exit code {process.exitcode}")
    return time.perf_counter() - begun


def killed(context: ForkServerContext, folder: Path, steps: int, after_step: int, delay: float) -> bool:
    """Kill a training some seconds after it has told of so many steps; False if it was over before."""
    process = context.Process(target=train, args=(str(folder), steps))
    process.start()
    # A clock alone would kill early or late with the load of the machine; the step is where the run really is.
    while process.is_alive() and steps_told(folder) < after_step:
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def steps_told(folder: Path) -> int:
    """Whole lines in the metrics; one is written at each step."""
    metrics = folder / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.exists() else 0


def broken(folder: Path) -> int:
    """Files under their final names that cannot be read; of the metrics, only the last line may be torn."""
    faults = 0
    checkpoint, metrics = folder / "checkpoint.safetensors", folder / "metrics.jsonl"
    if checkpoint.exists():
        try:
            load_file(checkpoint)
        except (OSError, SafetensorError):
            faults += 1
    whole = metrics.read_text().split("\n")[:-1] if metrics.exists() else []
    try:
        faults += [json.loads(line)["step"] for line in whole] != list(range(len(whole)))
    except ValueError:
        faults += 1
    return faults


def ending(folder: Path) -> tuple[dict[str, Tensor], list[dict]]:
    """Weights and optimiser state, and the metrics without their clock."""
    rows = RunFolder(folder).read_metrics()
    return load_file(folder / "checkpoint.safetensors"), [
        {name: value for name, value in row.items() if name != "frames_per_second"} for row in rows
    ]


def same(one: tuple[dict[str, Tensor], list[dict]], other: tuple[dict[str, Tensor], list[dict]]) -> bool:
    """Bit for bit."""
    weights, rows = one
    return (
        weights.keys() == other[0].keys()
        and all(torch.equal(value, other[0][name]) for name, value in weights.items())
        and rows == other[1]
    )


def run(kills: int, steps: int, seed: int) -> dict[str, Any]:
    """Count the kills, the runs that ended equal and the files found broken; and say at which steps the kills came."""
    # Children fork from a server that has torch loaded, so that a kill falls into training and not into an import.
    context = multiprocessing.get_context("forkserver")
    # The optimiser would import the compiler in each of them.
    context.set_forkserver_preload(["claims.kill_train", "gedanken.recipes", "torch._dynamo"])
    moments, came, equal, faults = random.Random(seed), [], 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        trained(context, Path(scratch) / "warm", 1)
        seconds = trained(context, whole, steps)
        reference = ending(whole)
        while len(came) < kills:
            folder = Path(tempfile.mkdtemp(dir=scratch))
            if not killed(context, folder, steps, moments.randrange(steps), moments.uniform(0, 2 * seconds / steps)):
                continue
            came.append(steps_told(folder))
            faults += broken(folder)
            trained(context, folder, steps)
            faults += broken(folder)
            equal += same(ending(folder), reference)
    return {"kills": len(came), "equal": equal, "broken": faults, "steps": steps, "killed_at": sorted(came)}

"""Train the same steps in one process and in two, and compare losses, gradients and weights as they lie in the checkpoints.

After AdamW's first step its average of gradients is a tenth of the gradient, so the gradient can be read from the checkpoint,
and nothing but the training that users run is looked at. Dropout is off, numbers are float32, and no gradient is clipped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from claims.ranks import together
from gedanken.encoders import ConvEncoderConfig
from gedanken.environments import TwoRooms, episodes_of
from gedanken.models import CausalTransformerConfig
from gedanken.recipes import LeWMConfig, Recipe, fit, two_rooms_demo
from gedanken.training import RunFolder, joined
from gedanken.training.loop import Progress
from gedanken.training.stored import Stored, index_of

EPISODES, LENGTH = 24, 40
GONE = 17
_BETA1 = 0.9


def recipes(steps: int, batch: int = 20) -> dict[str, Recipe]:
    """Both families at the demo's shape of network: VICReg with inverse dynamics, and SIGReg behind a BatchNorm."""
    demo = two_rooms_demo().recipe
    train = replace(
        demo.train,
        steps=steps,
        batch=batch,
        clip=1e9,
        dtype="float32",
        device="cpu",
        log_every=1,
        checkpoint_seconds=0.0,
    )
    lewm = replace(
        demo,
        name="lewm",
        encoder=ConvEncoderConfig(width=16, latent=64, head="batch_norm_mlp"),
        predictor=CausalTransformerConfig(norm=False, dropout=0.0),
        objective=LeWMConfig(),
    )
    return {"pldm": replace(demo, train=train), "lewm": replace(lewm, train=train)}


def train(folder: str, name: str, steps: int, shard: bool, stop_at: int = 0) -> None:
    """What each process does; `stop_at` is a step after which the first one leaves without a word."""
    torch.set_num_threads(1)

    def watch(progress: Progress) -> None:
        if progress.step == stop_at:
            os._exit(GONE)

    with joined():
        episodes = list(episodes_of(TwoRooms(), EPISODES, LENGTH, seed=0))
        fit(episodes, recipes(steps)[name], RunFolder(folder), watch, shard=shard)


def trained(folder: Path, ranks: int, name: str, steps: int, shard: bool = False) -> Path:
    """A run folder, once as many processes have trained in it."""
    codes = together(ranks, train, str(folder), name, steps, shard)
    if codes != [0] * ranks:
        raise SystemExit(f"{ranks} processes that trained {name} in {folder} ended with {codes}")
    return folder


def kept(folder: Path) -> dict[str, Tensor]:
    """All tensors of the newest checkpoint, put together."""
    with Stored.newest(RunFolder(folder).checkpoint) as stored:
        names = [f"{part}.{name}" for part in ("model", "objective", "optimiser") for name in stored.below(part)]
        return {name: stored.whole(name) for name in names}


def gradients(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of the first step, by the number of its parameter."""
    return {name: value / (1 - _BETA1) for name, value in tensors.items() if name.endswith(".exp_avg")}


def apart(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> float:
    """The largest difference between two sets of tensors, in units of the largest number of the second."""
    if some.keys() != others.keys():
        raise SystemExit(f"other tensors: {sorted(some.keys() ^ others.keys())[:5]}")
    largest = max(float(value.abs().max()) for value in others.values())
    return max(float((some[name] - value).abs().max()) for name, value in others.items()) / largest


def losses(folder: Path) -> list[dict[str, float]]:
    """The terms of each step."""
    ours = ("step", "frames_per_second", "health", "warnings")
    return [
        {name: value for name, value in row.items() if name not in ours} for row in RunFolder(folder).read_metrics()
    ]


def compared(two: Path, one: Path) -> dict[str, float]:
    """How far the first step of two processes lies from that of one: loss and gradient, each in units of its own size."""
    ours, theirs = losses(two)[0], losses(one)[0]
    loss = max(abs(ours[name] - value) / max(abs(value), 1.0) for name, value in theirs.items())
    return {"loss": loss, "gradient": apart(gradients(kept(two)), gradients(kept(one)))}


def resumed(scratch: Path, name: str, steps: int) -> dict[str, float]:
    """Two processes with weights in shards stop half-way and one goes on: its next two losses against those of the two.

    The first comes of the weights that were read, the second also of the optimiser's state. Afterwards the runs drift apart as
    any two do that round differently: the optimiser makes a step of full length of a gradient that is nothing but rounding.
    """
    whole, cut = trained(scratch / f"{name}-whole", 2, name, steps, True), scratch / f"{name}-cut"
    codes = together(2, train, str(cut), name, steps, True, steps // 2 + 1)
    if codes[0] != GONE or not index_of(RunFolder(cut).checkpoint).exists():
        raise SystemExit(f"two processes that were to leave shards in {cut} ended with {codes}")
    trained(cut, 1, name, steps)
    pairs = list(zip(losses(cut), losses(whole), strict=True))[steps // 2 : steps // 2 + 2]
    apart = max(
        abs(ours[key] - value) / max(abs(value), 1.0) for ours, theirs in pairs for key, value in theirs.items()
    )
    return {"loss": apart, "steps": len(pairs)}


def run(steps: int = 8) -> dict[str, Any]:
    """All that the claim tells, for both recipes, with whole weights and with weights in shards."""
    found: dict[str, Any] = {"equal": {}, "resumed": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for name in recipes(1):
            one = trained(Path(scratch) / f"{name}-1", 1, name, 1)
            for kind in ("DDP", "FSDP2"):
                two = trained(Path(scratch) / f"{name}-{kind}", 2, name, 1, kind == "FSDP2")
                found["equal"][f"{name}, {kind}"] = compared(two, one)
            found["resumed"][name] = resumed(Path(scratch), name, steps)
    return found

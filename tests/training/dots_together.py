"""What the processes of a test do: train on the moving dot, with a fault put in on purpose where one is named."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch

from gedanken import batch_norm, collectives
from gedanken.data import WindowSampler
from gedanken.encoders import ConvEncoderConfig
from gedanken.energies.losses import sigreg, vicreg  # noqa: F401 (loaded, so that faults find them)
from gedanken.errors import GedankenError
from gedanken.models import CausalTransformerConfig
from gedanken.recipes import LeWMConfig, Recipe, fit
from gedanken.training import RunFolder, joined
from gedanken.training.loop import Progress
from moving_dot import SIZE, dot_episodes, dot_recipe


def recipe(name: str, **train: object) -> Recipe:
    """`pldm`: VICReg and inverse dynamics. `lewm`: SIGReg behind a BatchNorm, and a transformer, without dropout."""
    settings = {"batch": 8, "clip": 1e9, "log_every": 1, "checkpoint_seconds": 0.0, "learning_rate": 1e-3, **train}
    usual = dot_recipe(**settings)
    if name == "pldm":
        return usual
    return replace(
        usual,
        encoder=ConvEncoderConfig(
            size=(SIZE, SIZE), channels=1, width=4, latent=8, head="batch_norm_mlp", head_hidden=16
        ),
        predictor=CausalTransformerConfig(width=16, heads=2, head_width=8, norm=False, dropout=0.0),
        objective=LeWMConfig(slices=32),
    )


def train(folder: str, name: str, steps: int, shard: bool = False, fault: str = "", kill_at: int = 0) -> None:
    """Train with a checkpoint at each step; after step `kill_at` the first process is killed, before it writes the next."""
    torch.set_num_threads(1)
    if fault:
        FAULTS[fault]()

    def watch(progress: Progress) -> None:
        with (Path(folder) / "told").open("a") as file:
            file.write(f"{os.environ.get('RANK', '0')} {progress.step}\n")
        if progress.step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    Path(folder).mkdir(exist_ok=True)
    with joined():
        fit(dot_episodes(12), recipe(name, steps=steps), RunFolder(folder), watch, shard=shard)


def said(folder: str, *rest: object) -> None:
    """`train`, with what a person would read on the screen in a file of each process."""
    with (Path(folder).parent / f"said-{os.environ['RANK']}").open("w") as file:
        try:
            train(folder, *rest)
        except GedankenError as error:
            file.write(f"gedanken: {error}\n")
            sys.exit(2)


def detached() -> None:
    """The sum over processes lets no gradient through, but to those of its own process."""

    def forward(ctx, values):
        total = values.detach().clone()
        torch.distributed.all_reduce(total)
        return total

    collectives._Sum.forward = staticmethod(forward)
    collectives._Sum.backward = staticmethod(lambda ctx, upstream: torch.zeros_like(upstream))


def local() -> None:
    """Each process's losses look at its own part of the batch alone."""
    for module in (vicreg, batch_norm, sys.modules["gedanken.energies.losses.sigreg"]):
        module.batch_sum = module.batch_mean = lambda values: values
        module.processes = lambda: 1
    sys.modules["gedanken.recipes.lewm"].processes = lambda: 1


def same_windows() -> None:
    """Each process draws the first one's windows."""
    take = WindowSampler.take
    module = sys.modules["gedanken.training.distributed"]
    module.own_part = lambda sampler, count, generator: take(sampler, sampler.draw(count, generator)[: count // 2])
    sys.modules["gedanken.training.loop"].own_part = module.own_part


def not_a_number() -> None:
    """The second process meets something that is no number."""
    if os.environ["RANK"] == "1":
        from gedanken.recipes.pldm import PLDM

        forward = PLDM.forward
        PLDM.forward = lambda *given: {name: term * torch.nan for name, term in forward(*given).items()}


def disk_full() -> None:
    """The second process alone meets an error of ours."""
    if os.environ["RANK"] == "1":
        from gedanken.errors import StorageError
        from gedanken.training import shards

        def refused(*rest: object) -> None:
            raise StorageError("the disk is full; free some space.")

        shards.write_tensors = refused


FAULTS = {each.__name__: each for each in (detached, local, same_windows, not_a_number, disk_full)}

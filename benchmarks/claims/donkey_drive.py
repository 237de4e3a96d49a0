"""A real drive: does the model see the next second better than a guess that needs no model, and does it use the commands?

The run is that of `examples/donkey_drive.py`. Windows of 10 frames (2 s) of held-out blocks overlap and look alike, so
intervals resample blocks of time. Latent errors are the model's own yardstick; beside them stands an error in a fixed
32-dimensional PCA of the pixels, to which a linear map, fitted on training frames, carries the latents.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import ROOT, Bound, Entry, above
from claims.two_rooms import CHECKPOINTS
from gedanken.evaluation.intervals import Interval
from gedanken.evaluation.pixel_components import component_errors
from gedanken.evaluation.prediction import PredictionResult, block_bootstrap, evaluate_prediction
from gedanken.models import JEPA
from gedanken.recipes import fit, load, save
from gedanken.training import RunFolder

HORIZON = 9
"""Model steps after the first frame, so windows of 10."""
JUDGED = 5
"""Model steps ahead in the headline: 1 s."""
COMPONENTS = 32


@dataclass(frozen=True)
class DonkeyDriveClaim:
    """Share of windows in which the true frame is found among 10, minus copy-last's, and what wrong commands cost."""

    seeds: Sequence[int] = range(3)
    bar: Sequence[Bound] = above(
        **{
            "found over copy-last, low end": 0.0,
            "found lost to shuffled commands, low end": 0.0,
            "error gained by shuffled commands, low end": 0.0,
        }
    )

    @property
    def name(self) -> str:
        return "donkey-drive"

    @property
    def what(self) -> str:
        return (
            "true frame found 1 s ahead among 10 within 2 s, minus copy-last's share, held-out blocks of a real drive"
        )

    @property
    def ships(self) -> Path:
        return CHECKPOINTS / f"{self.name}.safetensors"

    def parts(self) -> list[Part]:
        return [Part(f"seed-{seed}", 110.0, lambda folder, seed=seed: self._seed(folder, seed)) for seed in self.seeds]

    def _seed(self, folder: Path, seed: int) -> Measured:
        drive, run = _example(), RunFolder(folder / f"seed-{seed}")
        training, held_out = drive.recordings()
        numbers = range(len(training) + len(held_out))
        recipe = drive.drive_recipe(steps=600, seed=seed)
        split = numbers[: len(training)], numbers[len(training) :]
        fitted = fit([*training, *held_out], recipe, run, split=split)
        content = save(run.model, fitted.model, recipe, training[0].specs, {"data": drive.DRIVE.name})
        return {
            "seed": seed,
            "model": content,
            "training_core_seconds": fitted.trained.core_seconds,
            **_judged(fitted.model, training, held_out, seed),
        }

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        seeds = [parts[f"seed-{seed}"] for seed in self.seeds]
        self.ships.parent.mkdir(exist_ok=True)
        shutil.copyfile(RunFolder(folder / f"seed-{self.seeds[0]}").model, self.ships)
        found = _figures(seeds)
        gain = found["found over copy-last"]
        return Entry(
            claim=self.name,
            what=self.what,
            value=gain.mean,
            interval=(gain.low, gain.high),
            unit="difference",
            figures={f"{name}, low end": interval.low for name, interval in found.items()},
            bar=self.bar,
            n=len(seeds[0]["blocks"]),
            seeds=[
                {"seed": part["seed"], "value": _figures([part])["found over copy-last"].mean, "model": part["model"]}
                for part in seeds
            ],
            beside=_rows(seeds),
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(seeds, "git"),
            machine=told_once(seeds, "machine"),
            training_core_seconds=sum(part["training_core_seconds"] for part in seeds),
            evaluation_core_seconds=sum(part["core_seconds"] - part["training_core_seconds"] for part in seeds),
            note="One drive of two laps: each held-out place is learned from on the other lap. Copy-last finds the true frame "
            "less often than chance (10 %), as frames between now and then lie nearer to it: chance is the fairer bar. "
            "No part of the drive was kept apart from development: the lag of the commands was estimated on all of it, and the "
            "recipe was made with these blocks in view. "
            "Errors are shares of copy-last's.",
            extra={"per window": [{name: part[name] for name in _KEPT} for part in seeds]},
        )

    def quick(self) -> Quick:
        """The shipped model on all held-out windows, against the same bar."""
        drive = _example()
        training, held_out = drive.recordings()
        part = _judged(load(self.ships).model, training, held_out, self.seeds[0])
        found = _figures([part])
        gain = found["found over copy-last"]
        holds = all(interval.low > 0 for interval in found.values())
        return Quick(gain.mean, gain.low, gain.high, len(part["blocks"]), holds)


_WAYS = ("model", "shuffled", "copy_last")
_KEPT = ("blocks", "found", "error", "pixel error")


def _judged(model: JEPA, training: Sequence[Any], held_out: Sequence[Any], seed: int) -> dict[str, Any]:
    drive = _example()
    result = evaluate_prediction(model, held_out, HORIZON, within=drive.WITHIN, seed=seed)
    pixels = component_errors(model, training, held_out, HORIZON, components=COMPONENTS)
    assert len(pixels["model"]) == len(result.blocks)
    return {
        "blocks": result.blocks.tolist(),
        "found": {way: _at(result, way, "found") for way in _WAYS},
        "error": {way: _at(result, way, "error") for way in _WAYS},
        "pixel error": {way: errors[:, JUDGED - 1].tolist() for way, errors in pixels.items()},
    }


def _at(result: PredictionResult, way: str, what: str) -> list[float]:
    return getattr(getattr(result, way), what)[:, JUDGED - 1].float().tolist()


def _mean(parts: Sequence[Measured], what: str, way: str) -> Tensor:
    """Averaged over seeds, one value a window."""
    return torch.tensor([part[what][way] for part in parts], dtype=torch.float64).mean(dim=0)


def _figures(parts: Sequence[Measured]) -> dict[str, Interval]:
    """What the bar asks for; errors as shares of copy-last's."""
    blocks = torch.tensor(parts[0]["blocks"])
    found = {way: _mean(parts, "found", way) for way in _WAYS}
    error = {way: _mean(parts, "error", way) / _mean(parts, "error", "copy_last").mean() for way in _WAYS}
    return {
        "found over copy-last": block_bootstrap(found["model"] - found["copy_last"], blocks),
        "found lost to shuffled commands": block_bootstrap(found["model"] - found["shuffled"], blocks),
        "error gained by shuffled commands": block_bootstrap(error["shuffled"] - error["model"], blocks),
    }


def _rows(parts: Sequence[Measured]) -> list[dict[str, Any]]:
    blocks, rows = torch.tensor(parts[0]["blocks"]), []
    for what, told in (
        ("found", "true frame found"),
        ("error", "latent error"),
        ("pixel error", "error in 32 PCA components"),
    ):
        whole = _mean(parts, what, "copy_last").mean() if what != "found" else 1.0
        for way in _WAYS:
            interval = block_bootstrap(_mean(parts, what, way) / whole, blocks)
            rows.append(
                {
                    "name": f"{told}: {way.replace('_', '-')}",
                    "value": interval.mean,
                    "interval": [interval.low, interval.high],
                    "unit": "share",
                    "n": len(blocks),
                }
            )
    return rows


@cache
def _example() -> ModuleType:
    """`examples/donkey_drive.py`, whose recordings and recipe these are."""
    spec = spec_from_file_location("donkey_drive_example", ROOT / "examples" / "donkey_drive.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

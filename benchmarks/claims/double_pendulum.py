"""A real double pendulum: does the learned model say where it will be in 0.1 s better than a linear one?

Twenty logs of three rigs under identification and swing-up. Each log is held out once, in five folds that keep all kinds in
training; both models are given the same frames and commands. Neighbouring windows are hardly evidence apart, so intervals
resample whole logs. The recipe is the one that `gedanken train` chooses for such recordings, on a model step that divides 0.1 s,
with a shorter joint training and the predictor refined after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import ROOT, Bound, Entry, above
from claims.two_rooms import CHECKPOINTS
from gedanken.contracts import WorldModel
from gedanken.data import EpisodeList
from gedanken.data.formats import open_episodes
from gedanken.evaluation.intervals import Interval
from gedanken.evaluation.sensor_prediction import evaluate_sensors
from gedanken.recipes import Recipe, fit, load, save
from gedanken.recipes.choice import choice_for
from gedanken.recipes.refine import RefineConfig
from gedanken.training import RunFolder
from gedanken.types import Episode

LOGS = ROOT / "examples" / "data" / "double_pendulum"
STATE = ("pos_meas1", "pos_meas2", "vel_filt1", "vel_filt2")
FOLDS = 5
FRAME_SKIP, AHEAD, ORDER = 10, 4, 4
"""Model steps of 25 ms at 400 Hz: 0.1 s ahead from the last four."""
WAYS = ("model", "linear", "copy_last")


@dataclass(frozen=True)
class DoublePendulumClaim:
    """Error of ARX minus the model's, 0.1 s ahead, over the four angles and speeds in deviations."""

    seeds: Sequence[int] = range(3)
    bar: Sequence[Bound] = above(**{"ARX minus model, low end": 0.0})

    @property
    def name(self) -> str:
        return "double-pendulum"

    @property
    def what(self) -> str:
        return "error of ARX of the same order minus the model's, angles and speeds 0.1 s ahead, held-out logs of real rigs"

    @property
    def ships(self) -> Path:
        return CHECKPOINTS / f"{self.name}.safetensors"

    def parts(self) -> list[Part]:
        return [
            Part(f"seed-{seed}, fold {fold}", 45.0, lambda folder, seed=seed, fold=fold: _fold(folder, seed, fold))
            for seed in self.seeds
            for fold in range(FOLDS)
        ]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        seeds = [
            {log: row for fold in range(FOLDS) for log, row in parts[f"seed-{seed}, fold {fold}"]["logs"].items()}
            for seed in self.seeds
        ]
        self.ships.parent.mkdir(exist_ok=True)
        shutil.copyfile(_folder(folder, self.seeds[0], 0).model, self.ships)
        gain, everything = _difference(seeds), list(parts.values())
        training = sum(part["training_core_seconds"] for part in everything)
        return Entry(
            claim=self.name,
            what=self.what,
            value=gain.mean,
            interval=(gain.low, gain.high),
            unit="deviations",
            figures={"ARX minus model, low end": gain.low},
            bar=self.bar,
            n=len(seeds[0]),
            seeds=[
                {
                    "seed": seed,
                    "value": _difference([one]).mean,
                    "model": parts[f"seed-{seed}, fold 0"]["model"],
                }
                for seed, one in zip(self.seeds, seeds, strict=True)
            ],
            beside=_rows(seeds),
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=training,
            evaluation_core_seconds=sum(part["core_seconds"] for part in everything) - training,
            note="n is the number of logs, each held out once. The recipe was made with the first and third folds in view. "
            "Root mean square errors, in deviations of each sensor over all logs; rows in a sensor's own unit say so.",
            extra={"per log": seeds},
        )

    def quick(self) -> Quick:
        """The shipped model on the logs of the first fold, of which training had none."""
        loaded = load(self.ships)
        logs = _judged(loaded.model, loaded.recipe, 0)
        gain = _difference([logs])
        return Quick(gain.mean, gain.low, gain.high, len(logs), gain.low > 0)


@cache
def episodes() -> list[Episode]:
    """All logs on one even clock."""
    found = open_episodes(LOGS)
    return [found[number] for number in range(len(found))]


def recipe_for(logs: Sequence[Episode], seed: int) -> Recipe:
    """The recipe chosen for these logs, on another model step and with its predictor refined."""
    recipe = replace(choice_for(EpisodeList(logs), steps=300).recipe, frame_skip=FRAME_SKIP)
    refine = RefineConfig(window=recipe.window, ahead=recipe.objective.ahead, starts=ORDER)
    return replace(
        recipe,
        train=replace(recipe.train, seed=seed),
        refine=replace(refine, train=replace(refine.train, steps=1000, seed=seed)),
    )


def split(fold: int) -> tuple[list[int], list[int]]:
    """Numbers of the logs to train on and of those held out; logs lie sorted by rig and kind."""
    numbers = range(len(episodes()))
    return [i for i in numbers if i % FOLDS != fold], [i for i in numbers if i % FOLDS == fold]


def _folder(folder: Path, seed: int, fold: int) -> RunFolder:
    return RunFolder(folder / f"seed-{seed}, fold {fold}")


def _fold(folder: Path, seed: int, fold: int) -> Measured:
    run, logs = _folder(folder, seed, fold), episodes()
    training, held_out = split(fold)
    recipe = recipe_for([logs[number] for number in training], seed)
    fitted = fit(EpisodeList(logs), recipe, run, split=(training, held_out))
    content = save(run.model, fitted.model, recipe, logs[0].specs, {"data": LOGS.name})
    return {
        "model": content,
        "training_core_seconds": fitted.trained.core_seconds,
        "logs": _judged(fitted.model, recipe, fold),
    }


def _judged(model: WorldModel, recipe: Recipe, fold: int) -> dict[str, dict[str, list[float]]]:
    """Of each held-out log and way, the mean squared error of each angle and speed in its own unit."""
    logs, (training, held_out) = episodes(), split(fold)
    sensors = recipe.encoder.streams  # pyright: ignore[reportAttributeAccessIssue]
    found = evaluate_sensors(
        model,
        [logs[number] for number in training],
        [logs[number] for number in held_out],
        reads=sensors,
        sensors=sensors,
        horizon=AHEAD,
        order=ORDER,
        seed=recipe.train.seed,
    )
    state = [found.names.index(name) for name in STATE]
    pieces = int(found.blocks.max() + 1) // len(held_out)
    log = found.blocks // pieces
    return {
        str(number): {
            way: getattr(found, way)[log == place, AHEAD - 1][:, state].double().square().mean(dim=0).tolist()
            for way in WAYS
        }
        for place, number in enumerate(held_out)
    }


def _squares(seeds: Sequence[Mapping[str, Any]], way: str) -> Tensor:
    """Squared errors `[logs, 4]`, averaged over seeds."""
    return torch.tensor([[one[log][way] for log in sorted(one, key=int)] for one in seeds]).double().mean(dim=0)


def _scale() -> Tensor:
    """Deviation of each angle and speed over all logs `[4]`."""
    first = episodes()[0]
    (stream,) = (name for name, spec in first.specs.items() if set(STATE) <= set(spec.names or ()))
    names = list(first.specs[stream].names or ())
    whole = torch.cat([torch.from_numpy(np.array(each.streams[stream])) for each in episodes()]).double()
    return whole[:, [names.index(name) for name in STATE]].std(dim=0)


def _bootstrap(squares: Tensor, other: Tensor | None = None) -> Interval:
    """Root of the mean of `[logs]`, minus that of another way; logs are resampled."""
    taken = torch.randint(len(squares), (4000, len(squares)), generator=Generator().manual_seed(0))

    def root(values: Tensor) -> tuple[Tensor, Tensor]:
        return values.mean().sqrt(), values[taken].mean(dim=1).sqrt()

    mean, drawn = root(squares)
    if other is not None:
        less = root(other)
        mean, drawn = mean - less[0], drawn - less[1]
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(mean.item(), low, high)


def _of_all(seeds: Sequence[Mapping[str, Any]], way: str) -> Tensor:
    return (_squares(seeds, way) / _scale().square()).mean(dim=1)


def _difference(seeds: Sequence[Mapping[str, Any]]) -> Interval:
    return _bootstrap(_of_all(seeds, "linear"), _of_all(seeds, "model"))


def _rows(seeds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for way in WAYS:
        told = {"model": "model", "linear": f"ARX of order {ORDER}", "copy_last": "copy-last"}[way]
        whole = [("all four", "deviations", _bootstrap(_of_all(seeds, way)))]
        each = zip(STATE, ("rad", "rad", "rad/s", "rad/s"), _squares(seeds, way).T, strict=True)
        for name, unit, interval in (*whole, *((name, unit, _bootstrap(row)) for name, unit, row in each)):
            rows.append(
                {
                    "name": f"{told}, {name}",
                    "value": interval.mean,
                    "interval": [interval.low, interval.high],
                    "unit": unit,
                    "n": len(seeds[0]),
                }
            )
    return rows

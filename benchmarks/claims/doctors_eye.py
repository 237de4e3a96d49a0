"""Does the doctor tell a good model from one that was trained wrongly? Three kinds, five seeds of each, one verdict for each.

The doctor's limits were fixed on other seeds (11 and 12). Each is trained for a minute by the demo's recipe: as it is; on
recordings whose actions are another recording's; and without the terms that keep latents apart.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.two_rooms import CHECKPOINTS
from gedanken.data import EpisodeList, WindowSampler
from gedanken.evaluation.doctor import Diagnosis, examine
from gedanken.evaluation.intervals import wilson
from gedanken.models import JEPA
from gedanken.recipes import fit, load, save, two_rooms_demo
from gedanken.training import RunFolder

KINDS: Mapping[str, str] = {"good": "good", "shuffled": "ignores its actions", "collapsed": "collapsed"}
"""How a model was trained, and the verdict it deserves."""
STEPS, EPISODES = 240, 600
_FRESH = 70_007  # seed of the recordings that are looked at: no model was trained on them


@dataclass(frozen=True)
class DoctorClaim:
    """Share of verdicts that are right."""

    seeds: Sequence[int] = range(5)
    bar: Sequence[Bound] = at_least(right=14 / 15)

    @property
    def name(self) -> str:
        return "doctor"

    @property
    def what(self) -> str:
        return "verdicts of `gedanken doctor` that are right: good models, shuffled actions, collapsed latents"

    def parts(self) -> list[Part]:
        return [
            Part(f"{kind}-{seed}", 75.0, lambda folder, kind=kind, seed=seed: _measure(folder, kind, seed))
            for kind in KINDS
            for seed in self.seeds
        ]

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        CHECKPOINTS.mkdir(exist_ok=True)
        for kind in KINDS:
            shutil.copyfile(RunFolder(folder / f"{kind}-{self.seeds[0]}").model, _shipped(kind))
        everything = list(parts.values())
        right = [part["verdict"] == KINDS[part["kind"]] for part in everything]
        share = wilson(sum(right), len(right))
        rows = []
        for kind in KINDS:
            verdicts = [part["verdict"] for part in everything if part["kind"] == kind]
            told = wilson(verdicts.count(KINDS[kind]), len(verdicts))
            rows.append(
                {
                    "name": f"{kind}: {', '.join(sorted(set(verdicts)))}",
                    "value": told.mean,
                    "interval": [told.low, told.high],
                    "n": len(verdicts),
                }
            )
        return Entry(
            claim=self.name,
            what=self.what,
            value=share.mean,
            interval=(share.low, share.high),
            figures={"right": share.mean},
            bar=self.bar,
            n=len(right),
            seeds=[
                {
                    "seed": seed,
                    "n": len(KINDS),
                    "value": sum(p["verdict"] == KINDS[p["kind"]] for p in everything if p["seed"] == seed)
                    / len(KINDS),
                    "findings": {p["kind"]: p["findings"] for p in everything if p["seed"] == seed},
                }
                for seed in self.seeds
            ],
            beside=rows,
            manifest=None,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=sum(part["training_core_seconds"] for part in everything),
            evaluation_core_seconds=sum(part["core_seconds"] - part["training_core_seconds"] for part in everything),
        )

    def quick(self) -> Quick:
        """One shipped model of each kind."""
        right = sum(_examined(load(_shipped(kind)).model).verdict == deserved for kind, deserved in KINDS.items())
        share = wilson(right, len(KINDS))
        return Quick(share.mean, share.low, share.high, len(KINDS), right == len(KINDS))


def _shipped(kind: str) -> Path:
    return CHECKPOINTS / f"doctor-{kind}.safetensors"


def _measure(folder: Path, kind: str, seed: int) -> Measured:
    run, episodes = replace(two_rooms_demo(seed), episodes=EPISODES), EpisodeList()
    run.record(episodes)
    recipe = replace(run.recipe, train=replace(run.recipe.train, steps=STEPS))
    if kind == "collapsed":
        loose = replace(recipe.objective, variance=0.0, covariance=0.0, inverse_dynamics=0.0)
        recipe = replace(recipe, objective=loose)
    if kind == "shuffled":
        order = torch.randperm(EPISODES, generator=torch.Generator().manual_seed(seed)).tolist()
        episodes = EpisodeList(
            [replace(episode, actions=episodes[other].actions) for episode, other in zip(episodes, order, strict=True)]
        )
    run_folder = RunFolder(folder / f"{kind}-{seed}")
    fitted = fit(episodes, recipe, run_folder)
    save(run_folder.model, fitted.model, recipe, episodes[0].specs, {"data": "two-rooms-v1", "trained": kind})
    found = _examined(fitted.model)
    print(f"{kind}, seed {seed}: {found.verdict}", flush=True)
    return {
        "kind": kind,
        "seed": seed,
        "verdict": found.verdict,
        "findings": {finding.check: [finding.severity, finding.number] for finding in found.findings},
        "training_core_seconds": fitted.trained.core_seconds,
    }


def _examined(model: JEPA) -> Diagnosis:
    episodes = EpisodeList()
    replace(two_rooms_demo(_FRESH), episodes=96).record(episodes)
    windows = WindowSampler(episodes, 9, model.frame_skip, streams=["pixels"])
    return examine(model, windows, torch.Generator().manual_seed(0))

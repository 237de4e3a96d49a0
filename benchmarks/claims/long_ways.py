"""Goals farther than any recording went: success against the length of the way, flat, in levels, by landmarks, at what cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry
from claims.long_ways_arms import ARMS, driven
from claims.two_rooms import MANIFESTS
from gedanken.data import EpisodeList
from gedanken.environments import DotWorld, make_world
from gedanken.errors import BadInput
from gedanken.evaluation.intervals import success_interval, wilson
from gedanken.evaluation.manifest import Manifest, load_manifest
from gedanken.evaluation.true_state import rows_of
from gedanken.recipes import fit, load, save
from gedanken.recipes.long_ways import LongWaysRun
from gedanken.training import RunFolder

BINS = 8
"""Pairs are told in so many groups of one size, by the length of the shortest way."""
FARTHER = 3.0
QUICK_PAIRS = 16


@dataclass(frozen=True, kw_only=True)
class LongWaysClaim:
    """Success of the same model planning flat, in levels and by landmarks.

    Args:
        name: of the claim.
        make: the run of a seed.
        pairs: name of the manifests, without `-dev` or `-test`.
        seeds: trained and judged.
        steps: environment steps of an episode.
        bar: on `auto-depth`, `far` (on ways at least three times as long as where flat falls to half), `compute` (flat's
            planning over auto-depth's), `against flat` (auto-depth minus flat, the worst group of lengths).
        training_seconds, planning_seconds: expected of a seed, and of an episode of the dearest arm.
        count: pairs judged, the first of the manifest.
        split: `test`; `dev` while settings are chosen.
    """

    name: str
    make: Callable[[int], LongWaysRun]
    pairs: str
    seeds: Sequence[int]
    steps: int
    bar: Sequence[Bound]
    training_seconds: float
    planning_seconds: float
    count: int = 200
    split: str = "test"

    @property
    def what(self) -> str:
        return f"goal pictures held at step {self.steps}, planned to by landmarks or flat (auto-depth), {self.split} manifest"

    @property
    def manifest(self) -> Manifest:
        return load_manifest(MANIFESTS / f"{self.pairs}-{self.split}.json")

    @property
    def world(self) -> DotWorld:
        world = make_world(self.manifest.world, **self.manifest.options)
        assert isinstance(world, DotWorld)
        return world

    def parts(self) -> list[Part]:
        cost = {"flat, 10x": 10 * self.planning_seconds, "random": 0.1}
        found = []
        for seed in self.seeds:
            train = lambda folder, seed=seed: self._trained(folder, seed)  # noqa: E731
            found.append(Part(f"model-{seed}", self.training_seconds, train))
            for arm in ARMS:
                judge = lambda folder, seed=seed, arm=arm: self._judged(folder, seed, arm)  # noqa: E731
                expected = self.count * cost.get(arm, self.planning_seconds)
                found.append(Part(f"seed-{seed}, {arm}", expected, judge))
        return found

    def _trained(self, folder: Path, seed: int) -> Measured:
        run, into = self.make(seed), RunFolder(folder / f"model-{seed}")
        episodes = EpisodeList()
        run.record(episodes)
        fitted = fit(episodes, run.recipe, into)
        lineage = {"data": run.world, **run.options, "episodes": run.episodes, "steps": fitted.trained.steps}
        content = save(into.model, fitted.model, run.recipe, episodes[0].specs, lineage)
        return {"training_core_seconds": fitted.trained.core_seconds, "model": content}

    def _judged(self, folder: Path, seed: int, arm: str) -> Measured:
        model = RunFolder(folder / f"model-{seed}").model
        if not model.exists():
            raise BadInput(f"there is no model of seed {seed} yet; measure the part model-{seed} first.")
        found = self._measured(model, seed, arm, self.count)
        print(f"{self.name} seed {seed}, {arm}: {found['success'].count('1') / self.count:.1%}", flush=True)
        return found

    def _measured(self, model: Path, seed: int, arm: str, count: int) -> dict[str, Any]:
        manifest, world = self.manifest, self.world
        start, goal = (rows_of(states, slice(count)) for states in manifest.pairs(world))
        result = driven(arm, world, load(model), (start, goal), self.steps, seed)
        return {
            "success": "".join(str(int(each)) for each in result.success),
            "lengths": [round(each, 2) for each in world.distance(start, goal).tolist()],
            "planning_core_seconds": result.planning,
            "remembering_core_seconds": result.remembering,
            "manifest": manifest.sha256,
        }

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        judged = {arm: [parts[f"seed-{seed}, {arm}"] for seed in self.seeds] for arm in ARMS}
        lengths = torch.tensor(judged["flat"][0]["lengths"])
        won = {
            arm: torch.tensor([[int(bit) for bit in each["success"]] for each in found])
            for arm, found in judged.items()
        }
        cost = {arm: sum(each["planning_core_seconds"] for each in found) / len(found) for arm, found in judged.items()}
        auto, interval = won["auto-depth"], success_interval(won["auto-depth"].bool())
        shares = auto.float().mean(dim=1).double().tolist()
        everything = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=interval.mean,
            interval=(interval.low, interval.high),
            figures=figures_of(lengths, won, cost),
            bar=self.bar,
            n=len(lengths),
            seeds=[{"seed": seed, "value": share} for seed, share in zip(self.seeds, shares, strict=True)],
            beside=[row for arm in ARMS for row in _rows(arm, lengths, won[arm], cost[arm])],
            manifest=self.manifest.sha256,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=sum(parts[f"model-{seed}"]["training_core_seconds"] for seed in self.seeds),
            evaluation_core_seconds=sum(each["core_seconds"] for name, each in parts.items() if "seed" in name),
            note=(
                "Landmarks are remembered from walks in the same layout that hold no whole route; making that memory took "
                f"{judged['auto-depth'][0]['remembering_core_seconds']:.2f} core-seconds an episode, planning not counted."
            ),
            extra={"lengths": lengths.tolist(), "success": {arm: rows.tolist() for arm, rows in won.items()}},
        )

    def quick(self) -> Quick:
        """Train a seed shortly and drive a few pairs by landmarks: no model is shipped of this claim yet."""
        raise BadInput(f"{self.name} ships no model yet; make it with `gedanken reproduce {self.name}`.")


def groups_of(lengths: Tensor) -> list[Tensor]:
    """Rows of the pairs in groups of one size, from the shortest ways to the longest."""
    return list(lengths.argsort().tensor_split(BINS))


def half_length(lengths: Tensor, won: Tensor) -> float:
    """The mean length of the first group in which half are missed, from `[S, B]` won or lost; inf where there is none."""
    for rows in groups_of(lengths):
        if won[:, rows].float().mean() < 0.5:
            return lengths[rows].mean().item()
    return float("inf")


def figures_of(lengths: Tensor, won: Mapping[str, Tensor], cost: Mapping[str, float]) -> dict[str, float]:
    """What the bar is about; `far` is 0 where no way is three times as long as where flat falls to half."""
    auto, flat = won["auto-depth"].float(), won["flat"].float()
    far = lengths >= FARTHER * half_length(lengths, won["flat"])
    against = min((auto[:, rows].mean() - flat[:, rows].mean()).item() for rows in groups_of(lengths))
    return {
        "auto-depth": auto.mean().item(),
        "far": auto[:, far].mean().item() if bool(far.any()) else 0.0,
        "far pairs": float(far.sum()),
        "compute": cost["flat"] / cost["auto-depth"],
        "against flat": (auto.mean() - flat.mean()).item(),
        "against flat, worst group": against,
    }


def _rows(arm: str, lengths: Tensor, won: Tensor, cost: float) -> list[dict[str, Any]]:
    named = [(arm, torch.arange(len(lengths)))]
    named += [
        (f"{arm}, {lengths[rows].min():.0f} to {lengths[rows].max():.0f} px", rows) for rows in groups_of(lengths)
    ]
    found = []
    for name, rows in named:
        share = wilson(int(won[:, rows].sum()), won[:, rows].numel())
        told = {"name": name, "value": share.mean, "interval": [share.low, share.high], "unit": "share", "n": len(rows)}
        found.append({**told, "planning_core_seconds": cost} if name == arm else told)
    return found

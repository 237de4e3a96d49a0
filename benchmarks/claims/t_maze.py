"""A cue seen once decides long after: the share of right choices against the delay, with a memory, without, and by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import Bound, Entry, at_least
from claims.t_maze_arms import lived
from claims.t_maze_others import PREDICTORS, taught
from claims.two_rooms import MANIFESTS
from gedanken.data import EpisodeList
from gedanken.environments import TMaze
from gedanken.errors import BadInput
from gedanken.evaluation.intervals import success_interval, wilson
from gedanken.evaluation.manifest import Manifest, load_manifest
from gedanken.evaluation.true_state import rows_of
from gedanken.recipes import fit, load, save
from gedanken.recipes.recall import learn_recall
from gedanken.recipes.t_maze import t_maze
from gedanken.training import RunFolder

DELAYS = {100: 200, 1_000: 200, 10_000: 200, 100_000: 100}
"""Environment steps until the gate opens, and how many episodes are lived through with each."""
_SHORT, _LONG = "right at 100 steps", "right at 100,000 steps"
_LEAD = "ahead of gru and transformer at 100,000 steps"


@dataclass(frozen=True, kw_only=True)
class TMazeClaim:
    """Right choices after each delay.

    Args:
        seeds: of ours; what stands beside it is of the first.
        split: `test`; `dev` while settings are chosen.
        delays: and the number of episodes with each.
    """

    seeds: Sequence[int] = (0, 1, 2)
    split: str = "test"
    delays: Mapping[int, int] = None  # pyright: ignore[reportAssignmentType]
    name: str = "t-maze"

    def __post_init__(self) -> None:
        object.__setattr__(self, "delays", DELAYS if self.delays is None else self.delays)

    @property
    def what(self) -> str:
        return f"right choices at a fork 100,000 steps after the cue, by what a memory recalls, {self.split} manifest"

    @property
    def bar(self) -> Sequence[Bound]:
        return at_least(**{_SHORT: 0.95, _LONG: 0.85, _LEAD: 0.2})

    @property
    def manifest(self) -> Manifest:
        return load_manifest(MANIFESTS / f"t-maze-v1-{self.split}.json")

    def parts(self) -> list[Part]:
        found = [
            Part(f"model-{seed}", 480.0, lambda folder, seed=seed: self._trained(folder, seed)) for seed in self.seeds
        ]
        for kind in PREDICTORS:
            found.append(Part(f"model-{kind}", 400.0, lambda folder, kind=kind: self._taught(folder, kind)))
        for delay, count in self.delays.items():
            for seed in self.seeds:
                found.append(self._part("memory", seed, delay, count * (0.8 + 5e-5 * delay)))
            for arm in ("no memory", *PREDICTORS, "random"):
                found.append(self._part(arm, self.seeds[0], delay, 60.0))
        return found

    def _part(self, arm: str, seed: int, delay: int, seconds: float) -> Part:
        name = f"{arm}, seed {seed}, {delay} steps"
        return Part(name, seconds, lambda folder: self._judged(folder, arm, seed, delay, self.delays[delay]))

    def _trained(self, folder: Path, seed: int) -> Measured:
        run, into = t_maze(seed), RunFolder(folder / f"model-{seed}")
        episodes = EpisodeList()
        run.record(episodes)
        fitted = fit(episodes, run.recipe, into)
        lives, spent = run.lives(fitted.model)
        done = learn_recall(fitted.model, lives, run.recall, RunFolder(into.path / "recall"))
        lineage = {"data": "t-maze-v1", "episodes": run.episodes, "fresh": run.fresh, "steps": fitted.trained.steps}
        content = save(into.model, fitted.model, run.recipe, episodes[0].specs, lineage)
        return {"training_core_seconds": fitted.trained.core_seconds + spent + done.core_seconds, "model": content}

    def _taught(self, folder: Path, kind: str) -> Measured:
        into, loaded = RunFolder(folder / f"model-{kind}"), load(_model(folder, str(self.seeds[0])))
        model, recipe, done = taught(kind, loaded.model, t_maze(self.seeds[0]), into)
        content = save(into.model, model, recipe, loaded.observation, {"encoder of": f"seed {self.seeds[0]}"})
        return {"training_core_seconds": done.core_seconds, "model": content}

    def _judged(self, folder: Path, arm: str, seed: int, delay: int, count: int) -> Measured:
        loaded = load(_model(folder, arm if arm in PREDICTORS else str(seed)))
        world = TMaze(delay=delay)
        pairs = [rows_of(states, slice(count)) for states in self.manifest.pairs(world)]
        result = lived(arm, world, loaded, (pairs[0], pairs[1]), seed)
        print(f"{self.name}: {arm}, seed {seed}, {delay:,} steps: {result.prize.float().mean():.1%}", flush=True)
        return {
            "success": "".join(str(int(each)) for each in result.prize),
            "pit": "".join(str(int(each)) for each in result.pit),
            "moments": result.moments,
            "waiting_core_seconds": result.waiting,
            "planning_core_seconds": result.planning,
            "manifest": self.manifest.sha256,
        }

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        longest, shortest = max(self.delays), min(self.delays)
        won = {
            delay: torch.tensor([_bits(parts[f"memory, seed {seed}, {delay} steps"]) for seed in self.seeds])
            for delay in self.delays
        }
        interval = success_interval(won[longest].bool())
        rows = [row for delay in self.delays for row in self._rows(parts, delay)]
        others = [row["value"] for row in rows if row["name"] in [f"{kind}, {longest:,} steps" for kind in PREDICTORS]]
        shares = won[longest].float().mean(dim=1).double().tolist()
        everything = list(parts.values())
        return Entry(
            claim=self.name,
            what=self.what,
            value=interval.mean,
            interval=(interval.low, interval.high),
            figures={
                _SHORT: won[shortest].float().mean().item(),
                _LONG: won[longest].float().mean().item(),
                _LEAD: won[longest].float().mean().item() - max(others),
            },
            bar=self.bar,
            n=self.delays[longest],
            seeds=[{"seed": seed, "value": share} for seed, share in zip(self.seeds, shares, strict=True)],
            beside=rows,
            manifest=self.manifest.sha256,
            command=f"gedanken reproduce {self.name}",
            git=told_once(everything, "git"),
            machine=told_once(everything, "machine"),
            training_core_seconds=sum(part.get("training_core_seconds", 0.0) for part in everything),
            evaluation_core_seconds=sum(part["core_seconds"] for part in everything if "success" in part),
            note=(
                "Down the right shaft within 30 model steps of the gate's opening; neither shaft counts as wrong. Each "
                "episode has a memory of its own, with three earlier visits and moments of three other worlds in it. The wait "
                "is rested through: its one picture is drawn once and written as often as it was seen, and all of it is "
                "searched. The GRU is carried on through the whole wait; the transformer sees 200 environment steps. Random is "
                "an arm drawn beforehand."
            ),
            extra={"success": {str(delay): bits.tolist() for delay, bits in won.items()}},
        )

    def _rows(self, parts: Mapping[str, Measured], delay: int) -> list[dict[str, Any]]:
        found = []
        for arm in ("memory", "no memory", *PREDICTORS, "random"):
            seeds = self.seeds if arm == "memory" else self.seeds[:1]
            some = [parts[f"{arm}, seed {seed}, {delay} steps"] for seed in seeds]
            bits = [bit for each in some for bit in _bits(each)]
            share = wilson(sum(bits), len(bits))
            found.append(
                {
                    "name": f"{arm}, {delay:,} steps",
                    "value": share.mean,
                    "interval": [share.low, share.high],
                    "unit": "share",
                    "n": len(bits) // len(some),
                    "in the pit": sum(each["pit"].count("1") for each in some) / len(bits),
                    "moments": some[0]["moments"],
                    "planning_core_seconds": sum(each["planning_core_seconds"] for each in some) / len(some),
                }
            )
        return found

    def quick(self) -> Quick:
        """Nothing is shipped of this claim yet."""
        raise BadInput(f"{self.name} ships no model yet; make it with `gedanken reproduce {self.name}`.")


def _bits(part: Measured) -> list[int]:
    return [int(bit) for bit in part["success"]]


def _model(folder: Path, which: str) -> Path:
    path = RunFolder(folder / f"model-{which}").model
    if not path.exists():
        raise BadInput(f"there is no model {which} yet; measure the part model-{which} first.")
    return path

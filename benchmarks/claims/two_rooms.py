"""Success on `two-rooms-v1`: several seeds trained from nothing, each judged once on all pairs of the test manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch

from claims.claim import Measured, Part, Quick, told_once
from claims.ledger import RESULTS, ROOT, Bound, Entry, read_entry
from gedanken.contracts import World
from gedanken.data import EpisodeList
from gedanken.environments import make_world
from gedanken.errors import BadInput
from gedanken.evaluation.intervals import success_interval, wilson
from gedanken.evaluation.manifest import Manifest, load_manifest
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.rows import baseline_rows
from gedanken.evaluation.true_state import rows_of
from gedanken.modelfile import read_header
from gedanken.recipes import TwoRoomsRun, bundled_model, fit, load, save
from gedanken.training import RunFolder

MANIFESTS = ROOT / "benchmarks" / "manifests"
CHECKPOINTS = ROOT / "benchmarks" / "checkpoints"
STEPS = 200
QUICK_PAIRS = 60
"""Pairs of a quick check: half a minute on two cores."""


@dataclass(frozen=True, kw_only=True)
class TwoRoomsClaim:
    """Share of goal pictures at which the dot is after exactly 200 environment steps.

    Args:
        name: of the claim.
        wall: layout of the world.
        make: the run of a seed.
        seeds: trained and judged.
        bar: on the figures mean, median, worst, and core-seconds of training (a seed) and planning (an episode).
        training_seconds, planning_seconds: expected of one seed and of one episode, in core-seconds.
        seen_pairs: pairs of the slowest row beside it, true dynamics under the model's energy.
        checkpoint: what `quick` judges; benchmarks/checkpoints/<name>.safetensors by default.
    """

    name: str
    wall: Literal["fixed", "random"]
    make: Callable[[int], TwoRoomsRun]
    seeds: Sequence[int]
    bar: Sequence[Bound]
    training_seconds: float
    planning_seconds: float = 0.9
    seen_pairs: int = 100
    checkpoint: Path | None = None

    @property
    def what(self) -> str:
        return f"goal pictures held at step {STEPS}, {self.wall} wall, test manifest"

    @property
    def manifest(self) -> Manifest:
        return load_manifest(MANIFESTS / f"two-rooms-v1-{self.wall}-test.json")

    @property
    def world(self) -> World:
        return make_world("two-rooms-v1", wall=self.wall)

    def parts(self) -> list[Part]:
        a_seed = self.training_seconds + 500 * self.planning_seconds
        seeds = [
            Part(f"seed-{seed}", a_seed, lambda folder, seed=seed: self._seed(folder, seed)) for seed in self.seeds
        ]
        return [*seeds, Part("baselines", 600.0, self._baselines)]

    def _seed(self, folder: Path, seed: int) -> Measured:
        run, manifest = RunFolder(folder / f"seed-{seed}"), self.manifest
        trained = trained_model(self.make(seed), run)
        result = evaluate_planning(self.world, load(run.model).agent(seed), manifest, STEPS)
        print(f"{self.name} seed {seed}: {result.success.float().mean():.1%} at step {STEPS}", flush=True)
        return {
            "seed": seed,
            "success": "".join(str(int(each)) for each in result.success),
            "ever": result.ever.float().mean().item(),
            "training_core_seconds": trained["core_seconds"],
            "planning_core_seconds": result.core_seconds,
            "model": trained["model"],
            "manifest": manifest.sha256,
        }

    def _baselines(self, folder: Path) -> Measured:
        """The rows beside it; the model of the first seed lends its eyes and its energy."""
        first = self.seeds[0]
        model = RunFolder(folder / f"seed-{first}").model
        if not model.exists():
            raise BadInput(f"the baselines need the model of seed {first}; measure the part seed-{first} first.")
        loaded, episodes, rows = load(model), EpisodeList(), []
        self.make(first).record(episodes)
        energy = loaded.agent().energy
        found = baseline_rows(
            self.world, self.manifest, loaded.model, energy, episodes, env_steps=STEPS, seen_pairs=self.seen_pairs
        )
        for row in found:
            interval = [row.at_end.low, row.at_end.high]
            rows.append(
                {
                    "name": row.name,
                    "value": row.at_end.mean,
                    "interval": interval,
                    "ever": row.ever.mean,
                    "n": row.pairs,
                    "planning_core_seconds": row.core_seconds,
                }
            )
            print(f"{row.name}: {row.at_end.mean:.1%}", flush=True)
        return {"rows": rows}

    def entry(self, parts: Mapping[str, Measured], folder: Path) -> Entry:
        seeds = [parts[f"seed-{seed}"] for seed in self.seeds]
        manifest = self.manifest
        if any(each["manifest"] != manifest.sha256 for each in seeds):
            raise BadInput(f"a part in {folder} was judged on another manifest; delete it and judge that seed again.")
        if self.ships != bundled_model():  # which scripts/make_bundled.py makes
            self.ships.parent.mkdir(exist_ok=True)
            shutil.copyfile(RunFolder(folder / f"seed-{self.seeds[0]}").model, self.ships)
        return self._entry(seeds, parts["baselines"]["rows"], told_once(list(parts.values()), "git"), manifest)

    def _entry(self, seeds: Sequence[Measured], beside: Sequence[Any], git: list[str], manifest: Manifest) -> Entry:
        won = torch.tensor([[int(each) for each in seed["success"]] for seed in seeds])
        shares = won.float().mean(dim=1).double()
        training = [seed["training_core_seconds"] for seed in seeds]
        planning = [seed["planning_core_seconds"] for seed in seeds]
        interval = success_interval(won.bool())
        return Entry(
            claim=self.name,
            what=self.what,
            value=interval.mean,
            interval=(interval.low, interval.high),
            figures={
                "mean": shares.mean().item(),
                "median": shares.median().item(),
                "worst": shares.min().item(),
                "training core-seconds": max(training),
                "planning core-seconds": max(planning),
            },
            bar=self.bar,
            n=len(manifest),
            seeds=[{**each, "value": share} for each, share in zip(seeds, shares.tolist(), strict=True)],
            beside=beside,
            manifest=manifest.sha256,
            command=f"gedanken reproduce {self.name}",
            git=git,
            machine=told_once(seeds, "machine"),
            training_core_seconds=sum(training),
            evaluation_core_seconds=sum(planning) * len(manifest),
        )

    @property
    def ships(self) -> Path:
        """The model of the first seed, for `quick`."""
        return self.checkpoint or CHECKPOINTS / f"{self.name}.safetensors"

    def quick(self) -> Quick:
        """The first seed's model, as shipped, on the first pairs of the manifest.

        It holds if the share is no worse than the worst seed may be, and the mean that was asked for lies in its interval.

        Raises:
            BadInput: what is shipped is not the model that was judged.
        """
        judged = read_entry(RESULTS / f"{self.name}.json").seeds[0]["model"]
        if read_header(self.ships).content_hash != judged:
            raise BadInput(
                f"{self.ships.name} is not the model the ledger judged ({judged[:12]}…); restore it from git."
            )
        half = QUICK_PAIRS // 2
        # Planning gains nothing from a second thread, but two processes finish in half the time.
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            won = sum(pool.map(self._won, (0, half), (half, QUICK_PAIRS)))
        interval = wilson(won, QUICK_PAIRS)
        asked = {bound.figure: bound.limit for bound in self.bar}
        typical = asked.get("mean", asked.get("median", 0.0))
        holds = interval.mean >= asked["worst"] and interval.high >= typical
        return Quick(interval.mean, interval.low, interval.high, QUICK_PAIRS, holds)

    def _won(self, first: int, last: int) -> int:
        """Goals reached by the shipped model among some pairs of the test manifest."""
        torch.set_num_threads(1)
        start, goal = self.manifest.pairs(self.world)
        pairs = tuple(rows_of(states, slice(first, last)) for states in (start, goal))
        agent = load(self.ships).agent(self.seeds[0])
        return int(evaluate_planning(self.world, agent, (pairs[0], pairs[1]), STEPS).success.sum())


def trained_model(run: TwoRoomsRun, folder: RunFolder) -> Measured:
    """Train a run's model into its folder unless it is there; says its core-seconds and its content hash."""
    told = folder.path / "training.json"
    if not told.exists():
        episodes = EpisodeList()
        run.record(episodes)
        fitted = fit(episodes, run.recipe, folder, fresh=run.draw_fresh())
        lineage = {
            "data": "two-rooms-v1",
            "wall": run.wall,
            "episodes": run.episodes,
            "fresh_episodes": run.fresh,
            "steps": fitted.trained.steps,
        }
        content = save(folder.model, fitted.model, run.recipe, episodes[0].specs, lineage)
        folder.write_text(told.name, json.dumps({"core_seconds": fitted.trained.core_seconds, "model": content}))
    return json.loads(told.read_text())

"""The claims about `two-rooms-v1` with its fixed wall: several seeds from nothing, each judged once on the test manifest.

    python benchmarks/two_rooms.py two-rooms-demo --seeds 0 1 2 3 4
    python benchmarks/two_rooms.py two-rooms-fixed --seeds 0 1 2
    python benchmarks/two_rooms.py two-rooms-demo --baselines

Each seed leaves a part in runs/<claim>/seed-<k>/, so a run that was stopped goes on where it was. Every call writes
benchmarks/results/<claim>.json from all parts there are.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

import torch

from gedanken.data import EpisodeList
from gedanken.environments import make_world
from gedanken.evaluation.intervals import success_interval
from gedanken.evaluation.manifest import load_manifest
from gedanken.evaluation.planning import evaluate_planning
from gedanken.evaluation.rows import baseline_rows
from gedanken.recipes import fit, load, save, two_rooms_demo, two_rooms_fixed
from gedanken.training import RunFolder

ROOT = Path(__file__).parent.parent
MANIFEST = ROOT / "benchmarks" / "manifests" / "two-rooms-v1-fixed-test.json"
CLAIMS = {"two-rooms-demo": two_rooms_demo, "two-rooms-fixed": two_rooms_fixed}
BARS = {
    "two-rooms-demo": {"median": 0.94, "worst": 0.88},
    "two-rooms-fixed": {"mean": 0.98, "worst": 0.96, "training_core_seconds": 600, "planning_core_seconds": 1.5},
}
STEPS = 200


def trained(claim: str, seed: int, folder: RunFolder) -> float:
    """Train one seed unless its model is there; returns the core-seconds it took."""
    cost = folder.path / "training.json"
    if not cost.exists():
        run, episodes = CLAIMS[claim](seed), EpisodeList()
        run.record(episodes)
        fitted = fit(episodes, run.recipe, folder)
        lineage = {"data": "two-rooms-v1", "episodes": run.episodes, "steps": run.recipe.train.steps}
        save(folder.model, fitted.model, run.recipe, episodes[0].specs, lineage)
        folder.write_text(cost.name, json.dumps({"core_seconds": fitted.trained.core_seconds}))
    return json.loads(cost.read_text())["core_seconds"]


def judged(claim: str, seed: int, folder: RunFolder) -> None:
    """Train and judge one seed, unless its part is there."""
    part = folder.path / "part.json"
    if part.exists():
        return
    training, manifest = trained(claim, seed, folder), load_manifest(MANIFEST)
    agent = load(folder.model).agent(seed)
    result = evaluate_planning(make_world("two-rooms-v1"), agent, manifest, STEPS)
    folder.write_text(
        part.name,
        json.dumps(
            {
                "seed": seed,
                "success": [int(each) for each in result.success],
                "ever": result.ever.float().mean().item(),
                "training_core_seconds": training,
                "planning_core_seconds": result.core_seconds,
                "manifest": manifest.sha256,
                "git": revision(),
                "machine": machine(),
            }
        ),
    )
    print(f"{claim} seed {seed}: {result.success.float().mean():.1%} at step {STEPS}", flush=True)


def revision() -> str:
    """The commit this runs from, with a mark where the package differs from it."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    dirty = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "src", "benchmarks"], cwd=ROOT).returncode
    return head + "+changes" * bool(dirty)


def machine() -> str:
    """What this runs on."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()}, {capability}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def rows_beside(claim: str, folder: RunFolder, seen_pairs: int) -> None:
    """The baselines, with the model of seed 0 lending its eyes and its energy."""
    loaded, manifest = load(folder.model), load_manifest(MANIFEST)
    episodes = EpisodeList()
    CLAIMS[claim](0).record(episodes)
    world, rows = make_world("two-rooms-v1"), []
    for row in baseline_rows(world, manifest, loaded.model, loaded.agent().energy, episodes, seen_pairs=seen_pairs):
        rows.append(
            {
                "name": row.name,
                "value": row.at_end.mean,
                "interval": [row.at_end.low, row.at_end.high],
                "ever": row.ever.mean,
                "n": row.pairs,
                "planning_core_seconds": row.core_seconds,
                "git": revision(),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
        folder.write_text("baselines.json", json.dumps(rows))


def ledger(claim: str, runs: Path) -> dict[str, object]:
    """All parts of a claim as its ledger entry."""
    parts = [json.loads(each.read_text()) for each in sorted(runs.glob("seed-*/part.json"))]
    shares = torch.tensor([sum(each["success"]) / len(each["success"]) for each in parts])
    interval = success_interval(torch.tensor([each["success"] for each in parts]).bool())
    baselines = runs / "seed-0" / "baselines.json"
    manifest = load_manifest(MANIFEST)
    if any(each["manifest"] != manifest.sha256 for each in parts):
        sys.exit(f"a part in {runs} was judged on another manifest; delete it and judge that seed again.")
    training = [each["training_core_seconds"] for each in parts]
    planning = [each["planning_core_seconds"] for each in parts]
    reached = {
        "mean": interval.mean,
        "median": shares.median().item(),
        "worst": shares.min().item(),
        "training_core_seconds": max(training),
        "planning_core_seconds": max(planning),
    }
    return {
        "claim": claim,
        "what": f"goal pictures held at step {STEPS}, fixed wall, test manifest",
        "value": interval.mean,
        "interval": [interval.low, interval.high],
        "median": reached["median"],
        "worst": reached["worst"],
        "bar": BARS[claim],
        "holds": all(
            reached[name] <= bar if name.endswith("seconds") else reached[name] >= bar
            for name, bar in BARS[claim].items()
        ),
        "n": len(manifest),
        "seeds": [
            {
                "seed": each["seed"],
                "value": share,
                "ever": each["ever"],
                "training_core_seconds": each["training_core_seconds"],
                "planning_core_seconds": each["planning_core_seconds"],
                "git": each["git"],
                "machine": each["machine"],
            }
            for each, share in zip(parts, shares.tolist(), strict=True)
        ],
        "manifest": manifest.sha256,
        "command": f"python benchmarks/two_rooms.py {claim} --seeds {' '.join(str(each['seed']) for each in parts)}",
        "beside": json.loads(baselines.read_text()) if baselines.exists() else [],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claim", choices=CLAIMS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--baselines", action="store_true", help="also measure the rows beside it, with seed 0's model")
    parser.add_argument("--seen-pairs", type=int, default=100, help="pairs for true dynamics under the model's energy")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    arguments = parser.parse_args()
    runs = arguments.runs / arguments.claim
    for seed in arguments.seeds:
        judged(arguments.claim, seed, RunFolder(runs / f"seed-{seed}"))
    if arguments.baselines:
        rows_beside(arguments.claim, RunFolder(runs / "seed-0"), arguments.seen_pairs)
    if not list(runs.glob("seed-*/part.json")):
        sys.exit("no seed was judged yet; give --seeds.")
    entry = ledger(arguments.claim, runs)
    RunFolder(ROOT / "benchmarks" / "results").write_text(f"{arguments.claim}.json", json.dumps(entry, indent=2) + "\n")
    print(json.dumps({name: entry[name] for name in ("claim", "value", "interval", "median", "worst", "bar", "holds")}))


if __name__ == "__main__":
    main()

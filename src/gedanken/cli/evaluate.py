"""`gedanken evaluate`: how often a model reaches its goals, with the interval and the baselines beside it."""

from __future__ import annotations

from pathlib import Path

import tyro


def evaluate(
    model: tyro.conf.Positional[Path] = Path("bundled"),
    /,
    manifest: Path | None = None,
    split: str = "dev",
    pairs: int = 200,
    baselines: bool = False,
    why: bool = False,
    seed: int = 0,
) -> None:
    """Drive a model to the goals of a manifest and print its success.

    Example: gedanken evaluate runs/demo/model.safetensors --pairs 500

    Args:
        model: a model file, or `bundled` for the one in the package.
        manifest: a file of start and goal pairs; without one, `split` and `pairs` draw the standard ones.
        split: `dev`, on which settings are chosen, or `test`, which is for the last number.
        pairs: how many of the standard pairs.
        baselines: also no-op, random, behaviour cloning and true dynamics under three energies (many minutes).
        why: also drive up to eight failed episodes again, each time with one part replaced by the truth or by more search,
            and file them under perception, dynamics, energy or search (a minute or two).
        seed: of the planner.
    """
    from dataclasses import replace

    from gedanken.cli.console import bar, console, success_table, table
    from gedanken.data import EpisodeList
    from gedanken.environments import make_world
    from gedanken.evaluation.attribution import attribute
    from gedanken.evaluation.manifest import load_manifest, make_manifest
    from gedanken.evaluation.rows import baseline_rows, row
    from gedanken.recipes import bundled_model, load, two_rooms_demo
    from gedanken.recipes.planning_report import drive

    loaded = load(bundled_model() if str(model) == "bundled" else model)
    tasks = (
        make_manifest("two-rooms-v1", {"wall": "fixed"}, split, pairs) if manifest is None else load_manifest(manifest)
    )
    world, agent = make_world(tasks.world, **tasks.options), loaded.agent(seed)
    with bar("planning") as tell:
        result = drive(world, agent, tasks, 200, tell).result
        tell(1.0)
    rows = [row("gedanken", result)]
    if baselines:
        episodes, wall = EpisodeList(), str(tasks.options.get("wall", "fixed"))
        replace(two_rooms_demo(loaded.recipe.train.seed), wall=wall).record(episodes)
        for each in baseline_rows(world, tasks, loaded.model, agent.energy, episodes, seed=seed, seen_pairs=100):
            console.print(f"measured: {each.name}")
            rows.append(each)
    success_table(f"goals of {tasks.world}, {tasks.split} manifest {tasks.sha256[:12]}", rows)
    if why:
        found = attribute(world, agent, tasks, result)
        causes = [(cause, str(count)) for cause, count in found.counts.items()]
        table(f"why {sum(found.counts.values())} of {found.failed} failed episodes failed", ("filed under", ""), causes)

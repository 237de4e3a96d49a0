"""`gedanken demo`: from pixels to reached goals on this machine, in minutes; or at once with the model in the package."""

from __future__ import annotations

from pathlib import Path


def demo(
    run: Path = Path("runs/demo"), bundled: bool = False, seed: int = 0, pairs: int = 200, why: bool = False
) -> None:
    """Record, train, plan to goal images, and write a report.

    Example: gedanken demo --bundled

    Args:
        run: folder for metrics, checkpoints, the model and the report; an unfinished run found there is resumed.
        bundled: use the model in the package instead of training one; 4 tasks, a few seconds.
        seed: of recordings, weights and windows.
        pairs: start and goal pairs to be judged by.
        why: also drive failed episodes again, to tell in the report what failed in them (about a minute more).
    """
    if bundled:
        _bundled(min(pairs, 4))
    else:
        _trained(run, seed, pairs, why)


def _bundled(pairs: int) -> None:
    from gedanken.cli.console import bar, console
    from gedanken.environments import make_world
    from gedanken.evaluation.manifest import make_manifest
    from gedanken.recipes import bundled_model, load
    from gedanken.recipes.planning_report import drive

    loaded, world = load(bundled_model()), make_world("two-rooms-v1")
    with bar("planning") as tell:
        driven = drive(world, loaded.agent(), make_manifest("two-rooms-v1", {"wall": "fixed"}, "dev", pairs), 200, tell)
        tell(1.0)
    result = driven.result
    console.print(
        f"[bold]{int(result.success.sum())} of {pairs}[/bold] goals held at step 200, planned from pixels alone "
        f"({result.core_seconds:.2f} core-seconds an episode)."
    )
    console.print("next: gedanken demo trains this model from nothing and writes a report.")


def _trained(run: Path, seed: int, pairs: int, why: bool) -> None:
    from time import perf_counter

    from gedanken.cli.console import bar, console, success_table, training_bar
    from gedanken.data import EpisodeList
    from gedanken.environments import make_world
    from gedanken.evaluation.attribution import attribute
    from gedanken.evaluation.baselines import fit_behaviour_cloning
    from gedanken.evaluation.manifest import make_manifest
    from gedanken.evaluation.report import write_report
    from gedanken.evaluation.rows import row
    from gedanken.recipes import fit, save, two_rooms_demo
    from gedanken.recipes.planning_report import drive, report_data, simple_baselines
    from gedanken.recipes.saved import Loaded
    from gedanken.training import RunFolder

    begun = perf_counter()
    shipped, folder, world = two_rooms_demo(seed), RunFolder(run), make_world("two-rooms-v1")
    recipe, episodes = shipped.recipe, EpisodeList()
    folder.write_config({"data": world.id, "recipe": recipe.as_dict()})
    with bar("recording") as tell:
        shipped.record(episodes, tell)
    with training_bar() as watch:
        fitted = fit(episodes, recipe, folder, watch)
    lineage = {"data": world.id, "episodes": shipped.episodes, "steps": recipe.train.steps}
    save(folder.model, fitted.model, recipe, world.streams, lineage)
    agent = Loaded(fitted.model, recipe, world.streams, lineage).agent(seed)
    manifest = make_manifest(world.id, {"wall": "fixed"}, "dev", pairs)
    with bar("planning") as tell:
        driven = drive(world, agent, manifest, 200, tell)
        tell(1.0)
    attribution = attribute(world, agent, manifest, driven.result) if why else None
    with bar("report") as tell:
        cloned = fit_behaviour_cloning(fitted.model, episodes, seed=seed)
        rows = [row("gedanken", driven.result), *simple_baselines(world, manifest, 200, recipe.frame_skip, cloned)]
        tell(0.3)
        data = report_data(
            "Two rooms, one door",
            world,
            fitted.model,
            agent,
            manifest,
            driven,
            fitted.held_out,
            rows=rows,
            metrics=folder.read_metrics(),
            facts={
                "command": f"gedanken demo --seed {seed} --pairs {pairs}{' --why' if why else ''}",
                "training": f"{recipe.train.steps} steps, {fitted.trained.core_seconds:.0f} core-seconds, "
                f"{fitted.trained.dtype}",
            },
            limits=LIMITS,
            attribution=attribution,
        )
        written = write_report(folder.path / "report.html", data)
        tell(1.0)
    success_table(f"goals of {world.id}, {manifest.split} manifest {manifest.sha256[:12]}", rows)
    console.print(f"model   {folder.model}\nreport  [bold]{written}[/bold]\n{perf_counter() - begun:.0f} s in all")


LIMITS = (
    "One fixed layout: the model has seen this wall in training and knows no other.",
    "A third of the recorded trajectories are led through the door by a script that sees the true state; the model does not.",
    "One training seed; the table of claims in the README has several.",
    "The imagined pictures come from a decoder trained afterwards for looking at; the model itself draws no pixels.",
    "These pairs are the dev manifest, on which the planner's settings were chosen; claims use the test manifest.",
)

"""`gedanken train`: a model from own recordings in any known format, or from a world we ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gedanken.contracts import EpisodeStore
    from gedanken.recipes import Recipe, TableRun, TwoRoomsRun
    from gedanken.training import RunFolder
    from gedanken.types import Episode

_EPISODES = "episodes"
"""Folder of a run in which recordings of another format are kept as our own store reads them."""


def train(
    data: tyro.conf.Positional[str] = "two-rooms-v1",
    /,
    run: Path = Path("runs/train"),
    resume: Path | None = None,
    steps: int | None = None,
    batch: int | None = None,
    frame_skip: int | None = None,
    seed: int | None = None,
    dtype: Annotated[str | None, tyro.conf.arg(metavar="auto|float32|bfloat16")] = None,
    device: Annotated[str | None, tyro.conf.arg(metavar="auto|cpu|cuda|mps")] = None,
    stop_on_collapse: bool = False,
    shard: bool = False,
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATH=VALUE ...")] = (),
) -> None:
    """Train a world model from recordings of pixels, sensors or both, and their actions.

    Example: gedanken train two-rooms-v1 --run runs/mine --steps 1000

    What suits the recordings is chosen from what they hold, and said; the flags below change it. A run's folder starts the
    same run again, or goes on with it: gedanken train --resume runs/mine

    On several GPUs or machines: torchrun --nproc-per-node 2 -m -- gedanken train ... (see docs/scale.md)

    Args:
        data: recordings in any known format, the id of a world to record first, or the folder of a run.
        run: folder for metrics, checkpoints, the model and its report; an unfinished run found there is resumed.
        resume: folder of a run to go on with, by what it says of itself.
        steps: optimiser steps; 1000 if not given.
        batch: windows in one step, of all processes together; 64 if not given.
        frame_skip: environment steps in one model step; from the recordings if not given.
        seed: of weights and windows; 0 if not given.
        dtype: auto times a real step in both and takes the faster.
        device: auto takes a GPU where there is one.
        stop_on_collapse: end the run when the collapse meter keeps complaining, instead of only saying so.
        shard: with several processes, keep in each only a part of the weights and of the optimiser's state (FSDP2).
        set: any other field of the recipe, such as encoder.latent=32 or train.learning_rate=0.002.
    """
    import os

    if os.environ.get("WORLD_SIZE", "1") != "1":
        # Before torch is loaded: a process that is lost would else fill the screen with the stack of torch's own code.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from gedanken.cli.console import console
    from gedanken.errors import BadInput
    from gedanken.training import joined

    fields: dict[str, Any] = {"steps": steps, "batch": batch, "seed": seed, "dtype": dtype, "device": device}
    given = [f"train.{name}={value}" for name, value in fields.items() if value is not None]
    given += [f"frame_skip={frame_skip}"] if frame_skip is not None else []
    given += ["train.on_collapse=stop"] if stop_on_collapse else []
    if resume is None and (Path(data) / "config.json").is_file():
        resume = Path(data)
    if resume is not None and (given or set):
        raise BadInput(
            f"{resume} goes on as it was started; leave out {', '.join((*given, *set))}, or start another with --run."
        )
    with joined() as number:
        console.quiet = number > 0  # the first process speaks for all
        _train(data, run, resume, seed or 0, [*given, *set], shard)


def _train(data: str, run: Path, resume: Path | None, seed: int, changes: list[str], shard: bool) -> None:
    """What each process does; the first one writes and judges."""
    from dataclasses import replace

    from rich.markup import escape

    from gedanken.cli.console import console, table, training_bar
    from gedanken.collectives import rank
    from gedanken.evaluation.report import write_report
    from gedanken.recipes import TableRun, choice_for, fit, save, split_for
    from gedanken.recipes.changes import changed
    from gedanken.recipes.parts import streams_of
    from gedanken.recipes.training_report import training_report
    from gedanken.training import RunFolder

    recipe: Recipe | None = None
    if resume is not None:
        run = resume
        data, recipe = started(run)
    folder = RunFolder(run)
    why: tuple[str, ...] = ()
    shipped = _shipped(data, recipe.train.seed if recipe else seed)
    usual: Iterator[Episode] | None = None
    if shipped is not None:
        first = ["train.steps=1000"] if data == "two-rooms-v1" else []
        recipe = recipe or changed(shipped.recipe, [*first, *changes])
        console.print(f"recording {shipped.episodes} episodes of {data} …")
        episodes = _recorded(shipped)
        usual = replace(shipped, recipe=recipe).usual() if isinstance(shipped, TableRun) else None
    else:
        episodes = _opened(data, folder)
        if recipe is None:
            choice = choice_for(episodes)
            recipe, why = changed(choice.recipe, changes), choice.why
    for sentence in why:
        console.print(f"· {escape(sentence)}")
    if rank() == 0:
        folder.write_config({"data": data, "recipe": recipe.as_dict()})
    split = split_for(episodes, recipe)
    console.print(f"· {split.told}")
    with training_bar() as watch:
        parts = split.training, split.held_out
        fitted = fit(split.episodes, recipe, folder, watch, parts, usual=usual, shard=shard)
    if rank() > 0:
        return
    observation = {name: episodes[0].specs[name] for name in streams_of(recipe.encoder)}
    save(folder.model, fitted.model, recipe, observation, {"data": data, "steps": recipe.train.steps})
    report = training_report(fitted, recipe, split, folder, data, why)
    for each in report.tables:
        table(escape(each.title), [escape(name) for name in each.columns], [[*map(escape, row)] for row in each.rows])
    for limit in report.limits:
        console.print(f"[yellow]{escape(limit)}[/yellow]")
    console.print(f"report [bold]{write_report(folder.path / 'report.html', report)}[/bold]", soft_wrap=True)
    console.print(
        f"[bold]{folder.model}[/bold]  ({fitted.trained.core_seconds:.0f} core-seconds, {fitted.trained.dtype})"
    )
    console.print(f"next: gedanken info {folder.model}")


def started(run: Path) -> tuple[str, Recipe]:
    """What a run was started with: its recordings and its recipe."""
    from gedanken.errors import BadInput, BadRunFolder
    from gedanken.recipes import Recipe
    from gedanken.training import RunFolder

    if not run.is_dir():
        raise BadRunFolder(f"there is no run folder at {run}.")
    config = RunFolder(run).read_config()
    try:
        if not isinstance(config.get("data"), str):
            raise BadInput("it names no recordings.")
        return config["data"], Recipe.from_dict(config["recipe"])
    except (BadInput, KeyError, TypeError) as error:
        raise BadRunFolder(f"{run} is not the folder of a run that can go on: {error}") from error


def _shipped(data: str, seed: int) -> TableRun | TwoRoomsRun | None:
    """The run we ship for a world; None for recordings."""
    from gedanken.environments import WORLDS
    from gedanken.errors import BadInput
    from gedanken.recipes import table, two_rooms_demo

    runs = {"two-rooms-v1": two_rooms_demo, "table-v1": table}
    if data in WORLDS and data not in runs:
        raise BadInput(
            f"there is no shipped recipe for {data!r}, only for {' and '.join(runs)}; record episodes of it and train on their "
            "folder."
        )
    return runs[data](seed) if data in runs else None


def _recorded(shipped: Any) -> EpisodeStore:
    from gedanken.data import EpisodeList

    episodes = EpisodeList()
    shipped.record(episodes)
    return episodes


def _opened(data: str, folder: RunFolder) -> EpisodeStore:
    """The recordings as our own store; the first process brings them into it where they are of another format."""
    from gedanken.collectives import from_first, rank
    from gedanken.data import EpisodeFolder

    return EpisodeFolder.open(Path(from_first(str(_store_of(data, folder)) if rank() == 0 else "")))


def _store_of(data: str, folder: RunFolder) -> Path:
    """Our own store as it lies, where its pictures can be read so; of anything else a copy in the run's folder, made once."""
    from gedanken.cli.console import console
    from gedanken.data.camera import with_pixels
    from gedanken.data.formats import detect, open_episodes, write_episodes

    kept, started = folder.path / _EPISODES, (folder.path / "config.json").is_file()
    if started and kept.is_dir() and folder.read_config().get("data") == data:
        return kept
    kind = detect(data)
    episodes, told = with_pixels(open_episodes(data))
    if kind == "native" and not told:
        return Path(data)
    console.print(f"· {data} is read as {kind!r}, and kept in {kept} as training reads it.", soft_wrap=True)
    if told:
        console.print(f"· {told}")
    # Only a run that began with this copy may keep it: what an interrupted start left behind may be of something else.
    write_episodes(kept, episodes, if_exists="refuse" if started else "overwrite")
    return kept

"""`gedanken train`: a model from recorded episodes or from a world we ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro


def train(
    data: tyro.conf.Positional[str] = "two-rooms-v1",
    /,
    run: Path = Path("runs/train"),
    steps: int = 1000,
    batch: int = 64,
    frame_skip: int | None = None,
    seed: int = 0,
    dtype: Annotated[str, tyro.conf.arg(metavar="auto|float32|bfloat16")] = "auto",
    device: Annotated[str, tyro.conf.arg(metavar="auto|cpu|cuda|mps")] = "auto",
    stop_on_collapse: bool = False,
) -> None:
    """Train a world model from pixels and actions.

    Example: gedanken train two-rooms-v1 --run runs/mine --steps 1000

    Args:
        data: a folder of episodes (gedanken.EpisodeFolder), or the id of a world to record first.
        run: folder for metrics, checkpoints and the model; an unfinished run found there is resumed.
        steps: optimiser steps.
        batch: windows in one step.
        frame_skip: environment steps in one model step; from the recording's rate if not given.
        seed: of weights and windows.
        dtype: auto times a real step in both and takes the faster.
        device: auto takes a GPU where there is one.
        stop_on_collapse: end the run when the collapse meter keeps complaining, instead of only saying so.
    """
    from dataclasses import replace

    from gedanken.cli.console import console, training_bar
    from gedanken.data import EpisodeFolder, EpisodeList
    from gedanken.environments import WORLDS
    from gedanken.recipes import fit, for_episodes, save, two_rooms_demo
    from gedanken.training import RunFolder, TrainConfig

    shipped = two_rooms_demo(seed)
    if data in WORLDS:
        console.print(f"recording {shipped.episodes} episodes of {data} …")
        episodes = EpisodeList()
        shipped.record(episodes)
        recipe = shipped.recipe
    else:
        episodes = EpisodeFolder.open(Path(data))
        recipe = for_episodes(episodes, steps)
    config = replace(
        recipe.train,
        steps=steps,
        batch=batch,
        seed=seed,
        dtype=dtype,  # pyright: ignore[reportArgumentType] (checked by TrainConfig)
        device=device,
        on_collapse="stop" if stop_on_collapse else "warn",
    )
    assert isinstance(config, TrainConfig)
    recipe = replace(recipe, train=config, frame_skip=frame_skip or recipe.frame_skip)
    folder = RunFolder(run)
    folder.write_config({"data": data, "recipe": recipe.as_dict()})
    with training_bar() as watch:
        fitted = fit(episodes, recipe, folder, watch)
    save(folder.model, fitted.model, recipe, episodes[0].specs, {"data": data, "steps": steps})
    console.print(
        f"[bold]{folder.model}[/bold]  ({fitted.trained.core_seconds:.0f} core-seconds, {fitted.trained.dtype})"
    )
    console.print(f"next: gedanken info {folder.model}")

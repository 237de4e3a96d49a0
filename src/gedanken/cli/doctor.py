"""`gedanken doctor`: is a model fit to plan with on this data, and if not, what to try."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from gedanken.contracts import Episodes
    from gedanken.evaluation.doctor import Diagnosis
    from gedanken.recipes import Loaded

_EPISODES = 96
_FRESH = 90_001
"""Seed of freshly drawn episodes: none that a model was trained on."""


def doctor(
    model: tyro.conf.Positional[Path] = Path("bundled"),
    data: tyro.conf.Positional[str] = "",
    /,
    horizon: int = 8,
    json: bool = False,
    seed: int = 0,
) -> None:
    """Examine a model on recordings: each finding in one sentence, with what to try.

    Example: gedanken doctor runs/mine/model.safetensors drives

    The exit code is 0 where nothing bad was found, 1 where something was, 2 where it could not be examined.

    Args:
        model: a model file, or `bundled` for the one in the package.
        data: recordings in any known format, or the id of a world to draw fresh ones; by default the
            world the model was trained in.
        horizon: model steps to look ahead; fewer for short recordings.
        json: print one JSON object instead of a table.
        seed: of the windows that are looked at.
    """
    import json as text
    import sys

    from torch import Generator

    from gedanken.data import WindowSampler
    from gedanken.evaluation.doctor import check_recording, examine
    from gedanken.recipes import bundled_model, load

    loaded = load(bundled_model() if str(model) == "bundled" else model)
    episodes, source = _recordings(loaded, data)
    check_recording(loaded.observation, loaded.model.action, episodes[0])
    windows = WindowSampler(episodes, horizon + 1, loaded.model.frame_skip, streams=list(loaded.observation))
    diagnosis = examine(loaded.model, windows, Generator().manual_seed(seed))
    if json:
        print(text.dumps({"model": str(model), "data": source, **diagnosis.as_dict()}, allow_nan=False))
    else:
        _show(diagnosis, f"{model} on {source}")
    if not diagnosis.healthy:
        sys.exit(1)


def _recordings(loaded: Loaded, data: str) -> tuple[Episodes, str]:
    """Episodes, and what to call them."""
    from dataclasses import replace

    from gedanken.data import EpisodeList
    from gedanken.data.camera import with_pixels
    from gedanken.data.formats import open_episodes
    from gedanken.environments import WORLDS
    from gedanken.errors import BadInput
    from gedanken.recipes import two_rooms_demo

    source = data or str(loaded.lineage.get("data", ""))
    if source in WORLDS and source != "two-rooms-v1":
        raise BadInput(f"no episodes of {source!r} can be drawn here; name recordings to examine the model on.")
    if source in WORLDS:
        episodes = EpisodeList()
        # A model file of before random walls says nothing of its own: it is of the fixed one.
        wall = loaded.lineage.get("wall", "fixed")
        replace(two_rooms_demo(_FRESH), episodes=_EPISODES, wall=wall).record(episodes)
        return episodes, f"fresh episodes of {source}"
    if not data:
        raise BadInput("the model does not name a world to draw episodes of; name recordings to examine it on.")
    stored = open_episodes(data)
    if not len(stored):
        raise BadInput(f"{data} holds no episodes yet; record some first.")
    return (with_pixels(stored)[0] if "pixels" in loaded.observation else stored), data


def _show(diagnosis: Diagnosis, title: str) -> None:
    from rich.markup import escape

    from gedanken.cli.console import console, table

    colours = {"good": "green", "warn": "yellow", "bad": "red"}
    rows = [
        (
            f"[{colours[each.severity]}]{each.severity}[/]",
            each.check,
            f"{escape(each.said)}\n[dim]{each.number:.3g}: good from {each.limits.good:g}, bad from {each.limits.bad:g}[/]",
        )
        for each in diagnosis.findings
    ]
    table(escape(title), ("", "check", "finding"), rows, words=True)
    looked = f"{diagnosis.windows} windows of {diagnosis.horizon} model steps"
    console.print(f"verdict: [bold]{diagnosis.verdict}[/bold] ({looked})")

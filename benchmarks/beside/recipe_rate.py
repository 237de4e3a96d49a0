"""Frames a second of a whole training run of the demo's recipe: windows drawn, weights updated and the collapse meter read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from time import process_time
from typing import Any

import torch

from gedanken.data import EpisodeList
from gedanken.recipes import fit, two_rooms_demo
from gedanken.training.loop import Progress

_EPISODES = 200
_SETTLED = 3
"""Logged steps before which caches and buffers are still cold."""


def measure(threads: int = 2, steps: int | None = None) -> dict[str, Any]:
    """Frames a second by the clock on the wall, in the median of the stretches between two logged steps.

    Args:
        threads: of torch; as many cores must be idle.
        steps: of training; the recipe's own by default.
    """
    run = two_rooms_demo()
    recipe = run.recipe if steps is None else replace(run.recipe, train=replace(run.recipe.train, steps=steps))
    rates: list[float] = []

    def watch(progress: Progress) -> None:
        rates.append(progress.frames_per_second)

    with _threads(threads):
        store = EpisodeList()
        replace(run, episodes=_EPISODES).record(store)
        began = process_time()
        trained = fit(store, recipe, watch=watch).trained
        spent = process_time() - began
    frames = recipe.train.steps * recipe.train.batch * recipe.window
    settled = rates[_SETTLED:]
    return {
        "median": median(settled),
        "least": min(settled),
        "most": max(settled),
        "whole run": frames / trained.seconds,
        "frames a core-second": frames / spent,
        "threads": threads,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "type": trained.dtype,
    }


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

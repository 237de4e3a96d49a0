"""A server on a free port of this machine, in a thread of the test's own process."""

import asyncio
import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import torch

import gedanken
from gedanken.agent import AgentConfig
from gedanken.planners import MPPIConfig
from gedanken.recipes import bundled_model, load, save
from gedanken.serving.app import app_of
from gedanken.serving.door import Door
from gedanken.serving.limits import Limits
from gedanken.serving.models import Models
from gedanken.serving.run import address_of, server_of
from gedanken.serving.studio.shelf import Shelf

LIMITS = Limits(message_bytes=2**20, silent_seconds=1.0, body_seconds=1.0, send_seconds=1.0, rate=1e6, burst=10**6)
WORLD = gedanken.make_world("two-rooms-v1")


@cache
def quick_model() -> Path:
    """The bundled model with an agent that thinks a twentieth as much, for tests that are not about how well it plans."""
    loaded = load(bundled_model())
    search = {"candidates": 32, "elite_share": 0.2}
    agent = AgentConfig(horizon=8, warm=MPPIConfig(rounds=2, **search), cold=MPPIConfig(rounds=6, **search))
    folder = Path(mkdtemp())
    atexit.register(rmtree, folder, ignore_errors=True)
    save(
        folder / "quick.safetensors",
        loaded.model,
        replace(loaded.recipe, agent=agent),
        loaded.observation,
        loaded.lineage,
    )
    return folder / "quick.safetensors"


@contextmanager
def serving(
    source: Path | str | None = None,
    *,
    limits: Limits = LIMITS,
    door: Door | None = None,
    together: int = 16,
    studio: Shelf | None = None,
) -> Iterator[str]:
    """The address, such as `127.0.0.1:43210`."""
    server = server_of(
        app_of(Models(Path(source or quick_model())), door or Door("127.0.0.1"), limits, together, studio),
        "127.0.0.1",
        0,
        limits,
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield address_of(server)
    finally:
        server.should_exit = True
        thread.join()


def tasks(count: int, seed: int = 0):
    """States and goals of `count` tasks in two-rooms."""
    return WORLD.pairs(count, torch.Generator().manual_seed(seed))


def seen(state, row: int = 0) -> dict:
    """What a robot sees: arrays, without a batch."""
    return {name: values[row].numpy() for name, values in WORLD.observe(state).items()}


def stepped(state, actions):
    """The state after an action chunk."""
    for action in torch.from_numpy(actions):
        state = WORLD.step(state, action[None])
    return state

"""Start functions in several processes that train together, as torchrun would, without its seconds of importing torch."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import torch


def together(count: int, function: Callable[..., None], *arguments: Any, seconds: float = 300.0) -> list[int | None]:
    """Run `function(*arguments)` in `count` processes that can join; returns their exit codes, 0 where it returned.

    None is the code of a process that had to be killed after `seconds`.
    """
    context = multiprocessing.get_context("forkserver")
    # Children fork from a server that has torch loaded.
    context.set_forkserver_preload(["claims.ranks", "gedanken.recipes", "torch._dynamo", "gedanken.training.sharded"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        context.Process(target=_one, args=(rank, count, port, function, *arguments), daemon=True)
        for rank in range(count)
    ]
    for each in ranks:
        each.start()
    for each in ranks:
        each.join(seconds)
    ended = [each.exitcode for each in ranks]
    for each in ranks:
        each.kill()
        each.join()
    return ended


def _one(rank: int, count: int, port: int, function: Callable[..., None], *arguments: Any) -> None:
    torch.set_num_threads(1)
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank)}
    os.environ.update(where, RANK=str(rank), WORLD_SIZE=str(count))
    function(*arguments)

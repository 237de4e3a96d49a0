"""Drive two-rooms through the real openpi client, beside the agent itself; and many robots at once, in batches or one by one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from claims.policy_server import STEPS, WORLD, one, openpi_python, seen, server
from gedanken.evaluation.manifest import Manifest, make_manifest
from gedanken.recipes import bundled_model, load
from gedanken.serving import PolicyClient
from gedanken.serving.stream.wire import packed, unpacked
from gedanken.types import State


def driven(folder: Path, split: str, first: int, count: int) -> dict[str, Any]:
    """Drive some pairs of a manifest with the real client, each step beside the agent itself with the same seed."""
    manifest = make_manifest("two-rooms-v1", {"wall": "fixed"}, split, first + count)
    reached, different, latencies = [], 0, []
    with server() as running, robot(openpi_python(folder), running.address) as infer:
        for pair in range(first, first + count):
            now, goal = _pair(manifest, pair)
            agent = load(bundled_model()).agent(seed=pair)
            agent.begin(WORLD.observe(goal))
            for step in range(STEPS):
                own = agent.act(WORLD.observe(now))
                request: dict[str, Any] = {"observation": seen(now), "goal": seen(goal)}
                reply = infer(request | ({"seed": pair} if step == 0 else {}))
                latencies.append(reply["latency_ms"])
                actions = torch.from_numpy(reply["actions"].copy())
                different += not torch.equal(actions, own.steps()[:, 0])
                for action in actions:
                    now = WORLD.step(now, action[None])
            reached.append(bool(WORLD.reached(now, goal)))
    return {"reached": reached, "different": different, "steps": len(latencies), "latencies": latencies}


def throughput(robots: int, steps: int) -> dict[str, float]:
    """Steps a second of so many robots at once, planned in batches and one by one; everything else is the same."""
    drives = [_recorded(row, steps) for row in range(robots)]
    return {name: _rate(drives, together) for name, together in (("batches", robots), ("one by one", 1))}


@contextmanager
def robot(python: Path, address: str) -> Iterator[Any]:
    """`infer` of the real client, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment.pop("PYTHONPATH", None)
    command = [str(python), str(Path(__file__).with_name("openpi_child.py")), address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        line_in, line_out = child.stdin, child.stdout

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            data = packed(request)
            line_in.write(len(data).to_bytes(4, "big") + data)
            line_in.flush()
            return unpacked(line_out.read(int.from_bytes(line_out.read(4), "big")), 2**28)

        yield infer
        line_in.close()


def _recorded(row: int, steps: int) -> list[dict[str, Any]]:
    """The requests of one robot that is driven by the agent itself: a server that is given its seed decides as it did, so
    robots can ask without stepping worlds meanwhile, which takes longer than their plans."""
    now, goal = _pair(make_manifest("two-rooms-v1", {"wall": "fixed"}, "dev", row + 1), row)
    agent = load(bundled_model()).agent(seed=row)
    agent.begin(WORLD.observe(goal))
    requests: list[dict[str, Any]] = []
    for _ in range(steps):
        requests.append({"observation": seen(now), "goal": seen(goal)})
        for action in agent.act(WORLD.observe(now)).steps():
            now = WORLD.step(now, action)
    return [requests[0] | {"seed": row}, *requests[1:]]


def _rate(drives: Sequence[Sequence[dict[str, Any]]], together: int) -> float:
    """Each robot asks again as soon as it is answered; the slowest ends the clock."""

    def ask(address: str, drive: Sequence[dict[str, Any]]) -> None:
        with PolicyClient(f"ws://{address}") as policy:
            for request in drive:
                policy.infer(request)

    with server("bundled", "--together", str(together)) as running, ThreadPoolExecutor(len(drives)) as pool:
        began = time.perf_counter()
        for done in [pool.submit(ask, running.address, drive) for drive in drives]:
            done.result()
        return sum(map(len, drives)) / (time.perf_counter() - began)


def _pair(manifest: Manifest, row: int) -> tuple[State, State]:
    starts, goals = manifest.pairs(WORLD)
    return one(starts, row), one(goals, row)

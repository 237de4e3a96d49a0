"""Wear a policy server out: many requests with its memory watched, and everything a bad day brings, with good robots between.

A good robot's answer is compared with the one that was given at the start: the same question with the same seed, so that a
wrong answer is seen at once.
"""

from __future__ import annotations

import random
import socket
import time
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import torch

from claims.policy_server import WORLD, Server, seen, server
from gedanken.errors import BadInput, Refused
from gedanken.recipes import bundled_model
from gedanken.serving import PolicyClient
from gedanken.serving.stream.wire import packed


def worn(requests: int, each: int = 1000) -> dict[str, Any]:
    """Ask one server so many times, mostly for what is soon answered, and look at its memory after `each` of them."""
    now, goal = WORLD.pairs(2, torch.Generator().manual_seed(0))
    here, there = seen(now), seen(goal)
    arrived = {"observation": there, "goal": there}
    hurried = {"observation": here, "goal": there, "reset": True, "deadline_ms": 0}
    megabytes, answered = [], 0
    with server() as running:
        for start in range(0, requests, each):
            with PolicyClient(f"ws://{running.address}") as robot:  # connections come and go as well
                for number in range(start, min(start + each, requests)):
                    reply = robot.infer(hurried if number % 50 == 0 else arrived)
                    answered += bool(np.isfinite(reply["plan"]).all()) and reply["how"] == (
                        "cold" if number % 50 == 0 else "held"
                    )
            megabytes.append(running.megabytes())
    return {"requests": requests, "answered": answered, "megabytes": megabytes}


def drift(megabytes: list[float]) -> float:
    """Largest departure from the memory after warm-up, as a share of it; the first tenth is warm-up."""
    after = megabytes[max(1, len(megabytes) // 10) :] or megabytes
    return max(abs(each - after[0]) / after[0] for each in after)


def abused(messages: int, seed: int, folder: Path, every: int = 100) -> dict[str, Any]:
    """Malformed messages, half-open sockets, slow readers, robots that vanish, the model file replaced; and what came of them."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "served.safetensors"
    copyfile(bundled_model(), model)
    counts = {
        "malformed": 0,
        "named": 0,
        "checked": 0,
        "wrong": 0,
        "half-open": 0,
        "slow": 0,
        "vanished": 0,
        "replaced": 0,
    }
    now, goal = WORLD.pairs(1, torch.Generator().manual_seed(seed))
    question = {"observation": seen(now), "goal": seen(goal), "seed": 1}
    with server(str(model)) as running:
        with PolicyClient(f"ws://{running.address}") as robot:
            reference = robot.infer(question)["plan"]
        for number in range(messages):
            counts["malformed"] += 1
            counts["named"] += _named(running, _malformed(question, draw))
            if number % every == 0:
                trouble = draw.choice(("half-open", "slow", "vanished", "replaced"))
                _TROUBLES[trouble](running, question, model)
                counts[trouble] += 1
                with PolicyClient(f"ws://{running.address}") as robot:
                    counts["wrong"] += not np.array_equal(robot.infer(question)["plan"], reference)
                    counts["checked"] += 1
    return dict(counts)


def _named(running: Server, data: bytes) -> bool:
    """Whether what came back is an error in a sentence, or an answer after all."""
    with PolicyClient(f"ws://{running.address}") as robot:
        robot._socket.send(data)
        answer = robot._socket.recv(timeout=60)
    return isinstance(answer, bytes) or (
        "Traceback" not in answer and "our mistake" not in answer and answer[-1:] in ".?"
    )


def _malformed(question: dict[str, Any], draw: random.Random) -> bytes:
    """Bytes that were a request once, or never."""
    data = bytearray(packed(question))
    kind = draw.randrange(5)
    if kind == 0:
        return draw.randbytes(draw.randrange(200))
    if kind == 1:
        return bytes(data[: draw.randrange(len(data))])
    if kind == 2:  # a bit in the first bytes, where the structure is
        data[draw.randrange(64)] ^= 1 << draw.randrange(8)
        return bytes(data)
    if kind == 3:
        return packed({"observation": {"pixels": draw.choice([None, [], 3.5, "x", {"a": 1}])}, "goal": draw.random()})
    key, value = draw.choice(["seed", "deadline_ms", "ahead", "x"]), draw.choice([-1, "", float("nan")])
    return packed({"observation": {}, key: value})


def _half_open(running: Server, question: dict[str, Any], model: Path) -> None:
    """Opened, half asked, and dropped without a word."""
    host, port = running.address.split(":")
    line = socket.create_connection((host, int(port)), timeout=10)
    line.sendall(b"GET / HTTP/1.1\r\nHost: ")
    line.close()


def _slow(running: Server, question: dict[str, Any], model: Path) -> None:
    """Asks many times and never reads."""
    with PolicyClient(f"ws://{running.address}") as robot:
        for _ in range(200):
            robot._socket.send(b"\xc1")


def _vanished(running: Server, question: dict[str, Any], model: Path) -> None:
    """Gone in the middle of its plan."""
    robot = PolicyClient(f"ws://{running.address}", seconds=10.0)
    robot._socket.send(packed(question))
    time.sleep(0.02)
    robot._socket.socket.close()
    try:
        robot.close()
    except (OSError, BadInput, Refused):
        return


def _replaced(running: Server, question: dict[str, Any], model: Path) -> None:
    """The model file is overwritten in place by nonsense."""
    model.write_bytes(b"\0" * model.stat().st_size)


_TROUBLES = {"half-open": _half_open, "slow": _slow, "vanished": _vanished, "replaced": _replaced}

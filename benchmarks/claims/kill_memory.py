"""Kill a process that writes to a memory, at random moments, and see what is left of what it was told is safe.

The writer announces each piece of work (write so many moments, forget an episode) and reports it when the call has
returned. Killed by SIGKILL, it must leave one of two states, whole: what it last reported, or that with the announced work
done too. Every moment's content follows from its serial number, so nothing needs to be remembered of it but that.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from claims.known_moments import ENCODER, State, by_brute_force, latents, moment, retrieval
from gedanken.errors import BadMemoryFile, StorageError
from gedanken.memory import EpisodicMemory

CAP = 1 << 20
_LINES, _DELAY = 24, 0.02


def write_until_killed(path: Path, pipe: BinaryIO, state: State, serial: int, seed: int) -> None:
    """What the killed process does; `pipe` takes a line before and after each piece of work."""
    draw, memory = random.Random(seed), EpisodicMemory.open(path, ENCODER)
    episodes, number = sorted(set(state.episodes.values())), 0
    memory.nearest(latents([0]))
    _say(pipe, {"opened": True})
    while True:
        if episodes and draw.random() < 0.08:
            work: dict[str, Any] = {"do": "forget", "episode": draw.choice(episodes)}
            episodes.remove(work["episode"])
        else:
            episode = f"{seed}-{number // 5}"
            count = draw.choice((1, 1, 1, 5, 20))
            work = {"do": "write", "serial": serial, "count": count, "episode": episode}
            episodes = sorted({*episodes, episode})
        number += 1
        _say(pipe, work)
        ids = [0]
        if work["do"] == "forget":
            memory.forget(episode=work["episode"])
        else:
            ids = memory.write([moment(serial + k, work["episode"]) for k in range(work["count"])])
            serial += work["count"]
        _say(pipe, {"done": ids[0]})
        oldest = memory.database.number("SELECT min(id) FROM moments")
        _say(pipe, {"oldest": oldest, "retrieval": retrieval(memory)})


def _say(pipe: BinaryIO, words: dict[str, Any]) -> None:
    pipe.write(json.dumps(words).encode() + b"\n")
    pipe.flush()


def killed(path: Path, state: State, serial: int, seed: int) -> list[dict[str, Any]]:
    """Fork a writer, kill it some milliseconds after it has said so many lines, both drawn, and return all that it said."""
    heard, speak = os.pipe()
    draw, child = random.Random(seed), os.fork()
    if not child:
        os.close(heard)
        try:
            write_until_killed(path, os.fdopen(speak, "wb"), state, serial, seed)
        except BaseException as error:
            os.write(speak, json.dumps({"failed": repr(error)}).encode() + b"\n")
        os._exit(1)
    os.close(speak)
    with os.fdopen(heard, "rb") as pipe:
        # A clock alone would kill early or late with the load of the machine. At no lines, it is opening the memory, and
        # cleaning up what the last one left.
        said = [pipe.readline() for _ in range(draw.randrange(_LINES))]
        time.sleep(draw.uniform(0, _DELAY))
        os.kill(child, signal.SIGKILL)
        said += pipe.readlines()
    os.waitpid(child, 0)
    words = [json.loads(line) for line in said if line.endswith(b"\n")]
    if failed := [each["failed"] for each in words if "failed" in each]:
        raise SystemExit(f"the writer of {path} failed by itself: {failed[0]}")
    return words


@dataclass(frozen=True)
class Left:
    """What was found after a kill."""

    state: State
    corrupt: int = 0
    lost: int = 0
    differing: int = 0
    bytes_left: int = 0
    during: str = "opening"
    acknowledged: int = 0
    evicted: int = 0


def judged(path: Path, state: State, words: list[dict[str, Any]], cap: int) -> Left:
    """Open the memory again and compare it with what its writer said."""
    during, acknowledged, evicted, digest, forgotten, announced = "opening", 0, 0, None, set(), None
    for said in words:
        if "do" in said:
            announced, during, digest = said, said["do"], None
        elif "done" in said:
            assert announced is not None
            before = state
            state, during = state.after(announced, said["done"]), "reporting"
            acknowledged += announced.get("count", 0)
            forgotten |= set(before.serials.values()) - set(state.serials.values())
            announced = None
        elif "oldest" in said:
            kept = {id for id in state.serials if id >= said["oldest"]}
            evicted += len(state.serials) - len(kept)
            state, digest = state.only(kept), said["retrieval"]
    left = Left(state, during=during, acknowledged=acknowledged, evicted=evicted)
    try:
        with EpisodicMemory.open(path, ENCODER) as memory:
            memory.check()
            rows = memory.database.rows(
                "SELECT moments.id, time, name FROM moments JOIN episodes ON episodes.id = episode"
            )
            there = State({row[0]: int(row[1]) for row in rows}, {row[0]: row[2] for row in rows})
            possible = [state]
            if announced is not None:
                last = memory.database.number("SELECT seq FROM sqlite_sequence")
                possible.append(state.after(announced, last + 1 - announced.get("count", 0)))
            oldest = min(there.serials, default=0)
            if cap:  # nobody says before a write how much it will evict; only the oldest may go
                possible += [each.only({id for id in each.serials if id >= oldest}) for each in possible]
            same = there in possible
            lost = 0 if same else len(state.serials.keys() - there.serials.keys())
            found = retrieval(memory)
            differing = int(found != by_brute_force(there) or (digest is not None and found != digest))
    except (BadMemoryFile, StorageError):
        return replace(left, corrupt=1)
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    gone = sorted(forgotten - set(there.serials.values()))
    traces = sum(latents([serial]).numpy().astype(np.float16).tobytes() in content for serial in gone)
    return replace(
        left, state=there, corrupt=int(not same and not lost), lost=lost, differing=differing, bytes_left=traces
    )


def run(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill `kills` writers of one memory, one after the other; every second memory has a cap.

    Args:
        folder: where the memory is made; what an interrupted run left there is removed.
        kills: how many.
        seed: of the moments and the work.
    """
    torch.set_num_threads(1)
    path, cap = folder / "killed.db", CAP * (seed % 2)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("killed.db*"):
        file.unlink()
    EpisodicMemory.open(path, ENCODER, cap=cap).close()
    state, during = State(), Counter[str]()
    total = Counter[str]()
    for kill in range(kills):
        words = killed(path, state, 1_000_000 * seed + 10_000 * kill, 1000 * seed + kill)
        left = judged(path, state, words, cap)
        state, during[left.during] = left.state, during[left.during] + 1
        for name in ("corrupt", "lost", "differing", "bytes_left", "acknowledged", "evicted"):
            total[name] += getattr(left, name)
        total["sound"] += not (left.corrupt or left.lost or left.differing or left.bytes_left)
    for file in folder.glob("killed.db*"):
        file.unlink()
    counts = {
        name: total[name] for name in ("corrupt", "lost", "differing", "bytes_left", "acknowledged", "evicted", "sound")
    }
    return {"kills": kills, **counts, "during": dict(during), "moments_at_the_end": len(state.serials)}

"""Ask two processes in turn, on one core, so that whatever else the machine does falls on both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
PEER = "stable-worldmodel 0.1.1"
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}

Answer = Mapping[str, Any]


class Side:
    """A process that answers (`side.answer`); `name` says whose it is in what goes wrong."""

    def __init__(self, name: str, python: str, script: str) -> None:
        self.name = name
        # The peer finds nothing of ours but the scripts beside this one.
        paths = [
            str(HERE.parent),
            *([os.environ["PYTHONPATH"]] if name == "ours" and "PYTHONPATH" in os.environ else []),
        ]
        self._process = subprocess.Popen(
            [python, "-m", f"beside.{script}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(paths)},
        )

    def ask(self, do: str, **what: Any) -> Answer:
        """One answer; RuntimeError where the other end fails."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        said = json.loads(line) if line else {"error": f"it ended (exit code {self._process.wait()})"}
        if "error" in said:
            raise RuntimeError(f"{self.name}, asked for {do}: {said['error']}")
        return said

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def peer_python() -> str | None:
    """The Python that `PEER_PYTHON` names, where it has the peer; None, and a word on stderr, where not."""
    python = os.environ.get("PEER_PYTHON")
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('stable_worldmodel') is None)"
    if python and subprocess.run([python, "-c", look], capture_output=True).returncode == 0:
        return python
    said = f"PEER_PYTHON={python} has no {PEER}" if python else "PEER_PYTHON is not set"
    print(f"{said}; only ours is measured. `make peers` makes an environment with it.", file=sys.stderr)
    return None


@contextmanager
def both(script: str, peer: str | None) -> Iterator[dict[str, Side]]:
    """`ours` and, where there is a Python for it, `peer`: `<script>_ours.py` and `<script>_peer.py`, on one core."""
    with pinned():
        sides = {"ours": Side("ours", sys.executable, f"{script}_ours")}
        if peer:
            sides["peer"] = Side("peer", peer, f"{script}_peer")
        try:
            yield sides
        finally:
            for side in sides.values():
                side.close()


@contextmanager
def pinned() -> Iterator[None]:
    """This process and those it starts keep to one core, the last it may use; where the system has no such call, to none."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def interleaved(asked: Mapping[str, Callable[[int], Answer]], repeats: int) -> dict[str, list[Answer]]:
    """`repeats` answers of each, in turns, after one that only warms up; a repeat's number is its seed."""
    answers: dict[str, list[Answer]] = {name: [] for name in asked}
    for repeat in range(repeats + 1):
        # Every other round runs backwards, so that none always follows the same neighbour.
        for name in list(asked)[:: 1 if repeat % 2 else -1]:
            answers[name].append(asked[name](repeat))
    return {name: found[1:] for name, found in answers.items()}


def rate(answers: list[Answer], of: str) -> dict[str, float]:
    """How many of `of` a core-second does: median, least and most."""
    rates = [each[of] / each["seconds"] for each in answers]
    return {"median": median(rates), "least": min(rates), "most": max(rates)}


def ratio(ours: list[Answer], peer: list[Answer], of: str) -> dict[str, float]:
    """Ours over the peer's: of the medians, and the least and the most of any one repeat."""
    each = [(mine[of] / mine["seconds"]) / (its[of] / its["seconds"]) for mine, its in zip(ours, peer, strict=True)]
    return {"median": rate(ours, of)["median"] / rate(peer, of)["median"], "least": min(each), "most": max(each)}

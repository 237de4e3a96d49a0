"""`gedanken serve` in a process of its own, and robots that talk to it: what both serving claims measure."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claims.ledger import ROOT
from gedanken.environments import make_world
from gedanken.errors import BadInput
from gedanken.types import State

WORLD = make_world("two-rooms-v1")
STEPS = 50
"""Model steps an episode, of four environment steps."""


@dataclass(frozen=True)
class Server:
    """A running server: its address, and its process."""

    address: str
    pid: int

    def megabytes(self) -> float:
        """Memory it holds now (resident set)."""
        answer = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True)
        return int(answer.stdout) / 1024


@contextmanager
def server(model: str = "bundled", *options: str) -> Iterator[Server]:
    """A server on a free port; a crash of it is an error here."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gedanken", "serve", model, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"ws://(\S+)", process.stdout.readline())
            if found is None:
                raise BadInput("the server did not start; see its own message above.")
            yield Server(found[1], process.pid)
            if process.poll() is not None:
                raise BadInput(f"the server ended by itself with exit code {process.returncode}.")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def one(state: State, row: int) -> State:
    """One world of a batch."""
    return {name: values[row : row + 1] for name, values in state.items()}


def seen(state: State) -> dict[str, Any]:
    """What a robot in the first world of a batch sees: arrays, without a batch."""
    return {name: values[0].numpy() for name, values in WORLD.observe(state).items()}


def openpi_python(folder: Path) -> Path:
    """A Python with openpi-client 0.1.2, which needs NumPy before 2: the one named by GEDANKEN_OPENPI_PYTHON, or made here."""
    if named := os.environ.get("GEDANKEN_OPENPI_PYTHON"):
        return Path(named)
    python = folder / "openpi" / "bin" / "python"
    if not (folder / "openpi" / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "openpi")], check=True)
        wanted = ["openpi-client==0.1.2", "numpy<2", "typing_extensions"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
        (folder / "openpi" / "installed").touch()
    return python

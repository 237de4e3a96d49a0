"""Make `.venv` and install gedanken into it: torch first and alone, then the rest, as `constraints.txt` pins them.

Standard library only, since it runs before anything is installed. `make demo`, `make test` and the others call it; by
hand it is `python3 scripts/install.py [--dev] [--torch-index URL]`. Each way it can fail ends in one sentence.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
PINS = ("--constraint", "constraints.txt")
FREE_GB = 4  # a CPU build of torch, the tools of --dev and a demo run take about 3


def main() -> None:
    parser = argparse.ArgumentParser(description="Make .venv and install gedanken into it.")
    parser.add_argument("--dev", action="store_true", help="with what tests and checks need")
    parser.add_argument("--torch-index", default="", metavar="URL", help="package index to take torch from")
    asked = parser.parse_args()
    check_disk()
    make_venv()
    pins = install_torch(asked.torch_index)
    install_package(".[dev]" if asked.dev else ".", pins)


def check_disk() -> None:
    """Stop where the disk is too full for what is to come."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < FREE_GB:
        stop(f"only {free:.1f} GB are free on the disk of {ROOT}; make room for {FREE_GB} GB, then call this again.")


def make_venv() -> None:
    """Leave a `.venv` with a working pip, or stop."""
    if works("-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"):
        return
    if PYTHON.is_symlink() or PYTHON.exists():
        stop(f"{VENV} holds no working Python 3.11 or newer with pip; remove that folder, then call this again.")
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stop(
            f"this Python {version} has no venv module; on Debian and Ubuntu install it with "
            f"`apt-get install python3-venv` (or python{version}-venv), then call this again."
        )
    if run(sys.executable, "-m", "venv", str(VENV)) != 0:
        shutil.rmtree(VENV, ignore_errors=True)  # half an environment would be taken for a whole one
        stop(f"{sys.executable} could not make {VENV}; its own message is above.")


def install_torch(index: str) -> tuple[str, ...]:
    """Install torch by itself, so that nothing installed later chooses its build; return the pins that held."""
    source = ("--index-url", index) if index else ()
    if not index and sys.platform == "linux" and brings_cuda():
        say(
            "torch for this machine comes with CUDA libraries of several GB; without an NVIDIA GPU, stop now (Ctrl-C) "
            "and call make again with TORCH_INDEX=<address of an index with CPU wheels, given on PyTorch's own "
            "installation page>."
        )
    if pip_install(*source, *PINS, "torch") == 0:
        return PINS
    check_disk()
    say("pip could not take the pinned torch on this machine; trying the newest that pyproject.toml allows.")
    if pip_install(*source, torch_range()) != 0:
        stop("torch could not be installed; pip's own message is above.")
    return ()


def torch_range() -> str:
    """The torch requirement of pyproject.toml, such as `torch>=2.6,<3`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return next(needed for needed in project["dependencies"] if needed.startswith("torch"))


def brings_cuda() -> bool:
    """Whether pip would install NVIDIA's libraries beside torch; False where pip cannot tell without downloading."""
    answer = subprocess.run(
        [PYTHON, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", *PINS, "torch"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if answer.returncode != 0:
        return False
    return any(item["metadata"]["name"].startswith("nvidia") for item in json.loads(answer.stdout)["install"])


def install_package(package: str, pins: tuple[str, ...]) -> None:
    """Install this checkout in place, within the pins where they fit."""
    if pins and pip_install(*pins, "--editable", package) == 0:
        return
    check_disk()
    if pins:
        say("pip could not keep every pin of constraints.txt on this machine; trying the newest versions allowed.")
    if pip_install("--editable", package) != 0:
        stop("gedanken could not be installed; pip's own message is above.")


def pip_install(*arguments: str) -> int:
    return run(str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *arguments)


def works(*arguments: str) -> bool:
    """Whether `.venv`'s Python exists and runs this without an error."""
    return PYTHON.exists() and subprocess.run([PYTHON, *arguments], capture_output=True).returncode == 0


def run(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT).returncode


def say(sentence: str) -> None:
    print(f"gedanken: {sentence}", file=sys.stderr, flush=True)


def stop(sentence: str) -> NoReturn:
    say(sentence)
    raise SystemExit(1)


if __name__ == "__main__":
    main()

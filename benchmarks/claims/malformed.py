"""Malformed inputs of every kind that gedanken reads, and what becomes of them.

A whole input of a kind is made once; then bytes of one of its files are changed, and it is read to the end. Whatever was done to
it, reading ends in an error of our own or in something read; it does not hang, and takes no memory that its size does not
explain. What else happens has *escaped*.
"""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch

from gedanken.cli.train import started
from gedanken.data.formats import open_episodes, write_episodes
from gedanken.data.formats.hdf5 import Hdf5Config
from gedanken.data.formats.lerobot import LeRobotConfig
from gedanken.data.formats.native import NativeConfig
from gedanken.data.formats.registry import FormatConfig
from gedanken.data.formats.sensor_table import SensorTableConfig
from gedanken.data.formats.video_folder import VideoFolderConfig
from gedanken.encoders import ConvEncoderConfig
from gedanken.errors import GedankenError
from gedanken.models import ResidualMLPConfig
from gedanken.recipes import Recipe, build, load, save
from gedanken.recipes.error_head import ErrorHeadConfig
from gedanken.training import RunFolder
from gedanken.types import ActionSpec, Episode, StreamSpec

SECONDS = 20
"""After which reading an input of some kilobytes hangs."""
MEMORY = 2**30
"""Address space beyond what is there, in bytes: a hundred thousand times the inputs, and room for the libraries' own threads."""

_ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
_TEXTS = (
    *(
        "0",
        "-1",
        "1e999",
        "NaN",
        "9" * 30,
        "null",
        "true",
        '""',
        "{}",
        "[]",
        "[" * 5000,
        "../../etc",
        "\n",
        ",",
        '"',
        "}",
    ),
    "😀",
)
_BYTES = (b"\x00", b"\xff", b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x00" * 8, b"\x80\x02.", b"1" * 400)
_NASTY = (*(each.encode() for each in _TEXTS), *_BYTES)


@dataclass(frozen=True)
class Kind:
    """Something that is read.

    Args:
        make: writes a whole one to a path.
        read: reads all of it.
    """

    make: Callable[[Path], object]
    read: Callable[[Path], object]


@dataclass(frozen=True)
class Edit:
    """One change to the bytes of a file.

    Args:
        what: `flip` a bit, `drop` or `repeat` some bytes, `put` others in or `over` what is there, or `cut` the rest off.
        where: share of the file before it, 0 to 1.
        size: how many bytes, or which bit.
        nasty: which of the bytes that have broken readers before.
    """

    what: str
    where: float
    size: int = 1
    nasty: int = 0

    def applied(self, data: bytes) -> bytes:
        at = min(int(self.where * len(data)), max(0, len(data) - 1))
        payload = _NASTY[self.nasty % len(_NASTY)]
        if self.what == "flip" and data:
            return data[:at] + bytes([data[at] ^ (1 << self.size % 8)]) + data[at + 1 :]
        before, after = data[:at], data[at:]
        changed = {
            "drop": after[self.size :],
            "repeat": after[: self.size] + after,
            "put": payload + after,
            "over": payload + after[len(payload) :],
            "cut": b"",
        }
        return before + changed.get(self.what, after)


EDITS = ("flip", "drop", "repeat", "put", "over", "cut")


def kinds() -> Mapping[str, Kind]:
    """All that is tried, by the name of the file or folder it lies in."""
    formats: tuple[tuple[str, FormatConfig], ...] = (
        ("native", NativeConfig()),
        ("robomimic.hdf5", Hdf5Config()),
        ("lerobot", LeRobotConfig()),
        ("sensors.csv", SensorTableConfig()),
        ("sensors.parquet", SensorTableConfig()),
        ("videos", VideoFolderConfig()),
    )
    return {
        "model.safetensors": Kind(_make_model, load),
        "run": Kind(_make_run, started),
        **{name: _format(config) for name, config in formats},
    }


def attempt(kind: Kind, whole: Path, file: int, edits: Sequence[Edit], folder: Path) -> str | None:
    """Read a changed copy of a whole input; None where all is well, else what escaped.

    Args:
        kind: how it is read.
        whole: the input, a file or a folder.
        file: which of its files is changed, counted round.
        edits: done one after the other.
        folder: scratch; the copy lies there and is deleted first.
    """
    copy = folder / whole.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if whole.is_dir():
        shutil.copytree(whole, copy)
    else:
        shutil.copyfile(whole, copy)
    files = [copy] if copy.is_file() else sorted(each for each in copy.rglob("*") if each.is_file())
    changed = files[file % len(files)]
    data = changed.read_bytes()
    for edit in edits:
        data = edit.applied(data)
    changed.write_bytes(data)
    try:
        with _limited():
            kind.read(copy)
    except GedankenError:
        return None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{changed.relative_to(folder)}: {type(error).__name__}: {str(error)[:200]}"
    return None


def drawn(random: Random) -> tuple[int, list[Edit]]:
    """A file's number and some edits."""
    edits: list[Edit] = []
    for _ in range(random.choice((1, 1, 2, 4))):
        where = random.random() ** random.choice((1, 3))  # headers come first
        edits.append(Edit(random.choice(EDITS), where, random.choice((1, 2, 7, 64, 1000)), random.randrange(64)))
    return random.randrange(64), edits


@contextmanager
def _limited() -> Iterator[None]:
    """Ends what hangs, and refuses memory far beyond an input's size."""

    def hangs(signum: int, frame: object) -> None:
        raise TimeoutError(f"nothing after {SECONDS} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    former = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(SECONDS)
    if (size := _address_space()) is not None:
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def _address_space() -> int | None:
    """In bytes; None where the system does not tell, and memory is then not limited."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[0]) * resource.getpagesize() if told.exists() else None


def _format(config: FormatConfig) -> Kind:
    def read(path: Path) -> None:
        for episode in open_episodes(path, config):
            for values in (episode.actions, *episode.streams.values()):
                np.asarray(values).sum()  # what is mapped or decoded late is read too

    return Kind(lambda path: write_episodes(path, _episodes(config), config), read)


def _episodes(config: FormatConfig) -> list[Episode]:
    """Two short ones, of what the format holds."""
    random = np.random.default_rng(0)
    specs = {"pixels": StreamSpec((16, 16, 3), "uint8", 10.0), "state": StreamSpec((3,), "float32", 10.0, "m")}
    if isinstance(config, SensorTableConfig):
        del specs["pixels"]
    if isinstance(config, VideoFolderConfig):
        del specs["state"]
    action = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0), rate_hz=10.0)
    return [
        Episode(
            {name: random.uniform(0, 255, (9, *spec.shape)).astype(spec.dtype) for name, spec in specs.items()},
            random.uniform(-1, 1, (8, 2)).astype(np.float32),
            specs,
            action,
        )
        for _ in range(2)
    ]


def _recipe() -> Recipe:
    return Recipe(
        name="small",
        encoder=ConvEncoderConfig(width=4, latent=8),
        predictor=ResidualMLPConfig(hidden=8),
        error_head=ErrorHeadConfig(hidden=4),
    )


def _make_model(path: Path) -> None:
    recipe = _recipe()
    torch.manual_seed(0)
    save(path, build(recipe, _ACTION), recipe, {"pixels": StreamSpec((64, 64, 3), "uint8")})


def _make_run(path: Path) -> None:
    RunFolder(path).write_config({"data": "two-rooms-v1", "recipe": _recipe().as_dict()})

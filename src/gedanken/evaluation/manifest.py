"""Which start and goal pairs a number was measured on: drawn once, kept in a small JSON file, and named by a hash.

Only what decides the task is stored, in decimals that read back to the same float32; looks are the world's default. The
hash is SHA-256 of the canonical JSON of everything else in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from gedanken.contracts import World
from gedanken.environments import make_world
from gedanken.errors import BadFile, BadInput, StorageError, unknown_name
from gedanken.evaluation.true_state import dressed, physical, rows_in, rows_of
from gedanken.strict_json import count, field, parse_object
from gedanken.types import State

VERSION = 1
SEEDS = {"dev": 1001, "test": 2002}
"""Settings are chosen on `dev`; `test` is only for the numbers that are published."""

_STANDARD: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    ("two-rooms-v1-fixed", "two-rooms-v1", {"wall": "fixed"}),
    ("two-rooms-v1-random", "two-rooms-v1", {"wall": "random"}),
    ("four-rooms-v1-fixed", "four-rooms-v1", {"wall": "fixed"}),
    ("maze-v1-fixed-5", "maze-v1", {"cells": 5, "shortest": 1}),
    ("maze-v1-13", "maze-v1", {"cells": 13, "layouts": "", "shortest": 1}),
    ("t-maze-v1", "t-maze-v1", {"delay": 100}),
)
"""File, world and options of each standard task; mazes are of every length, since what is asked is how success falls with it."""
_LAYOUTS = {"dev": "train", "test": "test"}
"""Settings are chosen in layouts of the training split."""
_DECIMALS = 3
_BLOCK = 500  # pairs drawn at a time, however many are asked for: so fewer pairs are the first of more
_DRAWS = 100  # blocks without enough pairs, before a task is taken for one that is solved at its start
_FIELDS = ("world", "options", "split", "seed", "starts", "goals")
_OPTION = (str, int, float, bool)  # what JSON keeps as it is


@dataclass(frozen=True, eq=False)
class Manifest:
    """Start and goal pairs of a world's standard task.

    Args:
        world: id of the world, such as `two-rooms-v1`.
        options: what the world is made with.
        split: `dev` or `test`.
        seed: what the pairs were drawn with.
        starts: physical entries of the start states, float32, one row a pair.
        goals: likewise of the goal states.
    Raises:
        BadInput: starts and goals do not fit each other, a number is not finite, or JSON cannot keep an option.
        UnknownName: there is no such split.
    """

    world: str
    options: Mapping[str, object]
    split: str
    seed: int
    starts: State
    goals: State

    def __post_init__(self) -> None:
        if self.split not in SEEDS:
            raise unknown_name("split", self.split, SEEDS)
        shapes = [{name: values.shape for name, values in state.items()} for state in (self.starts, self.goals)]
        if shapes[0] != shapes[1] or len({shape[:1] for shape in shapes[0].values()}) != 1 or not len(self):
            raise BadInput("a manifest's starts and goals must name the same entries, with one row a pair each.")
        if not all(isinstance(value, _OPTION) for value in self.options.values()):
            raise BadInput("a manifest's options must be texts, numbers, or true and false; JSON keeps nothing else.")
        if not all(bool(torch.isfinite(values).all()) for values in (*self.starts.values(), *self.goals.values())):
            raise BadInput("a manifest holds a number that is not finite.")

    def __len__(self) -> int:
        return rows_in(self.starts)

    @property
    def sha256(self) -> str:
        """The hash that names these pairs."""
        return _hash(self._record())

    def pairs(self, world: World) -> tuple[State, State]:
        """Start and goal states of `world` in its default look.

        Raises:
            BadInput: the pairs are those of another world.
        """
        names = set(physical(world, world.sample(1, Generator())))
        if world.id != self.world or names != set(self.starts):
            raise BadInput(
                f"these pairs are of {self.world!r} with {sorted(self.starts)}, and the world is {world.id!r} with "
                f"{sorted(names)}; make the world with make_world({self.world!r}, **manifest.options)."
            )
        return dressed(world, self.starts), dressed(world, self.goals)

    def _record(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "world": self.world,
            "options": dict(self.options),
            "split": self.split,
            "seed": self.seed,
            "starts": {name: _decimals(values) for name, values in self.starts.items()},
            "goals": {name: _decimals(values) for name, values in self.goals.items()},
        }


def make_manifest(
    world: str, options: Mapping[str, object], split: str, pairs: int = 500, *, seed: int | None = None
) -> Manifest:
    """Draw pairs of a world's standard task; those already solved at the start are left out.

    The same seed gives the same pairs, and fewer pairs are the first of more.

    Args:
        world: id of the world.
        options: what it is made with.
        split: `dev` or `test`.
        pairs: how many.
        seed: the split's own, unless given.
    Raises:
        UnknownName: no such world or split.
        BadInput: fewer than one pair asked for, or nearly every pair is solved at its start.
    """
    if split not in SEEDS:
        raise unknown_name("split", split, SEEDS)
    if pairs < 1:
        raise BadInput(f"pairs={pairs} must be at least 1.")
    seed = SEEDS[split] if seed is None else seed
    starts, goals = _unsolved(make_world(world, **options), pairs, Generator().manual_seed(seed))
    return Manifest(world, dict(options), split, seed, starts, goals)


def save_manifest(manifest: Manifest, path: str | Path) -> None:
    """Write a manifest with its hash, aside and then renamed.

    Raises:
        StorageError: the disk refused.
    """
    path, record = Path(path), {**manifest._record(), "sha256": manifest.sha256}
    lines = ",\n".join(f"{json.dumps(name)}: {_canonical(value)}" for name, value in record.items())
    aside = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error}; free some space or choose another folder.") from error


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest.

    Raises:
        BadFile: there is no such file, its version is unknown, its hash does not match, or it holds something else.
    """
    try:
        return _manifest(parse_object(Path(path).read_bytes()))
    except OSError as error:
        raise BadFile(
            f"cannot read the manifest {path}: {error.strerror}; name a file made by save_manifest."
        ) from error
    except BadInput as error:
        raise BadFile(f"{path} is not a manifest that can be used: {error}") from error


def write_standard_manifests(folder: str | Path) -> list[Path]:
    """Draw the manifests that published numbers use, 500 pairs each, and write them into `folder`; equal for ever."""
    written = []
    for name, world, options in _STANDARD:
        for split in SEEDS:
            path = Path(folder) / f"{name}-{split}.json"
            given = {**options, **({"layouts": _LAYOUTS[split]} if "layouts" in options else {})}
            save_manifest(make_manifest(world, given, split), path)
            written.append(path)
    return written


def _unsolved(world: World, pairs: int, generator: Generator) -> tuple[State, State]:
    starts, goals, found, blocks = [], [], 0, 0
    while found < pairs:
        start, goal = (_rounded(physical(world, state)) for state in world.pairs(_BLOCK, generator))
        unsolved = ~world.reached(dressed(world, start), dressed(world, goal))
        starts.append(rows_of(start, unsolved))
        goals.append(rows_of(goal, unsolved))
        found, blocks = found + int(unsolved.sum()), blocks + 1
        if blocks >= _DRAWS and found < blocks:
            raise BadInput(f"of {blocks * _BLOCK} drawn pairs of {world.id!r} all but {found} are solved at the start.")
    return _joined(starts, pairs), _joined(goals, pairs)


def _joined(parts: list[dict[str, Tensor]], pairs: int) -> State:
    return {name: torch.cat([part[name] for part in parts])[:pairs] for name in parts[0]}


def _rounded(state: State) -> dict[str, Tensor]:
    return {name: torch.tensor(_decimals(values), dtype=torch.float32) for name, values in state.items()}


def _decimals(values: Tensor) -> list[Any]:
    """Nested lists of the shortest decimals; rounding in float64 gives back the decimal a float32 was read from."""
    return values.double().mul(10**_DECIMALS).round().div(10**_DECIMALS).tolist()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _hash(record: Mapping[str, Any]) -> str:
    return sha256(_canonical(record).encode()).hexdigest()


def _manifest(raw: dict[str, Any]) -> Manifest:
    version, expected = raw.get("version"), field(raw, "sha256", str)
    if version != VERSION:
        raise BadInput(f"its version is {str(version)[:40]}; this code reads version {VERSION}. Update gedanken.")
    if unknown := set(raw) - {"version", "sha256", *_FIELDS}:
        raise BadInput(f"it has the unknown field {min(unknown)[:40]!r}.")
    found = _hash({name: value for name, value in raw.items() if name != "sha256"})
    if found != expected:
        raise BadInput(f"its content hashes to {found[:12]}… and it says {expected[:12]}…; take an unchanged copy.")
    starts, goals = (_places(field(raw, name, dict)) for name in ("starts", "goals"))
    seed = count(field(raw, "seed", int))
    world, options, split = field(raw, "world", str), field(raw, "options", dict), field(raw, "split", str)
    return Manifest(world, options, split, seed, starts, goals)


def _places(raw: dict[str, Any]) -> State:
    try:
        places = {name: torch.tensor(values, dtype=torch.float32) for name, values in raw.items()}
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise BadInput("its starts and goals must be lists of numbers, all rows alike.") from error
    if any(values.dim() < 1 for values in places.values()):
        raise BadInput("its starts and goals must be lists of numbers, one row a pair.")
    return places

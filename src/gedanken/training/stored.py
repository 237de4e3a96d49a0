"""What lies in a run's folder as its newest checkpoint, read back whole or in rows by any number of processes.

    checkpoint.safetensors                          one file, by a run whose weights are whole
    checkpoint.index.json                           or an index: steps, and of each tensor its shape and the rows in each shard
    checkpoint-<step>-00001-of-00002.safetensors    and the shards, one a process

The index names no files, so nothing written in it can lead out of the folder. A tensor that is not cut has no rows and lies in
the first shard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gedanken.errors import BadInput, BadRunFolder, StorageError
from gedanken.strict_json import count, field, number, parse_object, shape

SCHEMA = 1
MOST_SHARDS = 2**16
_SHARD = re.compile(r"-(\d+)-\d{5}-of-\d{5}", re.ASCII)


def index_of(path: Path) -> Path:
    """Where the index lies of the sharded checkpoint that is to be found at `path`."""
    return path.with_suffix(".index.json")


def shard_of(path: Path, step: int, shard: int, shards: int) -> Path:
    """Where one of its shards lies."""
    return path.with_name(f"{path.stem}-{step}-{shard + 1:05}-of-{shards:05}{path.suffix}")


def there_is(path: Path) -> bool:
    """Whether a checkpoint of either kind lies there."""
    return path.exists() or index_of(path).exists()


def forget_shards(path: Path, before: int) -> None:
    """Remove shards of earlier steps than `before`, and the index where it is of one of them."""
    index = index_of(path)
    try:
        if index.exists() and parse_object(index.read_bytes()).get("step", 0) < before:
            index.unlink()
        for file in path.parent.glob(f"{path.stem}-*{path.suffix}"):
            named = _SHARD.fullmatch(file.stem.removeprefix(path.stem))
            if named and int(named[1]) < before:
                file.unlink(missing_ok=True)
    except (OSError, BadInput, TypeError) as error:
        raise StorageError(f"cannot remove old shards of {path}: {error}; remove {index} by hand.") from error


@dataclass(frozen=True)
class _Entry:
    shape: tuple[int, ...]
    rows: tuple[int, ...] | None


class Stored:
    """A checkpoint that is open for reading; see `newest`.

    Args:
        step: steps done.
        fingerprint: of the run it belongs to.
        core_seconds: what the run had cost.
    """

    def __init__(
        self, files: list[Any], entries: Mapping[str, _Entry], step: int, fingerprint: str, core_seconds: float
    ) -> None:
        self._files, self._entries, self._closing = files, entries, ExitStack()
        self.step, self.fingerprint, self.core_seconds = step, fingerprint, core_seconds

    @staticmethod
    def newest(path: Path) -> Stored:
        """The checkpoint with most steps of those at `path` and in the index beside it.

        Raises:
            BadRunFolder: there is none, or one is broken.
        """
        index, found = index_of(path), []
        with ExitStack() as opened:
            try:
                found += [_one_file(path, opened)] if path.exists() else []
                found += [_shards(path, index, opened)] if index.exists() else []
                newest = max(found, key=lambda each: each.step)
            except (OSError, SafetensorError, BadInput, KeyError, ValueError) as error:
                broken = index if index.exists() else path
                said = str(error).strip("'")
                raise BadRunFolder(
                    f"{broken} is not a readable checkpoint ({said}); delete it to start afresh."
                ) from error
            newest._closing = opened.pop_all()
        return newest

    def __enter__(self) -> Stored:
        return self

    def __exit__(self, *raised: object) -> None:
        self._closing.close()

    def below(self, prefix: str) -> Iterator[str]:
        """Names under `prefix`, without it."""
        return (name[len(prefix) + 1 :] for name in self._entries if name.startswith(f"{prefix}."))

    def shape(self, name: str) -> tuple[int, ...]:
        """Of the whole tensor."""
        return self._entries[name].shape

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Rows `[start, stop)` of a tensor, wherever they lie."""
        found, first = [], 0
        for file, held in zip(self._files, self._entries[name].rows or (self.shape(name)[0],), strict=False):
            low, high = max(start, first), min(stop, first + held)
            if low < high:
                found.append(file.get_slice(name)[low - first : high - first])
            first += held
        return torch.cat(found) if found else self.whole(name)[:0]

    def whole(self, name: str) -> Tensor:
        """The tensor, put together."""
        entry = self._entries[name]
        return self._files[0].get_tensor(name) if entry.rows is None else self.rows(name, 0, entry.shape[0])

    def like(self, name: str, like: Tensor | None) -> Tensor:
        """The tensor, or this process's part of it where `like` is kept in parts.

        Raises:
            ValueError: `like` has another shape.
        """
        if like is not None and tuple(like.shape) != self.shape(name):
            raise ValueError(f"{name} is {self.shape(name)}, expected {tuple(like.shape)}")
        if not hasattr(like, "to_local"):
            return self.whole(name)
        from gedanken.training.sharded import part_like, rows_here

        first, own = rows_here(like)  # pyright: ignore[reportArgumentType]
        return part_like(like, self.rows(name, first, first + len(own)))  # pyright: ignore[reportArgumentType]


def _one_file(path: Path, opened: ExitStack) -> Stored:
    file = opened.enter_context(safe_open(path, framework="pt"))
    header = file.metadata() or {}
    entries = {name: _Entry(tuple(file.get_slice(name).get_shape()), None) for name in file.keys()}  # noqa: SIM118
    return Stored([file], entries, int(header["step"]), header["fingerprint"], float(header["core_seconds"]))


def _shards(path: Path, index: Path, opened: ExitStack) -> Stored:
    raw = parse_object(index.read_bytes())
    if raw.get("schema") != SCHEMA:
        raise BadInput(f"it has schema {str(raw.get('schema'))[:40]}; this version reads {SCHEMA}.")
    step, shards = count(raw.get("step")), count(raw.get("shards"))
    if not 1 <= shards <= MOST_SHARDS:
        raise BadInput(f"it tells of {shards} shards; expected 1 to {MOST_SHARDS}.")
    entries = {name: _entry(name, told, shards) for name, told in field(raw, "tensors", dict).items()}
    files: list[Any] = []
    for shard in range(shards):
        files.append(opened.enter_context(safe_open(shard_of(path, step, shard, shards), framework="pt")))
        held = {name: _held(entry, shard) for name, entry in entries.items()}
        expected = {name: size for name, size in held.items() if size is not None}
        seen = {name: tuple(files[-1].get_slice(name).get_shape()) for name in files[-1].keys()}  # noqa: SIM118
        if seen != expected:
            raise BadInput(f"shard {shard + 1} of {shards} holds other tensors than it says.")
    return Stored(files, entries, step, field(raw, "fingerprint", str), number(raw.get("core_seconds")))


def _entry(name: str, told: Any, shards: int) -> _Entry:
    size, rows = shape(field(told, "shape", list)), told.get("rows")
    if rows is None:
        return _Entry(size, None)
    held = tuple(count(each) for each in field(told, "rows", list))
    if len(held) != shards or not size or sum(held) != size[0]:
        raise BadInput(f"the rows of {name[:80]!r} do not make up its shape {size}.")
    return _Entry(size, held)


def _held(entry: _Entry, shard: int) -> tuple[int, ...] | None:
    """Shape of what a shard holds of a tensor; None where it holds nothing."""
    if entry.rows is None:
        return entry.shape if shard == 0 else None
    return (entry.rows[shard], *entry.shape[1:]) if entry.rows[shard] else None

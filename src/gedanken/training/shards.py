"""A checkpoint of weights that are spread over processes: each writes its own rows, then the first one writes the index.

torch's own distributed checkpoint keeps its metadata as a pickle, which can run code when it is read; this one is safetensors
and JSON (`stored.py` says how it is laid out). Until the index is renamed into place, the one before and its shards stay.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn, optim
from torch.distributed.tensor import DTensor

from gedanken.collectives import processes, rank, wait
from gedanken.errors import StorageError
from gedanken.training.checkpoint import tensors_of, write_tensors
from gedanken.training.sharded import rows_here
from gedanken.training.stored import SCHEMA, forget_shards, index_of, shard_of


def save_shards(
    path: Path,
    step: int,
    modules: Mapping[str, nn.Module],
    optimiser: optim.Optimizer,
    fingerprint: str,
    core_seconds: float = 0.0,
) -> None:
    """`save_checkpoint` for a run whose weights are kept in parts; every process must come here.

    Raises:
        StorageError: the disk refused; the checkpoint before is still there.
    """
    tensors = tensors_of(modules, optimiser)
    own = {name: value for name, value in tensors.items() if rank() == 0 and not isinstance(value, DTensor)}
    cut = {name: rows_here(value)[1] for name, value in tensors.items() if isinstance(value, DTensor)}
    header = {"step": str(step), "fingerprint": fingerprint, "core_seconds": str(core_seconds)}
    write_tensors(
        shard_of(path, step, rank(), processes()),
        own | {name: rows for name, rows in cut.items() if len(rows)},
        header,
    )
    wait()  # an index tells of shards that are all there
    if rank() == 0:
        index = {"schema": SCHEMA, "step": step, "fingerprint": fingerprint, "core_seconds": core_seconds}
        told = {name: {"shape": list(value.shape), "rows": _rows(value)} for name, value in tensors.items()}
        _write(index_of(path), json.dumps({**index, "shards": processes(), "tensors": told}, indent=1))
        forget_shards(path, before=step)
        path.unlink(missing_ok=True)
    wait()


def _rows(value: Tensor) -> list[int] | None:
    """Rows of a tensor that each process holds; FSDP2 cuts the first axis as `torch.chunk` does."""
    if not isinstance(value, DTensor):
        return None
    each = -(-value.shape[0] // processes())
    return [max(0, min(each, value.shape[0] - number * each)) for number in range(processes())]


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.writing")
    try:
        with aside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StorageError(f"cannot write the index {path}: {error}; free some space and resume.") from error

"""A checkpoint: weights, optimiser state and the step reached, as one safetensors file written aside and renamed.

No random state is kept, because each step draws from a generator seeded by (seed, step) alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn, optim

from gedanken.errors import BadRunFolder, StorageError

_OPTIMISER = "optimiser"


def save_checkpoint(
    path: Path,
    step: int,
    modules: dict[str, nn.Module],
    optimiser: optim.Optimizer,
    fingerprint: str,
    core_seconds: float = 0.0,
) -> None:
    """Write all that a resumed run needs; until the rename, the checkpoint before stays in place.

    Args:
        path: where it will lie.
        step: steps done so far.
        modules: what is trained, by name.
        optimiser: its state goes with the weights.
        fingerprint: identifies the run's configuration and data; a resume with another one is refused.
        core_seconds: what the run has cost so far.
    Raises:
        StorageError: the disk refused.
    """
    tensors = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"{_OPTIMISER}.{index}.{key}": value for key, value in state.items()}
    aside = path.with_name(f".{path.name}.writing")
    header = {"step": str(step), "fingerprint": fingerprint, "core_seconds": str(core_seconds)}
    try:
        content = save({name: value.contiguous() for name, value in tensors.items()}, header)
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, SafetensorError) as error:
        aside.unlink(missing_ok=True)
        raise StorageError(f"cannot write the checkpoint {path}: {error}; free some space and resume.") from error


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimiser: optim.Optimizer, fingerprint: str
) -> tuple[int, float]:
    """Put the checkpoint's weights and optimiser state in place; returns the steps done and what they cost.

    Raises:
        BadRunFolder: the file is broken, or belongs to another configuration.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise BadRunFolder(f"{path} is not a readable checkpoint ({error}); delete it to start afresh.") from error
    if header.get("fingerprint") != fingerprint:
        raise BadRunFolder(
            f"{path} belongs to a run of another configuration or other data; resume with its own, or choose another run folder."
        )
    try:
        for name, module in modules.items():
            module.load_state_dict(_below(tensors, name))
        optimiser.load_state_dict({**optimiser.state_dict(), "state": _optimiser_state(_below(tensors, _OPTIMISER))})
        return int(header["step"]), float(header["core_seconds"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadRunFolder(f"{path} does not fit this model ({str(error).splitlines()[0]}).") from error


def fingerprint_of(config: dict[str, object]) -> str:
    """A configuration as canonical text."""
    return json.dumps(config, sort_keys=True)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def _optimiser_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    return state

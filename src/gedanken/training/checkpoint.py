"""A checkpoint: weights, optimiser state and the step reached, as safetensors written aside and renamed.

No random state is kept, because each step draws from a generator seeded by (seed, step) alone. A run that keeps whole weights
writes one file; one whose weights are spread over processes writes a file a process and an index (`shards.py`). Either is read
back by any number of processes (`stored.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor, nn, optim

from gedanken.errors import BadRunFolder, StorageError
from gedanken.training.stored import Stored, forget_shards

OPTIMISER = "optimiser"


def save_checkpoint(
    path: Path,
    step: int,
    modules: Mapping[str, nn.Module],
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
    tensors = tensors_of(modules, optimiser)
    header = {"step": str(step), "fingerprint": fingerprint, "core_seconds": str(core_seconds)}
    write_tensors(path, tensors, header)
    forget_shards(path, before=step + 1)


def load_checkpoint(
    path: Path, modules: Mapping[str, nn.Module], optimiser: optim.Optimizer, fingerprint: str
) -> tuple[int, float]:
    """Put the newest checkpoint's weights and optimiser state in place; returns the steps done and what they cost.

    Raises:
        BadRunFolder: it is broken, or belongs to another configuration.
    """
    with Stored.newest(path) as stored:
        if stored.fingerprint != fingerprint:
            raise BadRunFolder(
                f"{path} belongs to a run of another configuration or other data; resume with its own, or choose another "
                "run folder."
            )
        try:
            for name, module in modules.items():
                like = module.state_dict()
                module.load_state_dict({key: stored.like(f"{name}.{key}", like.get(key)) for key in stored.below(name)})
            state = _optimiser_state(stored, optimiser)
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
            return stored.step, stored.core_seconds
        except (RuntimeError, KeyError, ValueError, IndexError) as error:
            raise BadRunFolder(f"{path} does not fit this model ({str(error).splitlines()[0]}).") from error


def tensors_of(modules: Mapping[str, nn.Module], optimiser: optim.Optimizer) -> dict[str, Tensor]:
    """All that is kept, by name; the optimiser's by the number of the parameter they belong to."""
    tensors = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"{OPTIMISER}.{index}.{key}": value for key, value in state.items()}
    return tensors


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write a safetensors file aside, bring it to the disk and rename it.

    Raises:
        StorageError: the disk refused; what lay there before still does.
    """
    aside = path.with_name(f".{path.name}.writing")
    try:
        content = save({name: value.contiguous() for name, value in tensors.items()}, dict(header))
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, SafetensorError) as error:
        aside.unlink(missing_ok=True)
        raise StorageError(f"cannot write the checkpoint {path}: {error}; free some space and resume.") from error


def fingerprint_of(config: dict[str, object]) -> str:
    """A configuration as canonical text."""
    return json.dumps(config, sort_keys=True)


def _optimiser_state(stored: Stored, optimiser: optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name in stored.below(OPTIMISER):
        index, _, key = name.partition(".")
        full = f"{OPTIMISER}.{name}"
        # Averages of gradients are cut as the parameter is; a count of steps is one number.
        like = parameters[int(index)] if stored.shape(full) else None
        state.setdefault(int(index), {})[key] = stored.like(full, like)
    return state

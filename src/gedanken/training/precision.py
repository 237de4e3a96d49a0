"""Which number type trains faster on this chip: asked by timing, since bf16 wins by 5× with AMX and loses by 12× without."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Literal

import torch

from gedanken.chip import multiplies_bfloat16
from gedanken.errors import BadInput

Dtype = Literal["auto", "float32", "bfloat16"]
DTYPES: tuple[Dtype, ...] = ("float32", "bfloat16")
_ROUNDS = 5


def autocast(device: torch.device, dtype: Dtype) -> torch.autocast:
    """The context in which a step of this type runs; norms and losses stay in float32 inside."""
    if dtype not in DTYPES:
        raise BadInput(
            f"dtype={dtype!r} is not decided; give 'float32' or 'bfloat16', or measure with `fastest_dtype`."
        )
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == "bfloat16")


def fastest_dtype(step: Callable[[], object], device: torch.device) -> Dtype:
    """The type in which `step` (forward and backward, nothing updated) takes least time; float32 on a tie.

    A CPU without matrix instructions for bfloat16 is not asked. Both are timed in turns, and the best of each is held against
    the other's, so that another program on the machine costs time and not the right answer.
    """
    if device.type == "cpu" and not multiplies_bfloat16():
        return "float32"
    for dtype in DTYPES:
        _timed(step, device, dtype)  # allocates, and would count against whichever comes first
    rounds = [{dtype: _timed(step, device, dtype) for dtype in DTYPES} for _ in range(_ROUNDS)]
    least = {dtype: min(times[dtype] for times in rounds) for dtype in DTYPES}
    return "bfloat16" if least["bfloat16"] < 0.95 * least["float32"] else "float32"


def _timed(step: Callable[[], object], device: torch.device, dtype: Dtype) -> float:
    """Seconds of one step: of this process's threads on a CPU, by the clock where a CPU only waits."""
    clock = process_time if device.type == "cpu" else perf_counter
    begin = clock()
    with autocast(device, dtype):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return clock() - begin

"""What this chip can do at best: matrix products and copied bytes a core-second, the floor that every speed is held to.

Rates are of one core's time (all threads' time together), so that another program on the machine changes them little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

Dtype = Literal["float32", "bfloat16"]

SHAPES: dict[str, tuple[int, int, int]] = {
    "residual MLP": (256, 512, 512),
    "transformer up": (900, 192, 2048),
    "transformer down": (900, 2048, 192),
    "square": (1024, 1024, 1024),
}
"""Rows (256 candidates, 900 tokens), inner and outer width of the products that predictors are made of, and a yardstick."""

COPIED = 1 << 26
"""Bytes of the copy: more than any cache holds."""

_SECONDS, _REPEATS = 0.1, 3


@dataclass(frozen=True)
class MatrixRate:
    """Floating-point operations a core-second of `[rows, inner] @ [inner, outer]`; a product counts 2·rows·inner·outer."""

    name: str
    shape: tuple[int, int, int]
    dtype: Dtype
    flops: float


@dataclass(frozen=True)
class Chip:
    """What was measured: matrix rates, and bytes a core-second of a copy, read and written ones together."""

    capability: str
    threads: int
    matrix: tuple[MatrixRate, ...]
    copied: float


def measure(seconds: float = _SECONDS) -> Chip:
    """Measure this chip, in about `3·seconds` for each of nine figures; the best of three is told, as a floor asks for."""
    rates = tuple(
        MatrixRate(name, shape, dtype, matrix_rate(*shape, dtype, seconds))
        for name, shape in SHAPES.items()
        for dtype in ("float32", "bfloat16")
    )
    return Chip(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), rates, bandwidth(seconds))


def matrix_rate(rows: int, inner: int, outer: int, dtype: Dtype, seconds: float = _SECONDS) -> float:
    """Operations a core-second of one product of these sizes, all of it warm."""
    kind = getattr(torch, dtype)
    left, right = torch.randn(rows, inner).to(kind), torch.randn(outer, inner).to(kind)
    with torch.inference_mode():
        return 2 * rows * inner * outer * _a_second(lambda: torch.nn.functional.linear(left, right), seconds)


def bandwidth(seconds: float = _SECONDS) -> float:
    """Bytes a core-second that a copy reads and writes, taken together."""
    source, room = torch.zeros(COPIED, dtype=torch.uint8), torch.empty(COPIED, dtype=torch.uint8)
    return 2 * COPIED * _a_second(lambda: room.copy_(source), seconds)


def multiplies_bfloat16() -> bool:
    """Whether an x86 chip has AMX's or AVX-512's bfloat16 products; where torch does not tell, the timing is to say."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # which an older torch has not
    has = ask() if ask else {}
    return has.get("architecture") != "x86_64" or bool(has["amx_bf16"] or has["avx512_bf16"])


def _a_second(work: Callable[[], object], seconds: float) -> float:
    """How often a core-second does `work`: the best of three stretches."""
    work()
    return max(_stretch(work, seconds) for _ in range(_REPEATS))


def _stretch(work: Callable[[], object], seconds: float) -> float:
    done, began = 0, time.process_time()
    while True:
        work()
        done += 1
        spent = time.process_time() - began
        if spent >= seconds:
            return done / spent

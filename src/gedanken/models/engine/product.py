"""A linear layer of fixed weights, cast once, and packed once where that is faster on this chip.

Packing is done by operators of oneDNN that PyTorch keeps for its own compiler; where they are missing or refuse, and where
they are timed to gain nothing, it is the public `addmm`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

_ROWS, _INNER, _OUTER = 512, 192, 1024
_TIMED, _WORTHWHILE = 5, 0.9


class Product:
    """rows `[rows, inner]` → rows @ weightᵀ + bias, `[rows, outer]` in `dtype`; with `gelu`, its exact GELU.

    Args:
        weight: `[outer, inner]`, float32 or float64.
        bias: `[outer]`.
        dtype: of weights, inputs and outputs; sums are kept in float32 inside.
        gelu: whether GELU follows.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, gelu: bool = False) -> None:
        self.weight = weight.to(dtype).contiguous()
        self.bias = bias.to(dtype).contiguous()
        self.turned = self.weight.t()
        self.gelu = gelu
        self.packed = _packed(self.weight) if packing_pays(dtype) else None

    def __call__(self, rows: Tensor) -> Tensor:
        """The product of rows `[rows, inner]`."""
        if self.packed is not None:
            return _packed_product(rows, self.packed, self.bias, self.gelu)
        made = torch.addmm(self.bias, rows, self.turned)
        return torch.ops.aten.gelu_(made) if self.gelu else made


@cache
def packing_pays(dtype: torch.dtype) -> bool:
    """Whether packed weights make a product at least a tenth faster here; timed once in a process."""
    with torch.inference_mode(False), torch.no_grad():
        weight, bias = torch.ones(_OUTER, _INNER, dtype=dtype), torch.ones(_OUTER, dtype=dtype)
        rows, packed = torch.ones(_ROWS, _INNER, dtype=dtype), _packed(weight)
        if packed is None:
            return False
        turned = weight.t()

        def plain() -> Tensor:
            return torch.ops.aten.gelu_(torch.addmm(bias, rows, turned))

        def private() -> Tensor:
            return _packed_product(rows, packed, bias, True)

        try:
            # In turns, and the best of each, so that another program on the machine decides nothing.
            times = [(_timed(plain), _timed(private)) for _ in range(_TIMED)]
        except (RuntimeError, NotImplementedError):
            return False
    return min(fast for _, fast in times) < _WORTHWHILE * min(slow for slow, _ in times)


def _packed(weight: Tensor) -> Tensor | None:
    """Weights in the order oneDNN wants them, or None where the private operator is missing or refuses."""
    try:
        # Inference mode has no such operator.
        with torch.inference_mode(False), torch.no_grad():
            return torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    except (AttributeError, RuntimeError, NotImplementedError):
        return None


def _packed_product(rows: Tensor, packed: Tensor, bias: Tensor, gelu: bool) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "gelu" if gelu else "none", [], "none")


def _timed(work: Callable[[], Tensor]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began

"""Which predictors have an engine, and that an engine is never older than its predictor's weights.

An engine holds a copy of the weights. Before each rollout the copy is compared with what it was made from: where each tensor
lies and how often it was written, and a sum over all its bits, since a write through `.data` is not counted anywhere. Reading
LeWM's takes 5 ms, of the second that a rollout of 300 candidates takes on a chip without bfloat16 products.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from gedanken.batch_norm import BatchNorm
from gedanken.chip import multiplies_bfloat16
from gedanken.models.engine.precision import Engine, bfloat16_pays, rounding
from gedanken.models.engine.window import WindowEngine
from gedanken.models.window_transformer import WindowTransformer

RolloutType = Literal["auto", "float32", "bfloat16"]
"""Of an engine's products; `auto` takes bfloat16 where it is faster on this chip and rounds little, see `precision.py`."""

_ENGINES: dict[type, Callable[..., Engine]] = {WindowTransformer: WindowEngine}
_PLAIN = {nn.Linear, nn.LayerNorm, nn.SiLU, nn.GELU, nn.Dropout, nn.Identity, nn.Sequential, nn.ModuleList, BatchNorm}
"""Layers that do what their type says; one that was put in their place may do anything."""

_made: WeakKeyDictionary[nn.Module, tuple[object, dict[str, Engine]]] = WeakKeyDictionary()
_making = Lock()


def engine_of(predictor: object, latents: Tensor, dtype: RolloutType = "auto") -> Engine | None:
    """The predictor's engine for rollouts from these latents, made anew where weights have changed since.

    Returns:
        None where there is none, or where it would not do what the predictor does: gradients are wanted, dropout is on,
        another type or device than float32 on a CPU, autocast, several patches a frame, a hook, or a layer of another kind.
    """
    make = _ENGINES.get(type(predictor))
    if make is None or not isinstance(predictor, nn.Module) or torch.is_grad_enabled():
        return None
    if latents.shape[2] != 1 or not _usual(latents) or torch.is_autocast_enabled("cpu"):
        return None
    tensors = [*predictor.parameters(), *predictor.buffers()]
    if not all(_usual(tensor) for tensor in tensors if tensor.is_floating_point()) or not _as_it_was_made(predictor):
        return None
    found, seal = _made.get(predictor), _seal(tensors)
    if found is None or found[0] != seal:
        _made[predictor] = found = (seal, {})
    if dtype not in found[1]:
        with _making:
            found[1][dtype] = _of_type(make, predictor, dtype)
    return found[1][dtype]


@torch.no_grad()
def rounding_of(predictor: object) -> float | None:
    """What bfloat16 would round, see `precision.rounding`; None where the predictor has no engine or is not as it was made."""
    make = _ENGINES.get(type(predictor))
    if make is None or not isinstance(predictor, nn.Module) or not _as_it_was_made(predictor):
        return None
    if not all(_usual(tensor) for tensor in predictor.parameters()):
        return None
    return rounding(make(predictor, torch.float32), make(predictor, torch.bfloat16))


def _of_type(make: Callable[..., Engine], predictor: nn.Module, dtype: RolloutType) -> Engine:
    if dtype == "bfloat16":
        return make(predictor, torch.bfloat16)
    exact = make(predictor, torch.float32)
    if dtype == "auto" and multiplies_bfloat16() and bfloat16_pays(exact, rounded := make(predictor, torch.bfloat16)):
        return rounded
    return exact


def _usual(tensor: Tensor) -> bool:
    kind = type(tensor) in (Tensor, nn.Parameter) and tensor.device.type == "cpu" and tensor.dtype == torch.float32
    return kind and tensor.layout == torch.strided


def _as_it_was_made(predictor: nn.Module) -> bool:
    own = type(predictor).__module__
    return not any(
        module.training
        or module._forward_hooks
        or module._forward_pre_hooks
        or not (type(module) in _PLAIN or type(module).__module__ == own)
        for module in predictor.modules()
    )


def _seal(tensors: list[Tensor]) -> tuple[object, ...]:
    return tuple((tensor.data_ptr(), _writes(tensor), tensor.shape, _bits(tensor)) for tensor in tensors)


def _writes(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _bits(tensor: Tensor) -> int:
    """The sum of a tensor's bits, as integers that wrap round."""
    if not tensor.is_contiguous():
        tensor = tensor.contiguous()
    flat = tensor.detach().view(-1)
    whole = flat.numel() * flat.element_size() % 8 == 0
    return int(flat.view(torch.int64 if whole else torch.int32 if flat.element_size() % 4 == 0 else torch.uint8).sum())

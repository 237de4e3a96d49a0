"""Which predictors have an engine, and that an engine is never older than its predictor's weights.

An engine holds a copy of the weights. Before each rollout the copy is compared with what it was made from: where each tensor
lies and how often it was written, and a sum over all its bits, since a write through `.data` is not counted anywhere. Reading
LeWM's takes 5 ms, of the second that a rollout of 300 candidates takes on a chip without bfloat16 products.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from gedanken.batch_norm import BatchNorm
from gedanken.chip import multiplies_bfloat16
from gedanken.models.engine.precision import Engine, bfloat16_pays, rounding
from gedanken.models.engine.residual import ResidualEngine
from gedanken.models.engine.window import WindowEngine
from gedanken.models.residual_mlp import ResidualMLP
from gedanken.models.window_transformer import WindowTransformer

RolloutType = Literal["auto", "float32", "bfloat16"]
"""Of an engine's products; `auto` takes bfloat16 where it is faster on this chip and rounds little, see `precision.py`."""


class _Kind(NamedTuple):
    """How a predictor's engine is made.

    Args:
        make: from a predictor, and a type of products where it is `rounded`.
        rounded: whether it offers bfloat16, which gains nothing where products are small.
        least: predictions in a rollout, below which looking at the weights takes longer than an engine saves.
    """

    make: Callable[..., Engine]
    rounded: bool
    least: int


_ENGINES: dict[type, _Kind] = {
    ResidualMLP: _Kind(ResidualEngine, rounded=False, least=64),
    WindowTransformer: _Kind(WindowEngine, rounded=True, least=1),
}
_PLAIN = {nn.Linear, nn.LayerNorm, nn.SiLU, nn.GELU, nn.Dropout, nn.Identity, nn.Sequential, nn.ModuleList, BatchNorm}
"""Layers that do what their type says; one that was put in their place may do anything."""

_made: WeakKeyDictionary[nn.Module, tuple[object, dict[str, Engine]]] = WeakKeyDictionary()
_making = Lock()


def engine_of(
    predictor: object, latents: Tensor, dtype: RolloutType = "auto", predictions: int = 1_000_000
) -> Engine | None:
    """The predictor's engine for rollouts of so many predictions from these latents, made anew where weights have changed since.

    Returns:
        None where there is none, or it would gain nothing, or would not do what the predictor does: gradients are wanted,
        dropout is on, another type or device than float32 on a CPU, autocast, several patches a frame, a hook, or a layer of
        another kind.
    """
    kind = _ENGINES.get(type(predictor))
    if kind is None or not isinstance(predictor, nn.Module) or torch.is_grad_enabled() or predictions < kind.least:
        return None
    if latents.shape[2] != 1 or not _usual(latents) or torch.is_autocast_enabled("cpu"):
        return None
    tensors = _tensors(predictor)
    if not all(_usual(tensor) for tensor in tensors if tensor.is_floating_point()) or not _as_it_was_made(predictor):
        return None
    found, seal = _made.get(predictor), _seal(tensors)
    if found is None or found[0] != seal:
        _made[predictor] = found = (seal, {})
    if dtype not in found[1]:
        with _making:
            found[1][dtype] = _of_type(kind, predictor, dtype)
    return found[1][dtype]


@torch.no_grad()
def rounding_of(predictor: object) -> float | None:
    """What bfloat16 would round, see `precision.rounding`; None where no engine offers it, or the predictor was changed."""
    kind = _ENGINES.get(type(predictor))
    if kind is None or not kind.rounded or not isinstance(predictor, nn.Module) or not _as_it_was_made(predictor):
        return None
    if not all(_usual(tensor) for tensor in predictor.parameters()):
        return None
    return rounding(kind.make(predictor, torch.float32), kind.make(predictor, torch.bfloat16))


def _of_type(kind: _Kind, predictor: nn.Module, dtype: RolloutType) -> Engine:
    if not kind.rounded:
        return kind.make(predictor)
    if dtype == "bfloat16":
        return kind.make(predictor, torch.bfloat16)
    exact = kind.make(predictor, torch.float32)
    if dtype == "auto" and multiplies_bfloat16():
        rounded = kind.make(predictor, torch.bfloat16)
        return rounded if bfloat16_pays(exact, rounded) else exact
    return exact


def _tensors(predictor: nn.Module) -> list[Tensor]:
    """Parameters and buffers, in a third of the time that PyTorch takes to name them as well."""
    parts = (part for module in predictor.modules() for part in (module._parameters, module._buffers))
    return [tensor for part in parts for tensor in part.values() if tensor is not None]


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

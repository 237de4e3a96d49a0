"""FSDP2: each process keeps a part of every weight, gradient and optimiser state, and gathers a layer when it needs it.

What a process holds then shrinks with the number of processes (ZeRO, arXiv:1910.02054), at the price of sending weights as
well as gradients. Blocks of an encoder's transformer are gathered one at a time; a predictor's, which are asked once for each
step ahead, stay gathered until the step is done, as does everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from gedanken.collectives import processes
from gedanken.training.whole import Whole


def sharded(whole: Whole) -> Whole:
    """A copy of `whole` of which each process holds its part; `whole` itself waits without memory until `gathered`."""
    device = next(whole.parameters()).device
    mesh = init_device_mesh(device.type, (processes(),))
    parts = deepcopy(whole)
    whole.to("meta")
    again = {id(block) for block in _blocks(getattr(parts.model, "predictor", nn.Identity()))}
    for block in _blocks(parts):
        # A predictor is asked once for each step ahead: gathered each time anew, it would send the same weights many times.
        part = fully_shard(block, mesh=mesh, reshard_after_forward=id(block) not in again)
        part.set_reshard_after_backward(id(block) not in again)
    fully_shard(parts, mesh=mesh)
    register_fsdp_forward_method(parts, "health")
    return parts


@torch.no_grad()
def gathered(parts: Whole, whole: Whole) -> None:
    """Give `whole` the weights of all processes' parts; every process must come here."""
    device = next(parts.parameters()).device
    whole.to_empty(device=device)
    mine = {**dict(whole.named_parameters()), **dict(whole.named_buffers())}
    for name, value in (*parts.named_parameters(), *parts.named_buffers()):
        mine[name].copy_(as_whole(value))


def as_whole(value: Tensor) -> Tensor:
    """A tensor that is kept in parts as one; every process must come here."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def rows_here(value: DTensor) -> tuple[int, Tensor]:
    """The first row of `value` that this process holds, and its rows; FSDP2 cuts the first axis as `torch.chunk` does."""
    own, mesh = value.to_local(), value.device_mesh
    each = -(-value.shape[0] // mesh.size())
    return min(mesh.get_local_rank() * each, value.shape[0]), own


def part_like(value: DTensor, rows: Tensor) -> DTensor:
    """`rows` as this process's part of a tensor that is cut as `value` is."""
    return DTensor.from_local(
        rows.to(value.device), value.device_mesh, value.placements, shape=value.shape, stride=value.stride()
    )


def _blocks(whole: nn.Module) -> Iterator[nn.Module]:
    """Repeated parts with parts of their own, such as the layers of a transformer; the innermost first."""
    repeated = [each for each in whole.modules() if isinstance(each, nn.ModuleList | nn.Sequential)]
    for sequence in reversed(repeated):
        yield from (block for block in sequence if any(True for _ in block.children()))

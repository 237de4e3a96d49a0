"""Numbers that are of the whole batch, when several processes hold a part of it each.

Every process minimises a loss of its own, and the run minimises their mean: that is what DistributedDataParallel and FSDP
make of gradients. A mean over samples may then stay local. What is not a mean over samples (a covariance, the statistics of
a BatchNorm) is formed from sums over all processes, and gradients flow back through these sums: the gradient of a sum over
processes is the sum over processes of the gradients. One process alone pays for none of this.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as torch_distributed
from torch import Tensor
from torch.autograd.function import once_differentiable


def processes() -> int:
    """How many processes train together; 1 where there is no process group."""
    together = torch_distributed.is_available() and torch_distributed.is_initialized()
    return torch_distributed.get_world_size() if together else 1


def rank() -> int:
    """This process's number, from 0; the first one writes, prints and evaluates."""
    return torch_distributed.get_rank() if processes() > 1 else 0


def batch_sum(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, the same on each and in float32; differentiable once."""
    return values if processes() == 1 else _Sum.apply(values.float())


def batch_mean(values: Tensor) -> Tensor:
    """The mean of `values` over all processes, the same on each; differentiable once."""
    return values if processes() == 1 else batch_sum(values) / processes()


def from_first(text: str) -> str:
    """What the first process says, on every process. As bytes: torch's own way to send objects pickles them."""
    if processes() == 1:
        return text
    said = text.encode()
    length = torch.tensor([len(said)])
    torch_distributed.broadcast(length, src=0)
    content = torch.zeros(int(length), dtype=torch.uint8)
    if rank() == 0:
        content = torch.frombuffer(bytearray(said), dtype=torch.uint8) if said else content
    torch_distributed.broadcast(content, src=0)
    return content.numpy().tobytes().decode()


def first_says(yes: bool) -> bool:
    """What the first process decided, on every process."""
    return bool(from_first("yes" if yes else ""))


def wait() -> None:
    """Return once every process has come here."""
    if processes() > 1:
        # Not `barrier`, which on a GPU machine would guess a device.
        torch_distributed.all_reduce(torch.zeros(1))


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.detach().clone(memory_format=torch.contiguous_format)
        torch_distributed.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        total = upstream[0].clone(memory_format=torch.contiguous_format)
        torch_distributed.all_reduce(total)
        return total

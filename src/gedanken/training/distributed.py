"""Several processes train one model: each reads its part of the same batch, and gradients are averaged over all of them.

`torchrun` starts the processes and tells each its number in the environment; `joined` makes them one run. Losses that look at
the batch see all of it (`gedanken.collectives`), so that 2 processes with 32 windows each take the step that one would take
with 64. The first process writes, prints and evaluates. One that ends ends the others, and the first to notice says so.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from inspect import signature
from time import monotonic, sleep
from types import FrameType
from typing import Any, Protocol, runtime_checkable

import torch
import torch.distributed as torch_distributed
from torch import Generator, Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from gedanken.collectives import processes, rank
from gedanken.errors import BadInput, GedankenError, TrainingStopped
from gedanken.types import Windows

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others; the first may meanwhile bring recordings into our own format."""
_LINGER = 2.0
_LOST = ("gloo", "nccl", "connection closed", "connection reset", "store")
"""What errors of a process group speak of."""


@runtime_checkable
class Sampler(Protocol):
    """A source of windows, such as `gedanken.data.WindowSampler`."""

    def sample(self, count: int, generator: Generator) -> Windows: ...


@runtime_checkable
class Numbered(Protocol):
    """A source of windows that can read some of those it draws; `sample` takes what `draw` gives."""

    def draw(self, count: int, generator: Generator) -> Tensor: ...

    def take(self, indices: Tensor) -> Windows: ...


@contextmanager
def joined() -> Iterator[int]:
    """Within, this process trains with the others that its launcher started; the value is its number.

    Where no launcher said otherwise (`WORLD_SIZE` is not set, or 1) nothing happens, and the number is 0.

    Raises:
        TrainingStopped: another process ended, or did not answer for half an hour; or this one was asked to end.
        BadInput: the launcher's words are not what they should be.
        SystemExit: as above, with code 2, where another process has said why already.
    """
    if _asked("WORLD_SIZE", 1) == 1 or processes() > 1:
        yield rank()
        return
    store = _meet()
    before = _ended_in_words() if threading.current_thread() is threading.main_thread() else None
    try:
        with warnings.catch_warnings():
            # Gradients of a channels-last convolution are copied into the buffer that is sent; nothing to be done about.
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            yield rank()
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in _LOST) and not isinstance(error, torch_distributed.DistError):
            raise
        _leave_quietly_after(store)
        raise TrainingStopped(
            f"process {rank()} of {processes()} stops because another one ended or no longer answers; mend what that one "
            "says, and give the same command again to go on from the last checkpoint."
        ) from error
    except GedankenError:
        _leave_quietly_after(store)
        raise
    else:
        torch_distributed.destroy_process_group()
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def own_part(sampler: Sampler, count: int, generator: Generator) -> Windows:
    """This process's rows of a batch of `count` windows, the batch that one process alone would draw.

    Every process draws the numbers of the whole batch, so that their generators stay alike; each reads its own part.
    """
    if processes() == 1:
        return sampler.sample(count, generator)
    each = count // processes()
    own = slice(rank() * each, (rank() + 1) * each)
    if isinstance(sampler, Numbered):
        return sampler.take(sampler.draw(count, generator)[own])
    whole = sampler.sample(count, generator)
    return Windows({name: values[own] for name, values in whole.observations.items()}, whole.actions[own])


def check_batch(batch: int) -> None:
    """Raise `BadInput` where a batch cannot be divided, since a mean of parts is the whole's only if they are alike."""
    if batch % processes() or batch // processes() < 2:
        raise BadInput(
            f"batch={batch} cannot be divided over {processes()} processes, at least 2 windows each; the batch is of all of "
            f"them together, so choose a multiple of {processes()}."
        )


def averaged(whole: nn.Module) -> nn.Module:
    """`whole` with its gradients averaged over all processes while they are computed; itself where there is one."""
    if processes() == 1:
        return whole
    # Buffers are equal without being sent, since statistics are of the whole batch; newer torch has another word for it.
    words = signature(DistributedDataParallel).parameters
    unsent: dict[str, Any] = {"forward_sync_buffers" if "forward_sync_buffers" in words else "broadcast_buffers": False}
    # What is used is the same at each step, but not always everything: a loss with weight 0 leaves its head alone.
    return DistributedDataParallel(whole, static_graph=True, **unsent)


def _meet() -> Store:
    """Form the process group; returns the store through which its processes can leave notes."""
    number, count, local = _asked("RANK"), _asked("WORLD_SIZE"), _asked("LOCAL_RANK", 0)
    _asked("MASTER_PORT")
    on_gpus = torch.cuda.is_available() and torch_distributed.is_nccl_available()
    if on_gpus:
        if local >= torch.cuda.device_count():
            raise BadInput(
                f"process {number} would use GPU {local}, and this machine has {torch.cuda.device_count()}; start as many "
                "processes a machine as it has GPUs."
            )
        torch.cuda.set_device(local)
    try:
        store = next(rendezvous("env://", timeout=PATIENCE))[0]
        torch_distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpus else "gloo", store=store, rank=number, world_size=count, timeout=PATIENCE
        )
    except (RuntimeError, ValueError) as error:
        raise TrainingStopped(
            f"process {number} of {count} did not meet the others: {str(error).splitlines()[0][:200]}; see that "
            f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')} can be reached from each machine."
        ) from error
    return PrefixStore("gedanken", store)


def _asked(name: str, usual: int | None = None) -> int:
    said = os.environ.get(name)
    if said is None and usual is not None:
        return usual
    if said is None or not said.isdecimal():
        raise BadInput(f"{name} is {said!r} in the environment; start with torchrun, which sets it to a number.")
    return int(said)


def _leave_quietly_after(store: Store) -> None:
    """End this process without a word where another one has said its sentence: one is enough, and the first knows why."""
    first = True
    with suppress(RuntimeError):  # the store may be gone with the process that kept it
        first = store.add("ended", 1) == 1
        if rank() == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
            _keep_the_store(store)
    if not first:
        raise SystemExit(2) from None


def _keep_the_store(store: Store) -> None:
    """Stay for a moment, since without torchrun the notes lie in the first process, and the others come to read them."""
    latest = monotonic() + _LINGER
    while store.add("ended", 0) < processes() and monotonic() < latest:
        sleep(0.02)


def _ended_in_words() -> Any:
    """Make SIGTERM, by which torchrun ends what is left of a run, one of our errors; returns what was there before."""

    def ended(number: int, frame: FrameType | None) -> None:
        raise TrainingStopped(
            f"process {rank()} of {processes()} was asked to end, as happens to all when one of them does; give the same "
            "command again to go on from the last checkpoint."
        )

    return signal.signal(signal.SIGTERM, ended)

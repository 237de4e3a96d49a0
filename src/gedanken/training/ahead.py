"""The next step's windows are decoded while this step is computed, where there is a core to spare.

What is read is the same, in the same order, since a step's draws follow from its number alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Read = TypeVar("Read")


class Ahead(Generic[Read]):
    """Calls `read(step)`, and begins with `read(step + 1)` in a thread of its own before it returns.

    A failure of `read` is raised by the call for its step, not before.

    Args:
        read: of one step; called by one thread at a time.
        steps: how many there are; nothing is read beyond the last.
    """

    def __init__(self, read: Callable[[int], Read], steps: int) -> None:
        self._read, self._steps = read, steps
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="windows-ahead")
        self._next: tuple[int, Future[Read]] | None = None

    def __call__(self, step: int) -> Read:
        pending, self._next = self._next, None
        found = pending[1].result() if pending is not None and pending[0] == step else self._read(step)
        if step + 1 < self._steps:
            self._next = step + 1, self._thread.submit(self._read, step + 1)
        else:
            self._thread.shutdown(wait=False)
        return found


def ahead_where_it_pays(read: Callable[[int], Read], steps: int, sampler: object) -> Callable[[int], Read]:
    """`read`, ahead of its step where `sampler` says that it decodes and this process may use a second core."""
    return Ahead(read, steps) if getattr(sampler, "decodes", False) and _cores() > 1 else read


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Long work: begun by one request, looked at by others, ended by anyone; one at a time, in a thread beside the engine's."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from gedanken.errors import BadInput, GedankenError, Refused

_log = logging.getLogger(__name__)

Tell = Callable[[float], None]
"""Told the share done; ends the work where it was cancelled."""


class Cancelled(Exception):
    """Nobody wants it any more."""


@dataclass
class Job:
    """One piece of long work."""

    id: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"] = "waiting"
    progress: float = 0.0
    result: Any = None
    error: str = ""
    unwanted: threading.Event = field(default_factory=threading.Event)

    def as_dict(self) -> dict[str, Any]:
        """As it is told."""
        told: dict[str, Any] = {"id": self.id, "state": self.state, "progress": round(self.progress, 4)}
        return (
            told
            | ({"result": self.result} if self.state == "done" else {})
            | ({"error": self.error} if self.error else {})
        )


class Jobs:
    """Waiting, running and finished jobs.

    Args:
        waiting: most jobs not finished; more are refused.
        kept: most jobs remembered; the oldest finished ones are forgotten first.
    """

    def __init__(self, waiting: int = 8, kept: int = 64) -> None:
        self._waiting, self._kept = waiting, kept
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="gedanken-job")

    def begin(self, work: Callable[[Tell], Any]) -> Job:
        """Queue some work.

        Raises:
            Refused: too much waits already.
        """
        if sum(job.state in ("waiting", "running") for job in self._jobs.values()) >= self._waiting:
            raise Refused(f"{self._waiting} jobs wait already; ask again when one is done, or DELETE one.")
        job = Job(secrets.token_hex(8))
        self._jobs[job.id] = job
        for old in [each.id for each in self._jobs.values() if each.state not in ("waiting", "running")]:
            if len(self._jobs) > self._kept:
                del self._jobs[old]
        self._pool.submit(self._run, job, work)
        return job

    def __getitem__(self, name: str) -> Job:
        if name not in self._jobs:
            raise BadInput(f"no job {name[:40]!r}; it may have been forgotten, as only {self._kept} are kept.")
        return self._jobs[name]

    def cancel(self, name: str) -> Job:
        """Nobody wants this job any more; it ends at its next sign of progress."""
        job = self[name]
        job.unwanted.set()
        return job

    def close(self) -> None:
        """End all."""
        for job in self._jobs.values():
            job.unwanted.set()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, job: Job, work: Callable[[Tell], Any]) -> None:
        torch.set_num_threads(1)

        def tell(share: float) -> None:
            job.progress = share
            if job.unwanted.is_set():
                raise Cancelled

        try:
            tell(0.0)
            job.state = "running"
            job.result = work(tell)
            job.progress, job.state = 1.0, "done"
        except Cancelled:
            job.state = "cancelled"
        except GedankenError as error:
            job.error, job.state = str(error), "failed"
        except Exception:
            _log.exception("a job failed")
            job.error, job.state = "the server failed at this job, which is our mistake; its log says where.", "failed"

"""`gedanken submit`: give a command to Slurm, one process a GPU, and let it go on by itself after a time limit.

submitit hands a job over by a pickle in the job's folder, which the job reads back: whoever can write there can run code as
you. That is so of every user of submitit; gedanken itself reads nothing of it, neither what a job returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from collections.abc import Callable


def submit(
    words: tyro.conf.Positional[tuple[str, ...]],
    /,
    nodes: int = 1,
    processes: int = 1,
    gpus: int = 0,
    cpus: int = 4,
    hours: float = 24.0,
    partition: str = "",
    account: str = "",
    jobs: Path = Path("runs/jobs"),
    cluster: Annotated[Literal["slurm", "local"], tyro.conf.arg(metavar="slurm|local")] = "slurm",
    wait: bool = False,
) -> None:
    """Run a gedanken command as a job of a cluster, in as many processes as asked for.

    Example: gedanken submit --nodes 2 --processes 8 --gpus 8 -- train recordings --run runs/mine --shard

    A training that meets its time limit or is preempted is put into the queue again and goes on from its last checkpoint.
    Recordings, runs and jobs must lie where every node finds them.

    Args:
        words: the command, after --, without `gedanken`.
        nodes: machines.
        processes: on each machine; one a GPU is usual.
        gpus: on each machine.
        cpus: of each process, which read windows.
        hours: after which Slurm ends it.
        partition: of the cluster; its default if not given.
        account: that pays; your default if not given.
        jobs: folder for what the jobs say.
        cluster: slurm, or local to try the same on this machine.
        wait: until it ends, with its exit code.
    """
    import sys

    from gedanken.cli.console import console
    from gedanken.errors import BadInput

    if not words:
        raise BadInput("there is no command to submit; write it after --, as in: gedanken submit -- train recordings.")
    if min(nodes, processes, cpus) < 1 or gpus < 0 or not hours > 0:
        raise BadInput(
            f"nodes={nodes}, processes={processes}, cpus={cpus} and hours={hours} must be above 0, gpus={gpus} not below."
        )
    asked: dict[str, Any] = {"nodes": nodes, "tasks_per_node": processes, "gpus_per_node": gpus, "cpus_per_task": cpus}
    asked |= {"timeout_min": max(1, round(60 * hours)), "name": "gedanken"}
    if cluster == "slurm":
        asked |= {
            f"slurm_{name}": value for name, value in {"partition": partition, "account": account}.items() if value
        }
    job = _submitted(Job(tuple(words)), jobs, cluster, asked)
    console.print(
        f"job [bold]{job.job_id}[/bold]: what it says stands in {jobs / str(job.job_id)}_0_log.out and .err",
        soft_wrap=True,
    )
    if wait:
        failed = _waited(job, nodes * processes)
        console.print("the job failed; see what it said." if failed else "done.")
        sys.exit(2 if failed else 0)


@dataclass(frozen=True)
class Job:
    """What runs in each process of a job: the same command, as torchrun would start it."""

    words: tuple[str, ...]

    def __call__(self) -> None:
        from submitit.helpers import TorchDistributedEnvironment

        from gedanken.cli.main import main

        TorchDistributedEnvironment().export(overwrite=True)
        main([*self.words])

    def checkpoint(self, *given: object) -> Any:
        """What submitit puts into the queue when time is up: the same, which finds its checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _submitted(job: Callable[[], None], jobs: Path, cluster: str, asked: dict[str, Any]) -> Any:
    import shutil

    from gedanken.errors import BadInput, MissingExtra, StorageError

    try:
        import submitit
        from submitit.core.utils import FailedJobError
    except ImportError as error:
        raise MissingExtra("jobs need the 'cluster' extra: pip install 'gedanken[cluster]'") from error
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise BadInput("there is no `sbatch` here; submit from a login node of the cluster, or try --cluster local.")
    try:
        executor = submitit.AutoExecutor(folder=jobs, cluster=cluster)
        executor.update_parameters(**asked)
        return executor.submit(job)
    except OSError as error:
        raise StorageError(f"cannot write the job into {jobs}: {error}; choose another folder with --jobs.") from error
    except (FailedJobError, NotImplementedError, ValueError, TypeError) as error:
        raise BadInput(f"the cluster refused the job: {str(error).splitlines()[0][:200]}.") from error


def _waited(job: Any, tasks: int) -> bool:
    """Whether a process failed, by their exit codes and what Slurm says: results are pickles and stay unread."""
    from time import sleep

    while not job.done(force_check=True):
        sleep(0.5)
    return any(not _ended_well(job, task) for task in range(tasks))


def _ended_well(job: Any, task: int) -> bool:
    from pathlib import Path

    log = Path(str(job.paths.stdout).replace("_0_log", f"_{task}_log"))
    return log.is_file() and "completed successfully" in log.read_text(errors="replace")

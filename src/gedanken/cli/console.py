"""What a person sees while they wait: one progress bar for each long piece of work, and tables that align."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from gedanken.evaluation.rows import Row
    from gedanken.training.loop import Progress as TrainingProgress

console = Console(highlight=False)


class Tell(Protocol):
    """Moves a bar: the share done (0 to 1), and a few words."""

    def __call__(self, share: float, words: str = "") -> None: ...


@contextmanager
def bar(what: str) -> Iterator[Tell]:
    """A bar with the time left; the value is called with the share done (0 to 1) and a few words."""
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("· left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=1.0, words="")

        def tell(share: float, words: str = "") -> None:
            progress.update(task, completed=share, words=words)

        yield tell


@contextmanager
def training_bar() -> Iterator[Callable[[TrainingProgress], None]]:
    """A bar for `train`'s watcher; what the collapse meter says stays above it, each finding once."""
    said: set[str] = set()
    with bar("training") as tell:

        def watch(progress: TrainingProgress) -> None:
            tell(
                progress.step / progress.steps, f"loss {progress.loss:.3f} · {progress.frames_per_second:,.0f} frames/s"
            )
            for warning in progress.warnings:
                if (kind := warning.split(":")[0].split("(")[0]) not in said:
                    said.add(kind)
                    console.print(f"[yellow]step {progress.step}: {warning}[/yellow]")

        yield watch


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: bool = False) -> None:
    """Print a table: the first column words, the others numbers (or words too)."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        drawn.add_column(name, justify="left" if words or index == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    console.print(drawn)


def success_table(title: str, rows: Sequence[Row]) -> None:
    """Print how often each method reached its goals."""
    columns = ("", "at step 200", "95 % interval", "at any time", "n", "core-s an episode")
    cells = [
        (
            each.name,
            f"{each.at_end.mean:.1%}",
            f"{each.at_end.low:.1%} to {each.at_end.high:.1%}",
            f"{each.ever.mean:.1%}",
            str(each.pairs),
            f"{each.core_seconds:.2f}",
        )
        for each in rows
    ]
    table(title, columns, cells)

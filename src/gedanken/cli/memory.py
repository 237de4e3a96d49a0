"""`gedanken memory`: what an agent remembers, as facts and as a map, and how to have it forget."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Union

import tyro


def info(path: tyro.conf.Positional[Path], /) -> None:
    """Say what a memory holds: how much, of when, how large, and whose latents.

    Example: gedanken memory info house.db

    Args:
        path: a memory's file; it may be in use.
    """
    from gedanken.cli.console import console, table
    from gedanken.memory import EpisodicMemory

    with EpisodicMemory.reader(path) as memory:
        told = memory.info()
    span = "nothing yet" if told.since is None else f"{_moment(told.since)} to {_moment(told.until or 0.0)}"
    facts = [
        ("moments", f"{told.moments:,}, {told.thumbnails:,} with a thumbnail"),
        ("from", f"{told.episodes:,} episodes of {told.runs:,} runs"),
        ("time", span),
        ("size", f"{told.file_bytes / 1e6:.1f} MB, thumbnails {told.picture_bytes / 1e6:.1f} MB"),
        ("cap", "none" if told.cap is None else f"{told.cap / 1e6:.1f} MB, then the oldest hundredth goes"),
        ("latents", "none yet" if told.shape is None else f"[P, D] = {told.shape}, float16"),
        ("encoder", told.fingerprint or "not said"),
        ("schema", str(told.schema)),
    ]
    table(str(path), ("what", ""), facts, words=True)
    console.print(f"next: gedanken memory show {path}")


def show(path: tyro.conf.Positional[Path], /, out: Path | None = None) -> None:
    """Draw the map of what is remembered, with thumbnails along it.

    Example: gedanken memory show house.db --out house.png

    Args:
        path: a memory's file; it may be in use.
        out: a PNG; beside the memory by default.
    """
    from gedanken.cli.console import console
    from gedanken.memory import EpisodicMemory
    from gedanken.memory.picture import picture

    target = out or path.with_name(f"{path.stem}-map.png")
    with EpisodicMemory.reader(path) as memory:
        picture(memory).save(target, "PNG")
    console.print(f"{target}: moments by the two leading principal components of their latents")


def forget(
    path: tyro.conf.Positional[Path],
    /,
    episode: str | None = None,
    run: str | None = None,
    since: str | None = None,
    until: str | None = None,
    yes: bool = False,
) -> None:
    """Erase moments that fit all that is given, to the last byte of the file.

    Example: gedanken memory forget house.db --since 2026-01-31T14:00 --until 2026-01-31T15:00

    What was copied elsewhere, or lies in backups, is not touched.

    Args:
        path: a memory's file that nobody writes to.
        episode: name of an episode.
        run: name of a run.
        since: the first moment, as 2026-01-31 or 2026-01-31T14:00 in UTC, or seconds since 1970.
        until: the first moment that stays, likewise.
        yes: do not ask.
    """
    from gedanken.cli.console import console
    from gedanken.errors import BadInput
    from gedanken.memory import EpisodicMemory

    asked = {"episode": episode, "run": run, "since": _seconds(since), "until": _seconds(until)}
    if not path.exists():
        EpisodicMemory.reader(path)  # says that it is not there; opened to write it would be made
    with EpisodicMemory.open(path) as memory:
        count = memory.count(**asked)
        if not count:
            raise BadInput(f"{path} remembers nothing that fits; see gedanken memory info {path}.")
        if (
            not yes
            and input(f"Forget {count:,} of {len(memory):,} moments in {path} for good? [y/N] ").strip().lower() != "y"
        ):
            console.print("nothing was forgotten")
            return
        gone = memory.forget(**asked)
        console.print(f"forgot {gone:,} moments with their latents, actions and thumbnails; {len(memory):,} are left")


def memory(
    what: Annotated[
        Union[  # noqa: UP007 - tyro reads the annotated alternatives
            Annotated[None, tyro.conf.subcommand(name="info", constructor=info)],
            Annotated[None, tyro.conf.subcommand(name="show", constructor=show)],
            Annotated[None, tyro.conf.subcommand(name="forget", constructor=forget)],
        ],
        tyro.conf.arg(name=""),
    ],
) -> None:
    """Look at what an agent remembers, or have it forget.

    Example: gedanken memory info house.db
    """


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _seconds(said: str | None) -> float | None:
    """Seconds since 1970 of a day, a time or a number; `BadInput` for anything else."""
    from gedanken.errors import BadInput

    if said is None:
        return None
    try:
        return float(said)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as error:
        raise BadInput(f"{said!r} is no time; write 2026-01-31, 2026-01-31T14:00, or seconds since 1970.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

"""`gedanken data`: look at recordings before anything is trained on them, bring them into another format, split them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Union

import tyro

if TYPE_CHECKING:
    from gedanken.data.check import CheckReport

_WINDOW = 16


def check(
    paths: tyro.conf.Positional[tuple[Path, ...]],
    /,
    json: bool = False,
    picture: Path | None = None,
    window: int = _WINDOW,
) -> None:
    """Say in one page what recordings hold, and what is wrong with them.

    Example: gedanken data check drives --picture drives.html

    The exit code is 0 where no error was found (warnings may be), 1 where one was, 2 where nothing could be read.

    Args:
        paths: recordings in a known format; several are splits, which should share nothing.
        json: print one JSON object instead of a page.
        picture: also write a page with a few episodes to look at.
        window: frames that an episode must have to be of use.
    """
    import json as text
    import sys

    from gedanken.data.check import check_paths

    report = check_paths(paths, window=window)
    if json:
        print(text.dumps(report.as_dict()))
    else:
        _show(report)
    if not report.readable:
        sys.exit(2)
    if picture is not None:
        _draw(paths, report, picture)
    if not report.sound:
        sys.exit(1)


def view(paths: tyro.conf.Positional[tuple[Path, ...]], /, out: Path = Path("recordings.html")) -> None:
    """Draw a few episodes as strips of frames with their actions beneath, on a page that needs nothing but itself.

    Example: gedanken data view drives --out drives.html

    Args:
        paths: recordings in a known format.
        out: the page.
    """
    import sys

    from gedanken.data.check import check_paths

    report = check_paths(paths)
    if not report.readable:
        _show(report)
        sys.exit(2)
    _draw(paths, report, out)


def convert(
    source: tyro.conf.Positional[Path],
    target: tyro.conf.Positional[Path],
    /,
    to: str = "native",
    if_exists: Literal["refuse", "append", "overwrite"] = "refuse",
    jpeg: int | None = None,
) -> None:
    """Write recordings again in another format, read them back, and say what that format does not carry.

    Example: gedanken data convert drive.hdf5 drives

    Args:
        source: recordings in a known format.
        target: where to write.
        to: name of the format to write.
        if_exists: what to do where something lies already.
        jpeg: keep pictures as JPEG of this quality, 1 to 100 (95 is usual), in a native store; all pixels by default.
    """
    from dataclasses import replace

    from rich.markup import escape

    from gedanken.cli.console import console
    from gedanken.data import JPEGConfig
    from gedanken.data.formats import NativeConfig, detect, open_episodes, write_episodes
    from gedanken.data.formats.differences import differences
    from gedanken.data.formats.registry import as_written, format_named
    from gedanken.errors import BadInput, GedankenError

    config = format_named(to).config()
    if jpeg is not None:
        if not isinstance(config, NativeConfig):
            raise BadInput(f"--jpeg compresses pictures in a native store; {to} keeps them as it does: leave it out.")
        config = replace(config, jpeg=JPEGConfig(quality=jpeg))
    episodes = open_episodes(source, as_written(detect(source)))
    write_episodes(target, episodes, config, if_exists=if_exists)
    console.print(f"{len(episodes)} episodes of {detect(source)} {source} are now {to} {target}", soft_wrap=True)
    if size := getattr(as_written(detect(source)), "size", None):
        console.print(f"pictures of {detect(source)} are read at {size[0]}×{size[1]}, averaged over area")
    try:
        back = open_episodes(target, as_written(to))
        lost = differences(episodes, back, first=len(back) - len(episodes) if if_exists == "append" else 0)
    except GedankenError as error:
        lost = {"reading": f"it is not read back without more being said: {error}"}
    for said in lost.values():
        console.print(f"[yellow]not carried by {to}[/yellow]: {escape(said)}", soft_wrap=True)


def split(
    source: tyro.conf.Positional[Path],
    target: tyro.conf.Positional[Path],
    /,
    held_out: float = 0.2,
    seed: int = 0,
    gap: int = 20,
    if_exists: Literal["refuse", "overwrite"] = "refuse",
) -> None:
    """Deal recordings into a training and a held-out store that share nothing.

    Example: gedanken data split drives drives-split --held-out 0.2

    Whole episodes are dealt; a single recording is cut into blocks of time with a gap between them. Both stores lie in
    one folder, which `gedanken data check` reads as two splits.

    Args:
        source: recordings in a known format.
        target: folder for the stores `train` and `held-out`.
        held_out: share that is held out, between 0 and 1.
        seed: of the deal.
        gap: frames left out between training and held-out blocks of a single recording.
        if_exists: what to do where something lies already.
    """
    from gedanken.cli.console import console
    from gedanken.data.check import HELD_OUT, TRAIN
    from gedanken.data.formats import NativeConfig, open_episodes, write_episodes
    from gedanken.data.formats.aside import written_aside
    from gedanken.data.split import dealt

    parts = dict(zip((TRAIN, HELD_OUT), dealt(open_episodes(source), held_out, seed, gap), strict=True))
    with written_aside(target, if_exists) as aside:
        aside.mkdir()
        for name, episodes in parts.items():
            write_episodes(aside / name, episodes, NativeConfig())
    for name, episodes in parts.items():
        frames = sum(map(len, episodes))
        console.print(f"{target / name}: {len(episodes)} episodes, {frames:,} frames", soft_wrap=True)


_VERBS = Union[  # noqa: UP007 - each verb carries its name, which `|` would not keep
    Annotated[None, tyro.conf.subcommand(name="check", constructor=check)],
    Annotated[None, tyro.conf.subcommand(name="convert", constructor=convert)],
    Annotated[None, tyro.conf.subcommand(name="split", constructor=split)],
    Annotated[None, tyro.conf.subcommand(name="view", constructor=view)],
]


def data(verb: Annotated[_VERBS, tyro.conf.arg(name="")]) -> None:
    """Look at recordings, convert and split them: check, convert, split, view.

    Example: gedanken data check drives
    """


def _draw(paths: tuple[Path, ...], report: CheckReport, out: Path) -> None:
    import sys

    from gedanken.data.check import opened
    from gedanken.evaluation.recordings import recordings_page
    from gedanken.evaluation.report import write_report

    splits, _ = opened(paths)
    print(f"picture: {write_report(out, recordings_page(splits, report))}", file=sys.stderr)


def _show(report: CheckReport) -> None:
    from rich.markup import escape

    from gedanken.cli.console import console, table
    from gedanken.evaluation.recordings import summary, understood_rows

    if report.readable:
        console.print(escape(summary(report)), soft_wrap=True)
        rows = [tuple(map(escape, row)) for row in understood_rows(report)]
        table(escape(report.source), ("", "shape", "rate", "unit", "range"), rows, words=True)
    colours = {"error": "red", "warning": "yellow", "note": "dim"}
    rows = [
        (
            f"[{colours[each.severity]}]{each.severity}[/]",
            each.name,
            f"{escape(each.said)}\n[dim]{escape(each.todo)}[/]",
        )
        for each in report.findings
    ]
    if rows:
        table("findings", ("", "name", "what, and what to do"), rows, words=True)
    else:
        console.print("[green]nothing found[/] that speaks against training on it")

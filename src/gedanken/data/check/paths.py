"""From paths to a report: each path is a split; a folder of stores, as `gedanken data split` writes it, is its splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gedanken.contracts import Episodes
from gedanken.data.check.checking import WINDOW, check_episodes
from gedanken.data.check.report import UNREADABLE, CheckReport, unreadable
from gedanken.data.check.values import MISSING
from gedanken.data.formats import detect, open_episodes
from gedanken.errors import BadEpisodeFile, BadInput, MissingValues

TRAIN, HELD_OUT = "train", "held-out"
"""What a split's folders are called."""


def opened(paths: Sequence[Path]) -> tuple[dict[str, Episodes], str]:
    """The splits at some paths, by name, and the formats they are in; one path alone is the split "".

    Raises:
        BadEpisodeFile: nothing there, in no known format, or broken.
        BadInput: the format must be told more than the path says; or two paths have one name.
        MissingExtra: a package that the format needs is not installed.
    """
    parts = [part for path in paths for part in _splits_in(path)]
    if len(parts) == 1:
        return {"": open_episodes(parts[0])}, detect(parts[0])
    names = [part.name for part in parts]
    names = names if len(set(names)) == len(names) else [str(part) for part in parts]
    if len(set(names)) < len(names):
        raise BadInput(f"a split was named twice among {', '.join(names)}; give each once.")
    formats = ", ".join(dict.fromkeys(map(detect, parts)))
    return {name: open_episodes(part) for name, part in zip(names, parts, strict=True)}, formats


def check_paths(paths: Sequence[Path], *, window: int = WINDOW) -> CheckReport:
    """`check_episodes` of what lies at `paths`; what cannot be read is a finding as well.

    Raises:
        BadInput: the format must be told more than the path says.
        MissingExtra: a package that the format needs is not installed.
    """
    source = ", ".join(map(str, paths))
    try:
        splits, format = opened(paths)
        return check_episodes(splits, source=source, format=format, window=window)
    except BadEpisodeFile as error:
        return unreadable(source, str(error), MISSING if isinstance(error, MissingValues) else UNREADABLE)


def _splits_in(path: Path) -> list[Path]:
    parts = [path / TRAIN, path / HELD_OUT]
    return parts if all(part.is_dir() for part in parts) and not (path / "index.json").exists() else [path]

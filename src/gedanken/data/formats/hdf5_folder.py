"""Several HDF5 files in one folder as one set: a file a day, or an episode a file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from gedanken.data.formats.hdf5_episodes import Hdf5Config, Hdf5Episodes, is_hdf5
from gedanken.errors import BadEpisodeFile
from gedanken.types import ActionSpec, Episode

SUFFIXES = (".hdf5", ".h5")


class Hdf5Folder:
    """The episodes of several files, in the order of the files' names; an action may be what it may be in any of them."""

    def __init__(self, paths: Sequence[Path], config: Hdf5Config) -> None:
        self._files = [Hdf5Episodes(path, config) for path in paths]
        first = self._files[0]
        for path, each in zip(paths, self._files, strict=True):
            if each.specs != first.specs or each.action.width != first.action.width:
                raise BadEpisodeFile(
                    f"{path.name} holds {_kind(each)} and {paths[0].name} {_kind(first)}; put files of one kind into a folder."
                )
        self._action = _widest([each.action for each in self._files])
        self._ends = list(accumulate(map(len, self._files)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Episode:
        index = range(len(self))[index]
        file = bisect_right(self._ends, index)
        before = self._ends[file - 1] if file else 0
        return replace(self._files[file][index - before], action=self._action)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))


def files_in(path: Path) -> list[Path]:
    """The HDF5 files directly in a folder, by name; none where it is no folder, or where videos lie beside them."""
    files = sorted(path.iterdir()) if path.is_dir() else []
    if any(each.suffix.lower() == ".mp4" for each in files):
        return []
    return [each for each in files if each.suffix.lower() in SUFFIXES and is_hdf5(each)]


def _kind(episodes: Hdf5Episodes) -> str:
    streams = ", ".join(f"{name} {spec.dtype} {spec.shape}" for name, spec in episodes.specs.items())
    return f"{streams} with {episodes.action.width} actions"


def _widest(actions: Sequence[ActionSpec]) -> ActionSpec:
    low = tuple(map(min, zip(*(each.low for each in actions), strict=True)))
    high = tuple(map(max, zip(*(each.high for each in actions), strict=True)))
    return replace(actions[0], low=low, high=high)

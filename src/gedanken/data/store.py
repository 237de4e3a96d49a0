"""Episodes in a folder: append-only shards beside a small index, each written aside and renamed.

    drives/
      index.json                 what all episodes share, and how many each shard holds
      shard-000000/              one call of `append` or `extend`
        shard.json               length, resets and origin of each episode
        stream-pixels.npy …      the episodes' arrays end to end; `numpy.load` opens them
        stream-pixels.jpegs      where pictures are kept compressed: their JPEGs end to end,
        stream-pixels.ends.npy   and where each of them ends

A rename is all or nothing, so a reader sees the store before or after an append, never in between, and needs no lock.
Writers take turns through a lock file that the system lets go of when they die.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gedanken.data.index import Index, index_text, parse_index
from gedanken.data.jpeg import JPEGConfig
from gedanken.data.shards import Shard, read_shard, read_small, write_shard
from gedanken.data.turns import refused_by_the_disk, turn_to_write
from gedanken.errors import BadEpisodeFile, BadInput
from gedanken.types import ActionSpec, Episode, StreamSpec

_INDEX = "index.json"
_ASIDE = "writing-"
_LARGEST_INDEX = 1 << 26


class EpisodeFolder:
    """An `EpisodeStore` on disk; make one with `create` or `open`.

    Episodes come back with read-only arrays mapped from the files, so a store may be larger than memory.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self._path, self._index = path, replace(index, shards=())
        self._shards: list[Shard] = []
        self._places: list[tuple[int, int]] = []
        self._load_up_to(index)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        specs: Mapping[str, StreamSpec],
        action: ActionSpec,
        *,
        coded: Mapping[str, JPEGConfig] | None = None,
    ) -> EpisodeFolder:
        """A new, empty store whose episodes will all have these stream and action specs.

        Args:
            path: a folder.
            specs: of each stream.
            action: what one action is.
            coded: streams of pictures to keep as JPEG, which for large ones takes a tenth of the disk and costs detail.
        Raises:
            BadInput: there is a store already, a stream has a name or dtype no store keeps, or is coded and no picture.
            UnknownName: `coded` names a stream that is not there.
            StorageError: the folder cannot be made.
        """
        folder, index = Path(path), Index(dict(specs), action, coded=dict(coded or {}))
        with refused_by_the_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with turn_to_write(folder):
                if (folder / _INDEX).exists():
                    raise BadInput(f"{folder} holds a store already; open it, or choose another folder.")
                _write_index(folder, index)
        return cls(folder, index)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> EpisodeFolder:
        """The store in `path`, every file of it checked; later appends by others are not seen.

        Raises:
            BadEpisodeFile: unknown schema, missing file, lying size or header, or NaN in a float array.
        """
        folder = Path(path)
        if not (folder / _INDEX).is_file():
            raise BadEpisodeFile(f"{folder} is not an episode store: it has no {_INDEX}.")
        return cls(folder, _read_index(folder))

    @property
    def specs(self) -> Mapping[str, StreamSpec]:
        """What each stream is, in every episode."""
        return self._index.specs

    @property
    def action(self) -> ActionSpec:
        """What one action is, in every episode."""
        return self._index.action

    def append(self, episode: Episode) -> None:
        """Add one episode as a shard of its own; `extend` is faster for many."""
        self.extend((episode,))

    def extend(self, episodes: Iterable[Episode]) -> None:
        """Add episodes, all or none, in one shard; on return they are on disk and others can read them.

        Raises:
            BadInput: an episode has other stream or action specs than the store.
            NonFinite: an episode holds NaN or infinity.
            StorageError: the disk is full, read-only or gone; the store is as it was.
        """
        batch = tuple(episodes)
        for episode in batch:
            check_same_kind(episode, self.specs, self.action)
        if not batch:
            return
        with refused_by_the_disk(self._path), turn_to_write(self._path):
            self._load_up_to(_read_index(self._path))
            self._write(batch)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Episode:
        shard, position = self._places[index]
        return self._shards[shard].episode(position)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def _write(self, batch: tuple[Episode, ...]) -> None:
        number = len(self._shards)
        folder, aside = self._shard_folder(number), self._path / f"{_ASIDE}{number:06d}"
        grown = replace(self._index, shards=(*self._index.shards, len(batch)))
        # Both can only be left over from a writer that was killed: the index does not know them, and it is our turn.
        _remove(aside, folder)
        try:
            records = write_shard(aside, self._index, batch)
            os.replace(aside, folder)
            _write_index(self._path, grown)
        except BaseException:
            _remove(aside)
            if _read_index(self._path) == self._index:
                _remove(folder)
            raise
        self._add(Shard(folder, self._index, records), len(batch))

    def _load_up_to(self, index: Index) -> None:
        if index.shards[: len(self._shards)] != self._index.shards:
            raise BadEpisodeFile(f"{self._path} was replaced while open; open it again.")
        for number in range(len(self._shards), len(index.shards)):
            folder, count = self._shard_folder(number), index.shards[number]
            self._add(Shard(folder, index, read_shard(folder, index, count)), count)

    def _add(self, shard: Shard, count: int) -> None:
        self._places.extend((len(self._shards), position) for position in range(count))
        self._shards.append(shard)
        self._index = replace(self._index, shards=(*self._index.shards, count))

    def _shard_folder(self, number: int) -> Path:
        return self._path / f"shard-{number:06d}"


def check_same_kind(episode: Episode, specs: Mapping[str, StreamSpec], action: ActionSpec) -> None:
    """Raise `BadInput` where an episode's specs are not the store's."""
    if dict(episode.specs) != dict(specs):
        raise BadInput(f"the episode has streams {dict(episode.specs)}; this store keeps {dict(specs)}.")
    if episode.action != action:
        raise BadInput(f"the episode has {episode.action}; this store keeps {action}.")


def _read_index(folder: Path) -> Index:
    return parse_index(read_small(folder / _INDEX, _LARGEST_INDEX))


def _write_index(folder: Path, index: Index) -> None:
    aside = folder / f"{_ASIDE}{_INDEX}"
    try:
        with aside.open("wb") as file:
            file.write(index_text(index).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, folder / _INDEX)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    # The rename has happened; a file system that cannot flush a folder does not undo it.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)

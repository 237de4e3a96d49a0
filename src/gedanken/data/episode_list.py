"""Episodes in memory: an `EpisodeStore` for small data and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gedanken.data.store import check_same_kind
from gedanken.types import Episode


class EpisodeList:
    """An `EpisodeStore` that forgets everything when the process ends; all episodes share their specs."""

    def __init__(self, episodes: Iterable[Episode] = ()) -> None:
        self._episodes: list[Episode] = []
        for episode in episodes:
            self.append(episode)

    def append(self, episode: Episode) -> None:
        """Add one episode; raises `BadInput` where its specs are not those of the first."""
        if self._episodes:
            check_same_kind(episode, self._episodes[0].specs, self._episodes[0].action)
        self._episodes.append(episode)

    def __len__(self) -> int:
        return len(self._episodes)

    def __getitem__(self, index: int) -> Episode:
        return self._episodes[index]

    def __iter__(self) -> Iterator[Episode]:
        return iter(self._episodes)

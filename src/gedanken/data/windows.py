"""Windows: T frames on the model's clock, cut from episodes, none across an episode's end or a reset.

An episode falls into stretches between resets. In a stretch of L frames a window that spans (T−1)·frame_skip
environment steps can start at L − (T−1)·frame_skip places, so all windows are counted without being listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Generator, Tensor

from gedanken.contracts import Episodes
from gedanken.data.coded import CodedFrames, read_rows
from gedanken.errors import BadInput, unknown_name
from gedanken.types import Episode, Windows


def stretches(episode: Episode) -> list[tuple[int, int]]:
    """The frame ranges `[start, stop)` of an episode inside which nothing is reset."""
    edges = sorted({0, *episode.resets, len(episode)})
    return list(pairwise(edges))


def chosen(episodes: Episodes, subset: Sequence[int] | None) -> list[Episode]:
    """The episodes that `subset` names, or all of them; raises `BadInput` for a number there is no episode for."""
    numbers = range(len(episodes)) if subset is None else [int(number) for number in subset]
    wrong = [number for number in numbers if not 0 <= number < len(episodes)]
    if wrong:
        raise BadInput(f"there is no episode {wrong[0]}; the {len(episodes)} episodes are numbered from 0.")
    if not numbers:
        raise BadInput("no episodes to take windows from; record or ingest some first.")
    return [episodes[number] for number in numbers]


class WindowSampler:
    """Draws windows uniformly from all valid ones.

    Args:
        store: episodes that share their specs.
        length: T, frames in a window, one a model step.
        frame_skip: environment steps between two frames of a window.
        streams: names of the streams to read; all by default.
        episodes: numbers of the episodes to use; all by default.
    Raises:
        BadInput: no window fits, or the episodes differ in kind.
        UnknownName: a stream that is not there.
    """

    def __init__(
        self,
        store: Episodes,
        length: int,
        frame_skip: int = 1,
        *,
        streams: Sequence[str] | None = None,
        episodes: Sequence[int] | None = None,
    ) -> None:
        if length < 1 or frame_skip < 1:
            raise BadInput(f"length={length} and frame_skip={frame_skip} must both be at least 1.")
        self._episodes = chosen(store, episodes)
        self._length, self._frame_skip = length, frame_skip
        self._streams = _known_streams(self._episodes, streams)
        spans = [(number, *span) for number, episode in enumerate(self._episodes) for span in stretches(episode)]
        reach = (length - 1) * frame_skip
        fitting = [(number, start, stop - start - reach) for number, start, stop in spans if stop - start > reach]
        if not fitting:
            longest = max(stop - start for _, start, stop in spans)
            raise BadInput(
                f"no episode is long enough: a window of {length} frames at frame_skip={frame_skip} needs {reach + 1} "
                f"frames without a reset, and the longest stretch has {longest}; shorten the window or record longer."
            )
        table = np.array(fitting, dtype=np.int64)
        self._number, self._start, counts = table.T
        self._end = np.cumsum(counts)
        self._first = self._end - counts

    @property
    def decodes(self) -> bool:
        """Whether a window must be decoded, so that reading it while something else is computed pays."""
        return any(isinstance(self._episodes[0].streams[name], CodedFrames) for name in self._streams)

    def __len__(self) -> int:
        """How many valid windows there are."""
        return int(self._end[-1])

    def sample(self, count: int, generator: Generator) -> Windows:
        """`count` windows, drawn with replacement; the draw depends on nothing but the generator's state.

        Returns:
            observations `[B, T, ...]` in the streams' own dtypes, actions `[B, T-1, frame_skip·width]` float32 in the
            environment's units, the steps of a block in the order of time.
        """
        return self.take(self.draw(count, generator))

    def draw(self, count: int, generator: Generator) -> Tensor:
        """The numbers `[B]` of the windows that `sample` would give."""
        return torch.randint(len(self), (count,), generator=generator)

    def take(self, indices: Tensor) -> Windows:
        """The windows with these numbers, `[B]` int64 from 0 to `len(self) - 1`, in the order asked for."""
        places = indices.numpy()
        if places.size and (places.min() < 0 or places.max() >= len(self)):
            raise BadInput(f"window numbers must lie between 0 and {len(self) - 1}.")
        segments = np.searchsorted(self._end, places, side="right")
        starts = self._start[segments] + places - self._first[segments]
        return self._read(self._number[segments], starts, np.argsort(places, kind="stable"))

    def _read(self, numbers: np.ndarray, starts: np.ndarray, order: np.ndarray) -> Windows:
        count, length, skip = len(starts), self._length, self._frame_skip
        reach, first = (length - 1) * skip, self._episodes[0]
        streams = {
            name: np.empty((count, length, *first.specs[name].shape), first.specs[name].dtype) for name in self._streams
        }
        actions = np.empty((count, reach, first.action.width), np.float32)
        # In the order of the files, so that a disk reads forwards.
        for row in order.tolist():
            episode, start = self._episodes[numbers[row]], int(starts[row])
            for name, values in streams.items():
                read_rows(episode.streams[name], slice(start, start + reach + 1, skip), values[row])
            actions[row] = episode.actions[start : start + reach]
        blocks = actions.reshape(count, length - 1, skip * first.action.width)
        return Windows({name: torch.from_numpy(values) for name, values in streams.items()}, torch.from_numpy(blocks))


def _known_streams(episodes: Sequence[Episode], wanted: Sequence[str] | None) -> tuple[str, ...]:
    first = episodes[0]
    names = tuple(first.specs) if wanted is None else tuple(wanted)
    for name in names:
        if name not in first.specs:
            raise unknown_name("stream", name, first.specs)
    for number, episode in enumerate(episodes):
        same = episode.action.width == first.action.width and all(
            name in episode.specs and episode.specs[name] == first.specs[name] for name in names
        )
        if not same:
            raise BadInput(f"episode {number} has other streams or actions than episode 0; windows need one kind.")
    return names

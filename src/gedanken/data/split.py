"""Training and held-out data that share nothing: whole episodes, or blocks of time with a gap between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import torch

from gedanken.contracts import Episodes
from gedanken.data.coded import part
from gedanken.errors import BadInput
from gedanken.types import Episode

_BLOCKS = 10
"""Blocks of time that a single recording falls into."""


def split_episodes(count: int, seed: int, fractions: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    """The numbers 0 to `count - 1`, shuffled by `seed` and dealt into one sorted part for each fraction.

    Args:
        count: how many episodes there are.
        seed: the same seed gives the same parts.
        fractions: positive, summing to 1, such as `(0.9, 0.1)`.
    Raises:
        BadInput: the fractions do not sum to 1, or a part would be empty.
    """
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise BadInput(f"fractions {tuple(fractions)} must be positive and sum to 1, such as (0.9, 0.1).")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    edges = [round(count * sum(fractions[:part])) for part in range(len(fractions) + 1)]
    parts = tuple(tuple(sorted(order[start:end])) for start, end in pairwise(edges))
    if not all(parts):
        raise BadInput(f"{count} episodes leave a part of {tuple(fractions)} empty; record more or split less finely.")
    return parts


def slice_episode(episode: Episode, start: int, stop: int) -> Episode:
    """Frames `start` to `stop - 1` of an episode as an episode of its own, without copying.

    Raises:
        BadInput: the range is empty or reaches outside the episode.
    """
    if not 0 <= start < stop <= len(episode):
        raise BadInput(f"frames {start} to {stop} do not lie inside an episode of {len(episode)} frames.")
    return replace(
        episode,
        streams={name: part(values, start, stop) for name, values in episode.streams.items()},
        actions=episode.actions[start : stop - 1],
        times=None if episode.times is None else episode.times[start:stop],
        resets=tuple(reset - start for reset in episode.resets if start <= reset < stop),
    )


def time_blocks(
    episode: Episode, *, blocks: int, held_out: Sequence[int], gap: int
) -> tuple[tuple[Episode, ...], tuple[Episode, ...]]:
    """Cut one long recording into equal blocks of time; some are held out.

    Neighbouring frames look alike, so frames drawn at random would leak. Blocks of one kind that follow each other stay
    one episode. Where training meets held-out data, `gap` frames are dropped from the training side.

    Args:
        episode: the recording.
        blocks: how many equal blocks.
        held_out: which of them, numbered from 0, are held out.
        gap: frames dropped at each meeting; at least as long as what is seen in one frame stays in view.
    Returns:
        The training episodes and the held-out episodes, each in the order of time.
    Raises:
        BadInput: a block that is not there, nothing to train on or to hold out, or a gap that swallows a block.
    """
    if not 2 <= blocks <= len(episode) or gap < 0:
        raise BadInput(f"blocks={blocks} must lie between 2 and {len(episode)} frames, and gap={gap} not below 0.")
    held = set(held_out)
    if not held or not held < set(range(blocks)):
        raise BadInput(f"held_out={tuple(held_out)} must name some, not all, of the blocks 0 to {blocks - 1}.")
    edges = [len(episode) * block // blocks for block in range(blocks + 1)]
    parts: dict[bool, list[Episode]] = {False: [], True: []}
    for is_held, run in groupby(range(blocks), key=held.__contains__):
        members = list(run)
        start, stop = edges[members[0]], edges[members[-1] + 1]
        if not is_held:
            start += gap if start > 0 else 0
            stop -= gap if stop < len(episode) else 0
        if start >= stop:
            raise BadInput(f"a gap of {gap} frames swallows a training block of {len(episode) // blocks}; shorten it.")
        parts[is_held].append(slice_episode(episode, start, stop))
    return tuple(parts[False]), tuple(parts[True])


def dealt(episodes: Episodes, held_out: float, seed: int, gap: int) -> tuple[tuple[Episode, ...], tuple[Episode, ...]]:
    """Training and held-out episodes: whole ones where there are several, blocks of time of a single recording.

    Args:
        episodes: the recordings.
        held_out: share of them, or of the ten blocks of a single one, that is held out.
        seed: of the deal.
        gap: frames dropped where training and held-out blocks of a single recording meet.
    Raises:
        BadInput: there is nothing to deal, the share leaves a part empty, or a gap swallows a block.
    """
    if not 0 < held_out < 1:
        raise BadInput(f"held_out={held_out} must be a share between 0 and 1, such as 0.2.")
    if not len(episodes):
        raise BadInput("there are no episodes to split; record or convert some first.")
    fractions = (1 - held_out, held_out)
    if len(episodes) > 1:
        parts = split_episodes(len(episodes), seed, fractions)
        train, held = (tuple(episodes[number] for number in part) for part in parts)
        return train, held
    _, blocks = split_episodes(_BLOCKS, seed, fractions)
    return time_blocks(episodes[0], blocks=_BLOCKS, held_out=blocks, gap=gap)

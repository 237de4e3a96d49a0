"""Faults put into sound recordings on purpose, each a function from episodes and a seed to broken episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gedanken.data import EpisodeList, slice_episode
from gedanken.types import Episode

Fault = Callable[[Episode, np.random.Generator], Episode]


def broken(episodes: EpisodeList, fault: Fault, seed: int) -> list[Episode]:
    """Every episode with a fault."""
    draws = np.random.default_rng(seed)
    return [fault(episode, draws) for episode in episodes]


def shifted_late(episode: Episode, draws: np.random.Generator) -> Episode:
    """Each frame carries the action that led to it."""
    return replace(episode, actions=np.concatenate([episode.actions[:1] * 0, episode.actions[:-1]]))


def shifted_early(episode: Episode, draws: np.random.Generator) -> Episode:
    """Each frame carries the action after its own."""
    return replace(episode, actions=np.concatenate([episode.actions[1:], episode.actions[:1] * 0]))


def shuffled(episode: Episode, draws: np.random.Generator) -> Episode:
    """The actions of an episode in any order."""
    return replace(episode, actions=draws.permutation(episode.actions))


def frozen(episode: Episode, draws: np.random.Generator) -> Episode:
    """A fifth of the frames, in a row, show what the first of them showed."""
    length = len(episode)
    start, count = int(draws.integers(1, length - length // 5 - 2)), length // 5
    streams = {name: values.copy() for name, values in episode.streams.items()}
    for values in streams.values():
        values[start : start + count] = values[start]
    return replace(episode, streams=streams)


def repeated(episode: Episode, draws: np.random.Generator) -> Episode:
    """Every twelfth frame or so shows the one before it again."""
    streams = {name: values.copy() for name, values in episode.streams.items()}
    for place in draws.choice(np.arange(2, len(episode) - 2, 2), len(episode) // 12, replace=False):
        for values in streams.values():
            values[place] = values[place - 1]
    return replace(episode, streams=streams)


def not_a_number(episode: Episode, draws: np.random.Generator) -> Episode:
    """One action is missing."""
    actions = episode.actions.copy()
    actions[int(draws.integers(len(actions)))] = np.nan
    return replace(episode, actions=actions)


def clipped(episodes: EpisodeList) -> list[Episode]:
    """Actions are recorded up to a limit that they go beyond."""
    limit = 0.6 * np.quantile(np.abs(np.concatenate([episode.actions for episode in episodes])), 0.98)
    return [replace(each, actions=np.clip(each.actions, -limit, limit).astype(np.float32)) for each in episodes]


def time_gap(episode: Episode, draws: np.random.Generator) -> Episode:
    """A second is missing from the clock."""
    rate = episode.action.rate_hz or next(iter(episode.specs.values())).rate_hz or 10.0
    times = np.arange(len(episode)) / rate if episode.times is None else episode.times.copy()
    times[int(draws.integers(5, len(episode) - 5)) :] += 20 / rate
    return replace(episode, times=times)


def wrong_rate(episode: Episode, draws: np.random.Generator) -> Episode:
    """The clock runs at another rate than is declared."""
    rate = episode.action.rate_hz or next(iter(episode.specs.values())).rate_hz or 10.0
    specs = {name: replace(spec, rate_hz=rate) for name, spec in episode.specs.items()}
    return replace(episode, specs=specs, times=np.arange(len(episode)) / (0.6 * rate))


def with_cuts(episodes: EpisodeList) -> list[Episode]:
    """Neighbouring halves of different episodes, glued together without a word."""
    glued = []
    for one, other in pairwise([*episodes, episodes[0]]):
        half = min(len(one), len(other)) // 2
        streams = {name: np.concatenate([one.streams[name][:half], other.streams[name][half:]]) for name in one.streams}
        actions = np.concatenate([one.actions[:half], other.actions[half:]])
        glued.append(replace(one, streams=streams, actions=actions, times=None))
    return glued


def constant(episode: Episode, draws: np.random.Generator) -> Episode:
    """The last number of every action is stuck."""
    actions = episode.actions.copy()
    actions[:, -1] = 0.25
    return replace(episode, actions=actions)


def encoded_anew(episode: Episode, first: int) -> Episode:
    """From frame `first` on, with values a little off, as another encoding of a video leaves them."""
    part, draws = slice_episode(episode, first, len(episode)), np.random.default_rng(0)
    streams = {}
    for name, values in part.streams.items():
        noise = 0.003 * values.astype(float).std() * draws.normal(size=values.shape)
        streams[name] = (values + noise).round().astype(np.uint8) if values.dtype == np.uint8 else values
        streams[name] = streams[name] if values.dtype == np.uint8 else (values + noise).astype(values.dtype)
    return replace(part, streams=streams)

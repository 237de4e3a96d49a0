"""Episodes into a folder of MP4s with their tables."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np

from gedanken.data.formats.grown import folder_aside
from gedanken.data.formats.number_table import write_number_table
from gedanken.data.formats.sidecar import own_sidecar, record_of, write_sidecar
from gedanken.data.formats.video_folder import VideoFolderConfig
from gedanken.data.formats.video_writer import VideoWriter
from gedanken.data.index import Index
from gedanken.data.store import check_same_kind
from gedanken.errors import BadInput
from gedanken.types import Episode

RATE_HZ = 30.0
"""A video must name a rate; this one where the episode has none."""


def write_video_folder(
    path: Path,
    episodes: Iterable[Episode],
    config: VideoFolderConfig,
    if_exists: Literal["refuse", "append", "overwrite"],
) -> None:
    """Write a folder of MP4s, or add to one of ours; all or none.

    Raises:
        BadInput: an episode has other streams than one of uint8 pictures, or differs in kind from the first.
    """
    with folder_aside(path, if_exists) as (aside, grows):
        old = own_sidecar(aside) if grows else None
        index, records = (old.index, list(old.records)) if old else (None, [])
        for episode, number in zip(episodes, count(len(records)), strict=False):
            index = index or Index({**episode.specs}, episode.action)
            check_same_kind(episode, index.specs, index.action)
            _write(aside / f"episode-{number:06d}.mp4", episode, config)
            records.append(record_of(episode))
        if index is None:
            raise BadInput("there are no episodes to write; a folder learns from its first what it keeps.")
        write_sidecar(aside, index, records)


def _write(path: Path, episode: Episode, config: VideoFolderConfig) -> None:
    spec = episode.specs.get(config.stream)
    if len(episode.specs) > 1 or spec is None or spec.dtype != "uint8" or len(spec.shape) != 3 or spec.shape[2] != 3:
        raise BadInput(
            f"a video folder keeps one stream, uint8 (height, width, 3), here {config.stream!r}; the episode has "
            f"{dict(episode.specs)}: name another stream, or write lerobot or native."
        )
    start = None if episode.times is None else episode.times - episode.times[0]
    with VideoWriter(path, spec.rate_hz or RATE_HZ, config.crf) as video:
        video.add(np.asarray(episode.streams[config.stream]), start)
    columns = _columns(episode, config)
    if columns:
        write_number_table(path.with_suffix(f".{config.table}"), columns)


def _columns(episode: Episode, config: VideoFolderConfig) -> dict[str, np.ndarray]:
    names = config.actions or tuple(f"action_{number}" for number in range(episode.action.width))
    if len(names) != episode.action.width:
        raise BadInput(f"{len(names)} columns were named for actions of width {episode.action.width}.")
    actions = episode.actions
    if episode.times is None:
        return {name: actions[:, column] for column, name in enumerate(names)}
    # One row a frame, since each has a time: the last frame's action is never read.
    held = np.concatenate([actions, actions[-1:] if len(actions) else np.zeros((1, len(names)), np.float32)])
    return {config.time: episode.times, **{name: held[:, column] for column, name in enumerate(names)}}

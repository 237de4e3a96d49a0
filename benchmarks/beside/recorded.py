"""The recordings that `windows` is measured on: Two Rooms, and a real road clip where `ROAD_CLIP` names its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from beside.stamps import stamped
from gedanken.data.formats.video import open_video
from gedanken.environments import TwoRooms, episodes_of

SIZES = (64, 224)
_EPISODES, _LENGTH = 10, 120


def sources() -> list[str]:
    """What there is to measure on."""
    return ["two-rooms", *(["road"] if os.environ.get("ROAD_CLIP") else [])]


def save(folder: Path, source: str, size: int, quick: bool) -> tuple[int, int]:
    """Write `frames.npy` `[episodes, L, S, S, 3]`, each frame with its number drawn in, and `actions.npy`; episodes, L."""
    frames = _two_rooms(size, 2 if quick else _EPISODES) if source == "two-rooms" else _road(size)
    episodes, length = frames.shape[:2]
    np.save(folder / "frames.npy", stamped(frames.reshape(-1, size, size, 3)).reshape(frames.shape))
    np.save(folder / "actions.npy", np.random.default_rng(0).normal(size=(episodes, length, 2)).astype(np.float32))
    return episodes, length


def _two_rooms(size: int, episodes: int) -> np.ndarray:
    walked = episodes_of(TwoRooms("random", size=size), episodes, _LENGTH - 1, seed=0)
    return np.stack([each.streams["pixels"] for each in walked])


def _road(size: int) -> np.ndarray:
    video = open_video(Path(os.environ["ROAD_CLIP"]))
    return video.frames(0, len(video), (size, size))[None]


def drawn(episodes: int, places: int, count: int, seed: int) -> list[tuple[int, int]]:
    """`count` windows as (episode, first frame), drawn with replacement from the first `places` of each episode."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(episodes * places, (count,), generator=generator).tolist()
    return [divmod(number, places) for number in numbers]

"""Recordings: kept on disk, cut into windows, measured for normalisation.

In flow `Episode`s, recorded in a world or read from a file by `formats`; out flow `Windows` of T frames with their
actions, and the statistics of the training episodes. Open `windows.py` first, then `store.py` for how episodes lie on
disk; `split.py` keeps training and held-out data apart.
"""

from gedanken.data.clock import Track, on_one_clock
from gedanken.data.episode_list import EpisodeList
from gedanken.data.jpeg import JPEGConfig
from gedanken.data.lag import LagEstimate, estimated_lag, lagged
from gedanken.data.normalise import fit_statistics
from gedanken.data.split import slice_episode, split_episodes, time_blocks
from gedanken.data.store import EpisodeFolder
from gedanken.data.windows import WindowSampler

__all__ = [
    "EpisodeFolder",
    "EpisodeList",
    "JPEGConfig",
    "LagEstimate",
    "Track",
    "WindowSampler",
    "estimated_lag",
    "fit_statistics",
    "lagged",
    "on_one_clock",
    "slice_episode",
    "split_episodes",
    "time_blocks",
]

"""Recordings: kept on disk, cut into windows, measured for normalisation.

In flow `Episode`s, recorded in a world or read from a file by `formats`; out flow `Windows` of T frames with their
actions, and the statistics of the training episodes. Open `windows.py` first, then `store.py` for how episodes lie on
disk; `split.py` keeps training and held-out data apart.
"""

from gedanken.data.episode_list import EpisodeList
from gedanken.data.normalise import fit_statistics
from gedanken.data.split import slice_episode, split_episodes, time_blocks
from gedanken.data.store import EpisodeFolder
from gedanken.data.windows import WindowSampler

__all__ = [
    "EpisodeFolder",
    "EpisodeList",
    "WindowSampler",
    "fit_statistics",
    "slice_episode",
    "split_episodes",
    "time_blocks",
]

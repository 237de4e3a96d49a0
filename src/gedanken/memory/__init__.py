"""What was seen, kept for later.

In: latents `[B, P, D]`, the actions that left them, thumbnails, surprise. Out: a `Context`, the start of a prediction, and
the moments that resemble a latent, from this run or any before.
Open `episodic.py` first: the memory that outlives its process; `schema.py` draws its file, `keys.py` searches it,
`forgetting.py` says what is gone when, `landmarks/` finds ways through it. `recent.py` is the working memory of the last few
moments.
"""

from gedanken.memory.episodic import EpisodicMemory
from gedanken.memory.landmarks import LandmarkConfig, LandmarkGraph
from gedanken.memory.reading import MemoryInfo
from gedanken.memory.recent import RecentLatents
from gedanken.memory.reembed import reembedded

__all__ = ["EpisodicMemory", "LandmarkConfig", "LandmarkGraph", "MemoryInfo", "RecentLatents", "reembedded"]

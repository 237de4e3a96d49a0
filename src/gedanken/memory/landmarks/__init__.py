"""Places to go by: a graph over remembered moments.

In: moments of an `EpisodicMemory`, and a learned number of steps from one latent to another. Out: the next place on the way to a
goal that lies beyond a plan's horizon.
Open `graph.py` first: a `contracts.Landmarks` that lives in the memory's file; `ways.py` finds the cheapest way. What is kept of
it are rows (`memory/landmark_rows.py`).
"""

from gedanken.memory.landmarks.config import LandmarkConfig
from gedanken.memory.landmarks.graph import LandmarkGraph

__all__ = ["LandmarkConfig", "LandmarkGraph"]

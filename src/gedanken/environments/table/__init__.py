"""A table, a finger and things that fall: `table-v1`, a world to plan in and to be surprised in.

In: states and actions `(x, y, grip)`. Out: the next states, and their pictures. Open `state.py` for what a world holds, then
`physics.py` and `render.py`; `world.py` makes a world of them. `crossing.py` says how clips that may happen are crossed with
clips that may not, `properties` what they show, and `clips.py` makes those a model learns from.
"""

from gedanken.environments.table.clips import possible_clips
from gedanken.environments.table.crossing import Quadruplet, quadruplet
from gedanken.environments.table.properties import PROPERTIES
from gedanken.environments.table.splits import PARTS, SPLITS
from gedanken.environments.table.world import Table

__all__ = ["PARTS", "PROPERTIES", "SPLITS", "Quadruplet", "Table", "possible_clips", "quadruplet"]

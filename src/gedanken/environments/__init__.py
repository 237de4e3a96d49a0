"""Worlds to plan in: a state and an action flow in, the next state and what is seen of it flow out.

A world is a batch of simulations as pure functions (`gedanken.contracts.World`); it says its units, and comes with an
expert, an oracle of distance, and looks split into train and test. Gymnasium forms stand beside it; `adapt` reads
anyone's Gymnasium environment and `Recorder` turns what happens in one into episodes.
Open `two_rooms.py` first, then `behaviour.py` for the data a planner needs. The worlds of a dot share the files `dot_*.py`
(contacts, pictures, Gymnasium forms) and `gates.py` (shortest ways); `table` is a world of things that fall.
"""

from gedanken.environments.adapter import Adapter, adapt
from gedanken.environments.behaviour import collect, episodes_of, explore, random_policy
from gedanken.environments.dot_world import DotWorld
from gedanken.environments.four_rooms import FourRooms
from gedanken.environments.four_rooms_geometry import FourRoomsConfig
from gedanken.environments.maze import Maze
from gedanken.environments.maze_geometry import MazeConfig
from gedanken.environments.recorder import Recorder
from gedanken.environments.registration import register
from gedanken.environments.registry import WORLDS, make_world
from gedanken.environments.t_maze import TMaze
from gedanken.environments.t_maze_geometry import TMazeConfig
from gedanken.environments.table import Table
from gedanken.environments.two_rooms import TwoRooms
from gedanken.environments.two_rooms_geometry import TwoRoomsConfig
from gedanken.environments.walks import Exploration, ExploreConfig
from gedanken.environments.wander import wander

__all__ = [
    "WORLDS",
    "Adapter",
    "DotWorld",
    "Exploration",
    "ExploreConfig",
    "FourRooms",
    "FourRoomsConfig",
    "Maze",
    "MazeConfig",
    "Recorder",
    "TMaze",
    "TMazeConfig",
    "Table",
    "TwoRooms",
    "TwoRoomsConfig",
    "adapt",
    "collect",
    "episodes_of",
    "explore",
    "make_world",
    "random_policy",
    "register",
    "wander",
]

register()

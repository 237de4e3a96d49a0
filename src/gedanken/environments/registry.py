"""Worlds by name: ours in a dict, others' by entry points of the group `gedanken.environments`.

An entry point is named as the world's id and loads what makes the world: a class or a function.
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from gedanken.contracts import World
from gedanken.environments.four_rooms import FourRooms
from gedanken.environments.maze import Maze
from gedanken.environments.t_maze import TMaze
from gedanken.environments.table import Table
from gedanken.environments.two_rooms import TwoRooms
from gedanken.errors import unknown_name

WORLDS: dict[str, Callable[..., World]] = {
    "two-rooms-v1": TwoRooms,
    "four-rooms-v1": FourRooms,
    "maze-v1": Maze,
    "t-maze-v1": TMaze,
    "table-v1": Table,
}


def make_world(id: str, **options: object) -> World:
    """The world registered under `id`, made with `options`; ours win over others' of the same name.

    Raises:
        UnknownName: nothing has that name; the message lists what there is.
    """
    if id in WORLDS:
        return WORLDS[id](**options)
    others = {entry.name: entry for entry in entry_points(group="gedanken.environments")}
    if id not in others:
        raise unknown_name("world", id, [*WORLDS, *others])
    return others[id].load()(**options)

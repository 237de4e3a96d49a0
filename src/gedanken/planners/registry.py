"""Planners by name: ours in a dict, others' by entry points of the group `gedanken.planners`.

An entry point names a `RegisteredPlanner`: the function, and the class of its configuration.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import NamedTuple

from gedanken.errors import unknown_name
from gedanken.planners.cem import CEMConfig, cem
from gedanken.planners.mppi import MPPIConfig, mppi
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting
from gedanken.types import Plan


class RegisteredPlanner(NamedTuple):
    """A planner and what configures it.

    Args:
        plan: `plan(energy_of, start, config=..., generator=...) -> Plan`.
        config: class of its configuration; `config()` is the usual one.
    """

    plan: Callable[..., Plan]
    config: type


PLANNERS: dict[str, RegisteredPlanner] = {
    "cem": RegisteredPlanner(cem, CEMConfig),
    "mppi": RegisteredPlanner(mppi, MPPIConfig),
    "random-shooting": RegisteredPlanner(random_shooting, RandomShootingConfig),
}


def planner_named(name: str) -> RegisteredPlanner:
    """The planner registered under `name`; ours win over others' of the same name.

    Raises:
        UnknownName: nothing has that name; the message lists what there is.
    """
    if name in PLANNERS:
        return PLANNERS[name]
    others = {entry.name: entry for entry in entry_points(group="gedanken.planners")}
    if name not in others:
        raise unknown_name("planner", name, [*PLANNERS, *others])
    return RegisteredPlanner(*others[name].load())

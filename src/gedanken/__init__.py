"""World models you can run thought experiments in.

The public names are listed in docs/stability.md. Each is fetched when it is first asked for, so that `import gedanken`
(and with it the command's help) does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gedanken.agent import Agent, AgentConfig
    from gedanken.contracts import (
        Encoder,
        Energy,
        EpisodeStore,
        Planner,
        World,
        WorldModel,
        check_energy,
        check_world,
        check_world_model,
    )
    from gedanken.data import EpisodeFolder
    from gedanken.environments import make_world
    from gedanken.errors import GedankenError
    from gedanken.planners import CEMConfig, MPPIConfig, cem, mppi
    from gedanken.recipes import load, save
    from gedanken.types import ActionSpec, Context, Episode, Goal, Plan, Provenance, Rollout, Search, StreamSpec

__version__ = "0.1.0"

_HOMES = {
    "agent": ("Agent", "AgentConfig"),
    "contracts": (
        "Encoder",
        "Energy",
        "EpisodeStore",
        "Planner",
        "World",
        "WorldModel",
        "check_energy",
        "check_world",
        "check_world_model",
    ),
    "data": ("EpisodeFolder",),
    "environments": ("make_world",),
    "errors": ("GedankenError",),
    "planners": ("CEMConfig", "MPPIConfig", "cem", "mppi"),
    "recipes": ("load", "save"),
    "types": ("ActionSpec", "Context", "Episode", "Goal", "Plan", "Provenance", "Rollout", "Search", "StreamSpec"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ActionSpec",
    "Agent",
    "AgentConfig",
    "CEMConfig",
    "Context",
    "Encoder",
    "Energy",
    "Episode",
    "EpisodeFolder",
    "EpisodeStore",
    "GedankenError",
    "Goal",
    "MPPIConfig",
    "Plan",
    "Planner",
    "Provenance",
    "Rollout",
    "Search",
    "StreamSpec",
    "World",
    "WorldModel",
    "cem",
    "check_energy",
    "check_world",
    "check_world_model",
    "load",
    "make_world",
    "mppi",
    "save",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"gedanken has no public name {name!r}; there are {', '.join(__all__)}.")
    return getattr(import_module(f"gedanken.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

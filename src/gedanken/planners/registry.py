"""Planners by name: ours in a dict, others' by entry points of the group `gedanken.planners`.

An entry point names a `RegisteredPlanner`: the function, and the class of its configuration. A configuration says its
planner's name in its field `kind`, so that an agent, or a file, needs nothing else to find the function.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from gedanken.errors import BadInput, unknown_name
from gedanken.planners.cem import CEMConfig, cem
from gedanken.planners.gradient import GradientConfig, gradient
from gedanken.planners.icem import ICEMConfig, icem
from gedanken.planners.mppi import MPPIConfig, mppi
from gedanken.planners.random_shooting import RandomShootingConfig, random_shooting
from gedanken.types import Plan


@runtime_checkable
class PlannerConfig(Protocol):
    """What every planner's configuration, a frozen dataclass, says of itself."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def kind(self) -> str:
        """Name under which the planner is registered."""
        ...

    @property
    def candidates(self) -> int:
        """Most action sequences that are imagined at once, for each problem; it decides how many problems fit a batch."""
        ...


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
    "gradient": RegisteredPlanner(gradient, GradientConfig),
    "icem": RegisteredPlanner(icem, ICEMConfig),
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


def planner_of(config: PlannerConfig) -> RegisteredPlanner:
    """The planner that `config` configures, found by its `kind`.

    Raises:
        UnknownName: no planner is registered under that kind.
        BadInput: `config` says no kind or no number of candidates, or is not of the class registered with its kind.
    """
    if not isinstance(config, PlannerConfig):
        raise BadInput(
            f"a {type(config).__name__} configures no planner; expected a dataclass with the fields `kind` and "
            "`candidates`, such as MPPIConfig."
        )
    found = planner_named(config.kind)
    if not isinstance(config, found.config):
        raise BadInput(
            f"a {type(config).__name__} says it is of kind {config.kind!r}, which is configured by "
            f"{found.config.__name__}; give each class a kind of its own, the name its planner is registered under."
        )
    return found

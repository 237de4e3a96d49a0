"""What evaluation asks of whoever acts, and the one door through which an oracle is shown a world's true state.

A policy sees what a camera sees, `world.observe(state)`, and nothing else. Only one that is wrapped in `Privileged`, by
name and in the open, is handed the state; and it then gets no pixels, so neither kind can pass for the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from gedanken.contracts import World
from gedanken.types import Observation, State


@runtime_checkable
class Chosen(Protocol):
    """What a policy decided; an agent's `Decision` says more."""

    @property
    def actions(self) -> Tensor:
        """`[B, A]` in the environment's own units, A = environment steps × action width."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Drives a batch of worlds, each to its own goal; an `Agent` is one."""

    def begin(self, goal: Observation) -> None:
        """Forget the last task and take new goals: streams `[B, ...]`."""
        ...

    def act(self, observation: Observation) -> Chosen:
        """Decide on the next few environment steps from streams `[B, ...]`."""
        ...


@dataclass(frozen=True)
class Choice:
    """The actions of the next few environment steps and no more, `[B, A]` in the environment's own units."""

    actions: Float[Tensor, "B A"]


@dataclass(frozen=True)
class Privileged:
    """A policy that is shown the true state: an oracle, never a competitor.

    Args:
        policy: acts on what `view` makes of the state.
        view: true state → the streams the policy reads.
    """

    policy: Policy
    view: Callable[[State], Observation]

    def begin(self, goal: Observation) -> None:
        """Take new goals, as `view` shows them."""
        self.policy.begin(goal)

    def act(self, observation: Observation) -> Chosen:
        """Decide on what `view` shows."""
        return self.policy.act(observation)


def eyes_of(policy: Policy, world: World) -> Callable[[State], Observation]:
    """How this policy sees a state of this world: an oracle through its own view, everyone else through pixels."""
    return policy.view if isinstance(policy, Privileged) else world.observe

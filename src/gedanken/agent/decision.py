"""What an agent decides in one model step, and how each row of its batch came by its plan."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from gedanken.types import Plan


@dataclass(frozen=True)
class Ways:
    """How each row comes by its plan `[B]`; the rows of none of these search warm."""

    held: Bool[Tensor, " B"]
    cold: Bool[Tensor, " B"]
    drawn: Bool[Tensor, " B"]
    followed: Bool[Tensor, " B"]
    foreseen: Bool[Tensor, " B"]

    @property
    def warm(self) -> Bool[Tensor, " B"]:
        return ~(self.held | self.cold | self.drawn | self.followed | self.foreseen)


@dataclass(frozen=True)
class Decision:
    """What the agent does next, and what it thought.

    Args:
        actions: `[B, A]` of the next model step, in the environment's own units.
        plan: the whole plan, with the energy it was chosen for; a followed row's is what is left of the plan before. A held
            row plans to stay, and a drawn step was not chosen for any energy, so both carry the distance now in its place.
        distance: squared latent distance to the goal now `[B]`.
        surprise: squared distance between what was expected and what was seen `[B]`; 0 at the first step.
        held: at the goal, so nothing was planned `[B]`.
        cold: searched from nothing `[B]`.
        drawn: surprised again soon after a cold search, so the step was drawn and not searched for `[B]`.
        followed: the plan before came true so far and is followed `[B]`.
        foreseen: what was expected came true, and the plan made ahead for it is taken up `[B]`.
        cut: the search was ended before its last round `[B]`.
    """

    actions: Float[Tensor, "B A"]
    plan: Plan
    distance: Float[Tensor, " B"]
    surprise: Float[Tensor, " B"]
    held: Bool[Tensor, " B"]
    cold: Bool[Tensor, " B"]
    drawn: Bool[Tensor, " B"]
    followed: Bool[Tensor, " B"]
    foreseen: Bool[Tensor, " B"]
    cut: Bool[Tensor, " B"]

    @property
    def searched(self) -> Bool[Tensor, " B"]:
        """Whether a planner was asked `[B]`."""
        return ~(self.held | self.drawn | self.followed | self.foreseen)

    def steps(self) -> Float[Tensor, "steps B width"]:
        """The environment actions to carry out now, one after the other: `[frame_skip, B, action width]`."""
        return self.actions.unflatten(1, (self.plan.frame_skip, -1)).transpose(0, 1)

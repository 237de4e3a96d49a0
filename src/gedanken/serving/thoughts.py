"""The thought experiments a model can be asked for: what would be seen, how good that would be, and what came as a surprise.

Plain functions of a loaded model, shared by HTTP and by the tools for agents. An action here is one environment action, held
for a model step, as planners search them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput, ShapeError
from gedanken.recipes import Loaded
from gedanken.types import Context, Goal, Observation

MOST_STEPS = 8192
"""Model steps imagined for one question, over all futures."""


@dataclass(frozen=True)
class Futures:
    """What N courses of action would lead to.

    Args:
        latents: `[N, H, P, D]`, after each action.
        distance: squared latent distance to the goal `[N, H]`; None without a goal.
        energy: what planning would minimise `[N]`, lower is better; None without a goal.
        apart: squared latent distance between the futures' ends `[N, N]`, in step changes (median squared latent change of one
            model step in the training data).
    """

    latents: Float[Tensor, "N H P D"]
    distance: Float[Tensor, "N H"] | None
    energy: Float[Tensor, " N"] | None
    apart: Float[Tensor, "N N"]


@torch.no_grad()
def encoded(loaded: Loaded, observation: Observation) -> Float[Tensor, "P D"]:
    """The latent of one moment, streams `[1, ...]`."""
    return loaded.model.encode({name: values[:, None] for name, values in observation.items()})[0, 0]


@torch.no_grad()
def what_if(
    loaded: Loaded,
    now: Float[Tensor, "P D"],
    actions: Sequence[Sequence[Sequence[float]]],
    goal: Float[Tensor, "P D"] | None = None,
) -> Futures:
    """What each course of action `[N, H, width]` would lead to from the latent `now`, seen or imagined itself.

    Raises:
        ShapeError: courses of different lengths, or actions of another width than the model's.
        BadInput: more steps than `MOST_STEPS`, or an action out of bounds.
    """
    courses = check_courses(loaded, actions)
    blocks = courses.repeat(1, 1, loaded.model.frame_skip)[None]
    rollout = loaded.model.rollout(Context(now[None, None], blocks.new_zeros(1, 0, blocks.shape[-1])), blocks)
    latents = rollout.latents[0]
    ends = latents[:, -1].flatten(1)
    apart = (ends[:, None] - ends).square().mean(dim=-1) / loaded.model.step_change.clamp_min(1e-12)
    if goal is None:
        return Futures(latents, None, None, apart)
    energy = loaded.agent().energy(rollout, Goal(goal[None]), blocks)[0]
    return Futures(latents, (latents - goal).square().mean(dim=(2, 3)), energy, apart)


@torch.no_grad()
def surprise(
    loaded: Loaded, moments: Sequence[Float[Tensor, "P D"]], actions: Sequence[Sequence[float]]
) -> Float[Tensor, " steps"]:
    """How far what was seen was from what the step before let expect, in step changes; above `surprise` of the model's agent a
    robot would plan anew.

    Args:
        loaded: the model, which must be calibrated.
        moments: latents of what was seen, T of them, a model step apart.
        actions: `[T-1, width]`, each held from one moment to the next.
    Raises:
        ShapeError: not one action less than moments.
    """
    if len(moments) < 2 or len(actions) != len(moments) - 1:
        raise ShapeError(
            f"{len(moments)} moments came with {len(actions)} actions; give at least 2, and one action less."
        )
    if not loaded.model.step_change > 0:
        raise BadInput("this model was never calibrated, so it has no measure of surprise.")
    seen = torch.stack(list(moments))
    steps = check_courses(loaded, [[action] for action in actions]).repeat(1, 1, loaded.model.frame_skip)
    alone = Context(seen[:-1, None], steps.new_zeros(len(steps), 0, steps.shape[-1]))
    expected = loaded.model.rollout(alone, steps[:, None]).latents[:, 0, 0]
    return (seen[1:] - expected).square().mean(dim=(1, 2)) / loaded.model.step_change


def check_courses(loaded: Loaded, actions: Sequence[Sequence[Sequence[float]]]) -> Float[Tensor, "N H width"]:
    action = loaded.model.action
    lengths = {len(course) for course in actions}
    if len(lengths) != 1 or 0 in lengths:
        raise ShapeError(
            f"{len(actions)} courses of action came with lengths {sorted(lengths)[:5]}; give all the same, above 0."
        )
    if len(actions) * max(lengths) > MOST_STEPS:
        raise BadInput(
            f"{len(actions)} courses of {max(lengths)} steps are more than the {MOST_STEPS:,} imagined at once."
        )
    if any(len(step) != action.width for course in actions for step in course):
        raise ShapeError(
            f"each action has {action.width} numbers ({action.unit or 'no unit'}); one has another length."
        )
    courses = torch.tensor(actions, dtype=torch.float32)
    low, high = torch.tensor(action.low) - 1e-4, torch.tensor(action.high) + 1e-4
    too_long = action.norm is not None and bool((courses.norm(dim=-1) > action.norm * (1 + 1e-4)).any())
    if not torch.isfinite(courses).all() or bool(((courses < low) | (courses > high)).any()) or too_long:
        norm = "" if action.norm is None else f" and is at most {action.norm:g} long"
        raise BadInput(
            f"an action lies from {action.low} to {action.high}{norm}; one is outside, where the model knows nothing."
        )
    return courses

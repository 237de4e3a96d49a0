"""What an agent keeps of its task from one model step to the next: one row a world, to be joined with others and parted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gedanken.agent.wayfinding import Legs
from gedanken.memory import RecentLatents
from gedanken.types import Context, Goal, Plan, Recollection, Trace


@dataclass(frozen=True)
class Task:
    """A goal, and how far the thought about it has come.

    Args:
        goal: where to be.
        recent: working memory.
        plan: the one at hand, an environment action a model step.
        age: model steps for which it was followed `[B]`.
        since_cold: model steps since the last cold search `[B]`.
        expected: latents expected now `[B, P, D]`; None before the first step.
        last: action of the model step before `[B, A]`; None before the first.
        places: latents of the last steps, as many as idling is told by.
        foreseen: a plan from where this step is expected to lead, made ahead of time; None where there is none.
        legs: where landmarks send each row first; None where there are none.
        state: what a model that carries a state on remembers of all before now `[B, P, hidden]`; None where there is none.
        recalled: what was recalled of the memory before thinking; None where the model wants nothing recalled.
    """

    goal: Goal
    recent: RecentLatents
    plan: Plan
    age: Int[Tensor, " B"]
    since_cold: Int[Tensor, " B"]
    expected: Float[Tensor, "B P D"] | None = None
    last: Float[Tensor, "B A"] | None = None
    places: tuple[Tensor, ...] = ()
    foreseen: Plan | None = None
    legs: Legs | None = None
    state: Float[Tensor, "B P hidden"] | None = None
    recalled: Recollection | None = None

    @property
    def context(self) -> Context:
        """What predictions start from."""
        return replace(self.recent.context(), state=self.state, recalled=self.recalled)

    @property
    def ahead(self) -> Goal:
        """What is planned for: the next landmark where there is one, else the goal."""
        return self.goal if self.legs is None else Goal(self.legs.aims)

    @property
    def form(self) -> tuple[int, ...]:
        """Tasks of the same form can be joined: as much is remembered of each."""
        missing = (each is None for each in (self.expected, self.foreseen, self.state, self.recalled))
        return (len(self.recent), len(self.places), *missing)


def joined(tasks: Sequence[Task]) -> Task:
    """One task with the rows of all, which must be of one form."""
    return tasks[0] if len(tasks) == 1 else _joined(tasks)


def parted(task: Any, rows: int) -> list[Any]:
    """The single rows of a task, a plan, or anything else that is made of tensors `[B, ...]`, in order."""
    if isinstance(task, Tensor):
        return list(task.split(1))
    if isinstance(task, Trace):
        return [Trace(*of) for of in zip(task.best.split(1, dim=1), task.mean.split(1, dim=1), strict=True)]
    if isinstance(task, tuple):
        return [tuple(of) for of in zip(*(parted(each, rows) for each in task), strict=True)] or [()] * rows
    if hasattr(task, "__dataclass_fields__"):
        names = [each.name for each in fields(task)]
        columns = [parted(getattr(task, name), rows) for name in names]
        return [type(task)(**dict(zip(names, of, strict=True))) for of in zip(*columns, strict=True)]
    return [task] * rows


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, Trace):  # searches of different lengths have no trace in common
        rounds = min(len(each.best) for each in parts)
        best, mean = (torch.cat([getattr(each, name)[:rounds] for each in parts], 1) for name in ("best", "mean"))
        return Trace(best, mean)
    if isinstance(first, tuple):
        return tuple(_joined(each) for each in zip(*parts, strict=True))
    if hasattr(first, "__dataclass_fields__"):
        values = {each.name: _joined([getattr(part, each.name) for part in parts]) for each in fields(first)}
        return replace(first, **values)
    return first

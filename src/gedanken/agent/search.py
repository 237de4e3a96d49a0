"""How an agent comes by its plans: each row searches cold or warm, follows what it has, draws a step, or stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from gedanken.agent.config import AgentConfig
from gedanken.agent.configurator import Thresholds
from gedanken.agent.decision import Ways
from gedanken.agent.task import Task
from gedanken.contracts import Energy, WorldModel
from gedanken.planners import (
    Enough,
    EnoughImagined,
    PlannerConfig,
    anytime,
    generators_of,
    limited,
    normal,
    planner_of,
    shifted,
    tree_search,
    until_enough,
)
from gedanken.types import Context, Goal, Plan, Search, Trace

_ROWS = 2048
"""Candidates rolled out in one batch: more falls out of the cache, fewer leaves the matrix products too small."""


@dataclass(frozen=True)
class PlanSearch:
    """An agent's thought about one step; see `Agent` for what it is made of."""

    model: WorldModel
    energy: Energy
    thresholds: Thresholds
    config: AgentConfig
    generator: Generator

    def thought(self, task: Task, distance: Tensor, ways: Ways, enough: Enough | None) -> tuple[Plan, Tensor]:
        """Each row's plan: to stay, searched cold or warm, foreseen, what is left of the last one, or one drawn step; and
        whether its search was cut short."""
        plan, left = self.still(distance), shifted(task.plan)
        plan, cut = _merged(plan, replace(task.plan, actions=left), ways.followed), torch.zeros_like(ways.held)
        if task.foreseen is not None:
            plan = _merged(plan, task.foreseen, ways.foreseen)
        start = left.masked_fill(ways.cold[:, None, None], 0.0)
        for rows, search in ((ways.cold, self.config.cold), (ways.warm, self.config.warm)):
            for part in self._by_depth(task, rows):
                for chunk in part.nonzero()[:, 0].split(max(1, _ROWS // search.candidates)):
                    if len(chunk):  # no rows split into one empty chunk
                        found, cut[chunk] = self.planned(task, chunk, start[chunk], search, enough)
                        plan = _placed(plan, found, chunk)
        return self._elsewhere(plan, ways.drawn), cut

    def _by_depth(self, task: Task, rows: Tensor) -> tuple[Tensor, ...]:
        """The rows that head for a landmark, which lies near, and those that head for their goal."""
        if task.legs is None or not self.config.near:
            return (rows,)
        return rows & (task.legs.target >= 0), rows & (task.legs.target < 0)

    def planned(
        self, task: Task, rows: Tensor, mean: Tensor, search: PlannerConfig, enough: Enough | None
    ) -> tuple[Plan, bool]:
        """The plan searched for some rows, and whether its search was cut short."""
        horizon = mean.shape[1]
        if self.config.near and task.legs is not None and bool((task.legs.target[rows] >= 0).all()):
            mean = mean[:, : self.config.near]
        goal, start = Goal(task.ahead.latents[rows]), self._start(mean)
        context = _of_rows(task.context, rows)
        energy = energy_of(self.model, self.energy, context, goal)
        generator = generators_of(rows, self.generator)
        if search is self.config.cold and self.config.tree is not None:
            start = self._led(energy, context, goal, start, generator, enough)
        if enough is None:
            return _rested(planner_of(search).plan(energy, start, config=search, generator=generator), horizon), False
        plan, cut = anytime(energy, start, search, generator, enough)
        return _rested(plan, horizon), cut

    def _led(
        self,
        energy: Callable[[Tensor], Tensor],
        context: Context,
        goal: Goal,
        start: Search,
        generator: Generator,
        enough: Enough | None,
    ) -> Search:
        """The start with the way a tree of imagined places found, where there was time for one."""
        assert self.config.tree is not None
        now, apart, imagine = context.latents[:, -1], self.thresholds.apart, step_of(self.model)
        if enough is not None:
            imagine = until_enough(imagine, enough)
        try:
            way = tree_search(energy, imagine, now, goal.latents, start, apart, self.config.tree, generator=generator)
        except EnoughImagined:
            return start
        return replace(start, mean=way.actions)

    def _start(self, mean: Tensor) -> Search:
        action = self.model.action
        low, high = torch.tensor(action.low), torch.tensor(action.high)
        reach = torch.full_like(high, action.norm) if action.norm else (high - low) / 2
        return Search(mean, (self.config.spread * reach).expand_as(mean), low, high, action.norm)

    def _elsewhere(self, plan: Plan, drawn: Tensor) -> Plan:
        """The plan with a drawn action in some rows, held for one model step and followed by rest: away from where the model
        is wrong."""
        rows = drawn.nonzero()[:, 0]
        if not len(rows):
            return plan
        start = self._start(torch.zeros_like(plan.actions[rows]))
        noise = normal(*start.std.shape, rows=0, generator=generators_of(rows, self.generator))
        away = limited((start.std * noise)[:, None], start)[:, 0]
        away[:, 1:] = 0.0
        return replace(plan, actions=plan.actions.index_copy(0, rows, away))

    def still(self, distance: Tensor) -> Plan:
        """The plan to stay, for rows in which nothing is searched."""
        none = torch.zeros(0, len(distance))
        feasible = torch.ones_like(distance, dtype=torch.bool)
        rest = torch.zeros(len(distance), self.config.horizon, self.model.action.width)
        return Plan(rest, distance.clone(), feasible, Trace(none, none))


def _of_rows(context: Context, rows: Tensor) -> Context:
    state, recalled = context.state, context.recalled
    return Context(
        context.latents[rows],
        context.actions[rows],
        None if state is None else state[rows],
        None if recalled is None else recalled.of(rows),
    )


def energy_of(model: WorldModel, energy: Energy, context: Context, goal: Goal) -> Callable[[Tensor], Tensor]:
    """What a planner is given: environment actions `[B, N, H, width]`, each held for a model step → energies `[B, N]`."""

    def of(actions: Tensor) -> Tensor:
        blocks = actions.repeat(1, 1, 1, model.frame_skip)
        return energy(model.rollout(context, blocks), goal, blocks)

    return of


def step_of(model: WorldModel) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]:
    """One model step from latents `[B, n, P, D]`, each its own past, by environment actions `[B, n, K, width]` held for it; the
    latents after it, and the errors expected."""

    def of(latents: Tensor, actions: Tensor) -> tuple[Tensor, Tensor | None]:
        blocks = actions.flatten(0, 1)[:, :, None].repeat(1, 1, 1, model.frame_skip)
        alone = Context(latents.flatten(0, 1)[:, None], blocks.new_zeros(blocks.shape[0], 0, blocks.shape[-1]))
        rollout, sizes = model.rollout(alone, blocks), latents.shape[:2]
        errors = rollout.expected_error
        after = rollout.latents[:, :, 0].unflatten(0, sizes)
        return after, None if errors is None else errors[:, :, 0].unflatten(0, sizes)

    return of


def _rested(plan: Plan, horizon: int) -> Plan:
    """A plan of so many steps: after its own it rests."""
    batch, steps, width = plan.actions.shape
    if steps == horizon:
        return plan
    return replace(
        plan, actions=torch.cat([plan.actions, plan.actions.new_zeros(batch, horizon - steps, width)], dim=1)
    )


def _merged(plan: Plan, other: Plan, rows: Tensor) -> Plan:
    """`plan` with the rows `[B]` of the other where these are true; traces of different lengths are not kept."""
    if not rows.any():
        return plan
    return replace(
        plan,
        actions=torch.where(rows[:, None, None], other.actions, plan.actions),
        energy=torch.where(rows, other.energy, plan.energy),
        feasible=torch.where(rows, other.feasible, plan.feasible),
    )


def _placed(plan: Plan, part: Plan, rows: Tensor) -> Plan:
    """`plan` with `part` in the rows of these numbers."""
    return replace(
        plan,
        actions=plan.actions.index_copy(0, rows, part.actions),
        energy=plan.energy.index_copy(0, rows, part.energy),
        feasible=plan.feasible.index_copy(0, rows, part.feasible),
    )

"""Several agents think in one batch: each keeps its own goal, memory and random numbers, and only the searching is shared.

Robots that ask in the same moment are at different points of their tasks: one searches cold, one warm, one holds. Whatever
a step asks for, the rows that ask for it are searched side by side; an agent alone and the same agent in company draw the same
numbers, so their actions differ by no more than the rounding of larger matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gedanken.agent.decision import Decision
from gedanken.agent.loop import Agent
from gedanken.agent.task import Task, joined, parted
from gedanken.errors import BadInput
from gedanken.planners import Enough, RowGenerators
from gedanken.types import Observation


def act_together(
    agents: Sequence[Agent], observations: Sequence[Observation], enough: Enough | None = None
) -> list[Decision]:
    """One model step of each agent, as `Agent.act` would decide it alone; those at like points of their tasks share a batch.

    Args:
        agents: each drives one world, with a goal of its own; all of one model, energy and configuration.
        observations: what each sees now, streams `[1, ...]`.
        enough: ends all their searches, see `planners.anytime`.
    Raises:
        BadInput: an agent without a goal, of another model, or of more than one world.
        ShapeError: an observation that does not fit its goal.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, agent in enumerate(agents):
        form = _fitting(agent, agents[0]).form
        # Landmarks, levels and what is recalled are an agent's own: it thinks alone.
        recalls = agent.memory is not None and bool(getattr(agent.model, "recalls", 0))
        alone = recalls or agent.landmarks is not None or agent.levels is not None
        groups.setdefault((*form, index) if alone else form, []).append(index)
    decisions: dict[int, Decision] = {}
    for rows in groups.values():
        if len(rows) == 1:
            decisions[rows[0]] = agents[rows[0]].act(observations[rows[0]], enough)
            continue
        seen = {name: torch.cat([observations[row][name] for row in rows]) for name in observations[rows[0]]}
        company = _company([agents[row] for row in rows])
        first = company.task is not None and company.task.expected is None
        decided = parted(company.act(seen, enough), len(rows))
        for row, decision, task in zip(rows, decided, parted(company.task, len(rows)), strict=True):
            decisions[row], agents[row].task = decision, task
            agents[row].remember(observations[row], decision, first=first)
    return [decisions[index] for index in range(len(agents))]


def _company(agents: Sequence[Agent]) -> Agent:
    """One agent with the rows of all."""
    first = agents[0]
    company = Agent(first.model, first.energy, first.thresholds, first.config)
    company.generator = RowGenerators([each.generator for each in agents])
    company.task = joined([_fitting(each, first) for each in agents])
    return company


def _fitting(agent: Agent, first: Agent) -> Task:
    if agent.task is None:
        raise BadInput("an agent has no goal yet; call begin(goal) on each first.")
    same = agent.model is first.model and agent.config == first.config and agent.thresholds == first.thresholds
    if not same or len(agent.task.age) != 1:
        raise BadInput("only agents of one model and one configuration, each with one world, can act together.")
    return agent.task

"""The receding-horizon loop: perceive, compare with what was expected, hold or plan, act for one model step.

Five habits belong here and not to the planner. At the goal the agent holds still instead of planning. A plan that comes true
is followed for some steps before the next search. After a prediction that the world did not keep (a wall that was imagined
away) the warm start is dropped and the search starts cold, since a plan believed once is otherwise repeated for ever. And
where the model is wrong within a few steps of a cold search, as on a door's jamb, no search in it helps: the agent takes
one drawn step away from there. An agent that stays in one place without being surprised waits for a plan that never comes
true, and searches cold as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from gedanken.agent.config import AgentConfig
from gedanken.agent.configurator import Thresholds
from gedanken.agent.remembering import moments_of
from gedanken.agent.task import Task
from gedanken.contracts import Energy, Memory, WorldModel
from gedanken.errors import BadInput, ShapeError
from gedanken.memory import RecentLatents
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
from gedanken.types import Context, Goal, Observation, Plan, Recalled, Search, Trace

_ROWS = 2048
"""Candidates rolled out in one batch: more falls out of the cache, fewer leaves the matrix products too small."""


@dataclass(frozen=True)
class _Ways:
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


class Agent:
    """Drives a batch of worlds, each to its own goal, with one model.

    One environment action is held for the whole model step, so the planner searches `width` numbers a step, not
    `frame_skip` times as many.

    Args:
        model: keeps the `WorldModel` contract.
        energy: what planning minimises.
        thresholds: when to hold and when to be surprised, in squared latent distance.
        config: how to plan.
        seed: of all randomness.
        memory: where all that is seen and done is kept, each row of a batch as an episode of its own; None keeps nothing. Who
            opened it closes it.
    """

    def __init__(
        self,
        model: WorldModel,
        energy: Energy,
        thresholds: Thresholds,
        config: AgentConfig | None = None,
        seed: int = 0,
        memory: Memory | None = None,
    ) -> None:
        bounds = torch.tensor([model.action.low, model.action.high])
        if not bool(torch.isfinite(bounds).all()) or bool((bounds[0] > 0).any()) or bool((bounds[1] < 0).any()):
            raise BadInput(
                f"actions from {model.action.low} to {model.action.high} cannot be searched: the agent rests by the zero "
                "action and samples within finite bounds; shift or bound the actions where you record them."
            )
        self.model, self.energy, self.thresholds = model, energy, thresholds
        self.config = config or AgentConfig()
        self.generator = Generator().manual_seed(seed)
        self.memory = memory
        self.task: Task | None = None

    @torch.no_grad()
    def begin(self, goal: Observation) -> None:
        """Forget the last task and take a new goal: streams `[B, ...]`."""
        latents = self._seen(goal)
        width = self.model.frame_skip * self.model.action.width
        count = len(latents)
        self._episode = uuid4().hex[:8]
        self.task = Task(
            goal=Goal(latents),
            recent=RecentLatents(max(self.config.past, getattr(self.model, "past", 1)), width),
            plan=self._still(torch.zeros(count)),
            age=torch.zeros(count, dtype=torch.long),
            since_cold=torch.full((count,), self.config.restless, dtype=torch.long),
        )

    @torch.no_grad()
    def act(self, observation: Observation, enough: Enough | None = None) -> Decision:
        """Decide on the next model step from what is seen now: streams `[B, ...]`; with a memory, it is kept before this returns.

        Args:
            observation: what is seen.
            enough: ends a search between two of its rounds, as at a deadline; None lets every search come to its end.
        Raises:
            BadInput: no goal was given.
            ShapeError: not one observation for each goal.
            StorageError: the memory could not keep it.
        """
        task, seen = self._at_hand(), self._seen(observation)
        if seen.shape != task.goal.latents.shape:
            raise ShapeError(
                f"what is seen has latents {tuple(seen.shape)} and the goals {tuple(task.goal.latents.shape)}; "
                "give one observation for each goal."
            )
        recent = task.recent.write(seen, task.last)
        distance = _apart(seen, task.goal.latents)
        surprise = torch.zeros_like(distance) if task.expected is None else _apart(seen, task.expected)
        held = distance < self.thresholds.hold
        since_cold = task.since_cold + 1
        cold, drawn = self._unsettled(task, since_cold, surprise, held, seen)
        since_cold, cold = since_cold.masked_fill(cold, 0), cold & ~held
        calm = surprise <= self.thresholds.surprise
        followed = calm & (task.age < self.config.patience) & ~(held | cold)
        foreseen = calm & ~(held | cold | followed) & (task.foreseen is not None)
        task = replace(task, recent=recent, since_cold=since_cold)
        plan, cut = self._thought(task, distance, _Ways(held, cold, drawn, followed, foreseen), enough)
        settled = held | drawn  # neither is a plan to follow
        age = torch.where(followed, task.age + 1, 1).masked_fill(settled, self.config.patience)
        whole = plan.repeated(self.model.frame_skip)
        steps = self.config.idle
        places = (*task.places, seen)[-steps:] if steps else ()
        task = replace(task, plan=plan, age=age, last=whole.actions[:, 0], places=places, foreseen=None)
        first, self.task = task.expected is None, task
        self.task = replace(task, expected=self.imagine(whole.actions[:, :1])[:, 0])
        decision = Decision(whole.actions[:, 0], whole, distance, surprise, held, cold, drawn, followed, foreseen, cut)
        self.remember(observation, decision, first=first)
        return decision

    def remember(self, observation: Observation, decision: Decision, *, first: bool) -> None:
        """Keep what was seen and is done now where there is a memory; `act` has done so.

        Args:
            observation: what was just decided on.
            decision: what was decided.
            first: whether nothing had been expected, so that there is no surprise to keep.
        Raises:
            StorageError: the memory could not keep it.
        """
        if self.memory is not None:
            seen = self._at_hand().recent.context().latents[:, -1]
            surprise = None if first else decision.surprise
            self.memory.write(moments_of(observation, seen, decision.actions, surprise, self._episode))

    @torch.no_grad()
    def foresee(self, enough: Enough | None = None) -> bool:
        """Search for the next step already, from where this one is expected to lead; `act` takes it up if that comes true.

        Returns:
            whether there was anything to foresee: a plan that is still to be followed needs no search, nor does a goal that
            was reached.
        """
        task = self._at_hand()
        if task.expected is None or task.last is None or not bool((task.age >= self.config.patience).any()):
            return False
        if bool((_apart(task.expected, task.goal.latents) < self.thresholds.hold).all()):
            return False
        ahead = replace(task, recent=task.recent.write(task.expected, task.last))
        rows, mean = torch.arange(len(task.age)), shifted(task.plan)
        plan, _ = self._planned(ahead, rows, mean, self.config.warm, enough)
        self.task = replace(task, foreseen=plan)
        return True

    @torch.no_grad()
    def recall(self, observation: Observation, count: int = 10) -> Recalled:
        """The `count` moments in memory that resemble most what is seen: streams `[B, ...]`.

        Raises:
            BadInput: the agent has no memory.
        """
        if self.memory is None:
            raise BadInput("the agent has no memory to recall from; give it one, Agent(..., memory=...).")
        return self.memory.nearest(self._seen(observation), count)

    def imagine(self, actions: Float[Tensor, "B H A"]) -> Float[Tensor, "B H P D"]:
        """The latents expected if `actions` were carried out from here."""
        with torch.no_grad():
            return self.model.rollout(self._at_hand().recent.context(), actions[:, None]).latents[:, 0]

    def goal_distance(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, " B"]:
        """Squared distance of latents to the goal, mean over P and D."""
        return _apart(latents, self._at_hand().goal.latents)

    def _at_hand(self) -> Task:
        if self.task is None:
            raise BadInput("the agent has no goal yet; call begin(goal) first.")
        return self.task

    def _seen(self, observation: Observation) -> Tensor:
        return self.model.encode({name: values[:, None] for name, values in observation.items()})[:, 0]

    def _unsettled(
        self, task: Task, since_cold: Tensor, surprise: Tensor, held: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows that search cold unless they are held, and rows that draw a step since they were surprised again soon after."""
        surprised, resting = surprise > self.thresholds.surprise, since_cold <= self.config.restless
        idle = self._idle(task, since_cold, seen) & ~held
        cold = torch.ones_like(held) if task.expected is None else (surprised & ~resting) | idle
        return cold, surprised & resting & ~(idle | held)

    def _idle(self, task: Task, since_cold: Tensor, seen: Tensor) -> Tensor:
        """Rows that are where they were some steps ago, and have not searched cold since."""
        steps = self.config.idle
        if not steps or len(task.places) < steps:
            return torch.zeros(len(seen), dtype=torch.bool)
        return (_apart(seen, task.places[-steps]) < self.thresholds.apart) & (since_cold >= steps)

    def _thought(self, task: Task, distance: Tensor, ways: _Ways, enough: Enough | None) -> tuple[Plan, Tensor]:
        """Each row's plan: to stay, searched cold or warm, foreseen, what is left of the last one, or one drawn step; and
        whether its search was cut short."""
        plan, left = self._still(distance), shifted(task.plan)
        cut = torch.zeros_like(ways.held)
        rows = ways.followed.nonzero()[:, 0]
        last = replace(task.plan, actions=left[rows], energy=task.plan.energy[rows], feasible=task.plan.feasible[rows])
        plan, start = _merged(plan, last, rows), left.masked_fill(ways.cold[:, None, None], 0.0)
        if task.foreseen is not None:
            rows = ways.foreseen.nonzero()[:, 0]
            ahead = replace(
                plan,
                actions=task.foreseen.actions[rows],
                energy=task.foreseen.energy[rows],
                feasible=task.foreseen.feasible[rows],
            )
            plan = _merged(plan, ahead, rows)
        for rows, search in ((ways.cold, self.config.cold), (ways.warm, self.config.warm)):
            for chunk in rows.nonzero()[:, 0].split(max(1, _ROWS // search.candidates)):
                if len(chunk):  # no rows split into one empty chunk
                    found, cut[chunk] = self._planned(task, chunk, start[chunk], search, enough)
                    plan = _merged(plan, found, chunk)
        return _merged(plan, self._elsewhere(plan, ways.drawn), ways.drawn.nonzero()[:, 0]), cut

    def _planned(
        self, task: Task, rows: Tensor, mean: Tensor, search: PlannerConfig, enough: Enough | None
    ) -> tuple[Plan, bool]:
        """The plan searched for some rows, and whether its search was cut short."""
        recent, goal, start = task.recent.context(), Goal(task.goal.latents[rows]), self._start(mean)
        context = Context(recent.latents[rows], recent.actions[rows])
        energy = energy_of(self.model, self.energy, context, goal)
        generator = generators_of(rows, self.generator)
        if search is self.config.cold and self.config.tree is not None:
            start = self._led(energy, context, goal, start, generator, enough)
        if enough is None:
            return planner_of(search).plan(energy, start, config=search, generator=generator), False
        return anytime(energy, start, search, generator, enough)

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

    def _elsewhere(self, plan: Plan, rows: Tensor) -> Plan:
        """A drawn action, held for one model step and followed by rest: away from where the model is wrong."""
        start = self._start(torch.zeros_like(plan.actions[rows]))
        generator = generators_of(rows.nonzero()[:, 0], self.generator)
        drawn = limited((start.std * normal(*start.std.shape, rows=0, generator=generator))[:, None], start)[:, 0]
        drawn[:, 1:] = 0.0
        return replace(plan, actions=drawn, energy=plan.energy[rows], feasible=plan.feasible[rows])

    def _still(self, distance: Tensor) -> Plan:
        """The plan to stay, for rows in which nothing is searched."""
        none = torch.zeros(0, len(distance))
        feasible = torch.ones_like(distance, dtype=torch.bool)
        rest = torch.zeros(len(distance), self.config.horizon, self.model.action.width)
        return Plan(rest, distance.clone(), feasible, Trace(none, none))


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


def _apart(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().mean(dim=(1, 2))


def _merged(plan: Plan, part: Plan, rows: Tensor) -> Plan:
    """`plan` with some of its rows replaced; traces of different lengths are not kept."""
    return replace(
        plan,
        actions=plan.actions.index_copy(0, rows, part.actions),
        energy=plan.energy.index_copy(0, rows, part.energy),
        feasible=plan.feasible.index_copy(0, rows, part.feasible),
    )

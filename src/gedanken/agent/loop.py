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
from gedanken.contracts import Energy, Memory, WorldModel
from gedanken.errors import BadInput, ShapeError
from gedanken.memory import RecentLatents
from gedanken.planners import PlannerConfig, limited, planner_of, shifted, tree_search
from gedanken.types import Context, Goal, Observation, Plan, Recalled, Search, Trace

_ROWS = 2048
"""Candidates rolled out in one batch: more falls out of the cache, fewer leaves the matrix products too small."""


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
    """

    actions: Float[Tensor, "B A"]
    plan: Plan
    distance: Float[Tensor, " B"]
    surprise: Float[Tensor, " B"]
    held: Bool[Tensor, " B"]
    cold: Bool[Tensor, " B"]
    drawn: Bool[Tensor, " B"]
    followed: Bool[Tensor, " B"]

    @property
    def searched(self) -> Bool[Tensor, " B"]:
        """Whether a planner was asked `[B]`."""
        return ~(self.held | self.drawn | self.followed)

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
        self._goal: Goal | None = None

    @torch.no_grad()
    def begin(self, goal: Observation) -> None:
        """Forget the last task and take a new goal: streams `[B, ...]`."""
        latents = self._seen(goal)
        self._goal = Goal(latents)
        width = self.model.frame_skip * self.model.action.width
        self._recent = RecentLatents(max(self.config.past, getattr(self.model, "past", 1)), width)
        self._plan = self._still(torch.zeros(len(latents)))
        self._age = torch.zeros(len(latents), dtype=torch.long)
        self._expected: Tensor | None = None
        self._last: Tensor | None = None
        self._since_cold = torch.full((len(latents),), self.config.restless, dtype=torch.long)
        self._places: list[Tensor] = []
        self._task = uuid4().hex[:8]

    @torch.no_grad()
    def act(self, observation: Observation) -> Decision:
        """Decide on the next model step from what is seen now: streams `[B, ...]`; with a memory, it is kept before this returns.

        Raises:
            BadInput: no goal was given.
            StorageError: the memory could not keep it.
        """
        if self._goal is None:
            raise BadInput("the agent has no goal yet; call begin(goal) first.")
        seen = self._seen(observation)
        if seen.shape != self._goal.latents.shape:
            raise ShapeError(
                f"what is seen has latents {tuple(seen.shape)} and the goals {tuple(self._goal.latents.shape)}; "
                "give one observation for each goal."
            )
        self._recent = self._recent.write(seen, self._last)
        distance = _apart(seen, self._goal.latents)
        surprise = torch.zeros_like(distance) if self._expected is None else _apart(seen, self._expected)
        held = distance < self.thresholds.hold
        cold, drawn = self._unsettled(surprise, held, seen)
        calm = surprise <= self.thresholds.surprise
        followed = calm & (self._age < self.config.patience) & ~(held | cold)
        plan = self._thought(distance, held, cold, drawn, followed)
        self._plan, self._age = plan, torch.where(followed, self._age + 1, 1)
        self._age[held | drawn] = self.config.patience  # neither is a plan to follow
        whole = plan.repeated(self.model.frame_skip)
        self._last = whole.actions[:, 0]
        if self.memory is not None:
            wondered = None if self._expected is None else surprise
            self.memory.write(moments_of(observation, seen, self._last, wondered, self._task))
        self._expected = self.imagine(whole.actions[:, :1])[:, 0]
        return Decision(self._last, whole, distance, surprise, held, cold, drawn, followed)

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
            return self.model.rollout(self._recent.context(), actions[:, None]).latents[:, 0]

    def goal_distance(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, " B"]:
        """Squared distance of latents to the goal, mean over P and D."""
        if self._goal is None:
            raise BadInput("the agent has no goal yet; call begin(goal) first.")
        return _apart(latents, self._goal.latents)

    def _seen(self, observation: Observation) -> Tensor:
        return self.model.encode({name: values[:, None] for name, values in observation.items()})[:, 0]

    def _unsettled(self, surprise: Tensor, held: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Rows that search cold, and rows that draw a step since they were surprised again soon after they did."""
        self._since_cold += 1
        surprised, resting = surprise > self.thresholds.surprise, self._since_cold <= self.config.restless
        idle = self._idle(seen) & ~held
        cold = torch.ones_like(held) if self._expected is None else (surprised & ~resting) | idle
        self._since_cold[cold] = 0
        return cold & ~held, surprised & resting & ~(idle | held)

    def _idle(self, seen: Tensor) -> Tensor:
        """Rows that are where they were some steps ago, and have not searched cold since."""
        before, steps = self._places, self.config.idle
        self._places = [*before, seen][-steps:] if steps else []
        if not steps or len(before) < steps:
            return torch.zeros(len(seen), dtype=torch.bool)
        return (_apart(seen, before[-steps]) < self.thresholds.apart) & (self._since_cold >= steps)

    def _thought(self, distance: Tensor, held: Tensor, cold: Tensor, drawn: Tensor, followed: Tensor) -> Plan:
        """Each row's plan: to stay, searched cold or warm, what is left of the last one, or one drawn step."""
        plan, left = self._still(distance), shifted(self._plan)
        rows = followed.nonzero()[:, 0]
        last = replace(
            self._plan, actions=left[rows], energy=self._plan.energy[rows], feasible=self._plan.feasible[rows]
        )
        plan, start = _merged(plan, last, rows), left.masked_fill(cold[:, None, None], 0.0)
        for rows, search in ((cold, self.config.cold), (~(cold | held | drawn | followed), self.config.warm)):
            for chunk in rows.nonzero()[:, 0].split(max(1, _ROWS // search.candidates)):
                if len(chunk):  # no rows split into one empty chunk
                    plan = _merged(plan, self._planned(chunk, start[chunk], search), chunk)
        return _merged(plan, self._elsewhere(plan, drawn), drawn.nonzero()[:, 0])

    def _planned(self, rows: Tensor, mean: Tensor, search: PlannerConfig) -> Plan:
        assert self._goal is not None
        recent, goal, start = self._recent.context(), Goal(self._goal.latents[rows]), self._start(mean)
        context = Context(recent.latents[rows], recent.actions[rows])
        energy = energy_of(self.model, self.energy, context, goal)
        if search is self.config.cold and self.config.tree is not None:
            now, apart, imagine = context.latents[:, -1], self.thresholds.apart, step_of(self.model)
            way = tree_search(
                energy, imagine, now, goal.latents, start, apart, self.config.tree, generator=self.generator
            )
            start = replace(start, mean=way.actions)
        return planner_of(search).plan(energy, start, config=search, generator=self.generator)

    def _start(self, mean: Tensor) -> Search:
        action = self.model.action
        low, high = torch.tensor(action.low), torch.tensor(action.high)
        reach = torch.full_like(high, action.norm) if action.norm else (high - low) / 2
        return Search(mean, (self.config.spread * reach).expand_as(mean), low, high, action.norm)

    def _elsewhere(self, plan: Plan, rows: Tensor) -> Plan:
        """A drawn action, held for one model step and followed by rest: away from where the model is wrong."""
        start = self._start(torch.zeros_like(plan.actions[rows]))
        drawn = limited((start.std * torch.randn(start.std.shape, generator=self.generator))[:, None], start)[:, 0]
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

"""The receding-horizon loop: perceive, compare with what was expected, hold or plan, act for one model step.

Five habits belong here and not to the planner. At the goal the agent holds still instead of planning. A plan that comes true
is followed for some steps before the next search. After a prediction that the world did not keep (a wall that was imagined
away) the warm start is dropped and the search starts cold, since a plan believed once is otherwise repeated for ever. And
where the model is wrong within a few steps of a cold search, as on a door's jamb, no search in it helps: the agent takes
one drawn step away from there. An agent that stays in one place without being surprised waits for a plan that never comes
true, and searches cold as well.
"""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import uuid4

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.agent.config import AgentConfig
from gedanken.agent.configurator import Thresholds
from gedanken.agent.decision import Decision, Ways
from gedanken.agent.distance import apart
from gedanken.agent.levels import Levels, ways_of
from gedanken.agent.recollecting import Reckoning, recollected
from gedanken.agent.remembering import moments_of
from gedanken.agent.search import PlanSearch
from gedanken.agent.task import Task
from gedanken.agent.unsettled import unsettled
from gedanken.agent.wayfinding import onward
from gedanken.contracts import Energy, Landmarks, Memory, WorldModel
from gedanken.errors import BadInput, ShapeError
from gedanken.memory import RecentLatents
from gedanken.planners import Enough, shifted
from gedanken.types import Goal, Observation, Recalled, Recollection

_ARRIVED = 2.0
"""How much farther from a landmark than from the goal counts as being there, in squared distance: it is only passed."""
_KEPT_AT_ONCE = 2000
"""Moments of a rest that are written in one commit."""


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
        clock: an attribute, not an argument: what time it is, in seconds since 1970; a simulation may set its own.
        landmarks: find ways to goals beyond the horizon, by sub-goals (`wayfinding.py`); they grow by what is remembered. None
            plans for every goal directly.
        levels: find sub-goals where landmarks know none, by a slower clock (`levels.py`).
    """

    def __init__(
        self,
        model: WorldModel,
        energy: Energy,
        thresholds: Thresholds,
        config: AgentConfig | None = None,
        seed: int = 0,
        memory: Memory | None = None,
        landmarks: Landmarks | None = None,
        levels: Levels | None = None,
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
        self.memory, self.landmarks, self.levels = memory, landmarks, levels
        self.clock = time.time
        self.task: Task | None = None
        self._reckoning: Reckoning | None = None

    @torch.no_grad()
    def begin(self, goal: Observation) -> None:
        """Forget the last task and take a new goal: streams `[B, ...]`."""
        latents = self._seen(goal)
        width, count = self._width, len(latents)
        self._episode = uuid4().hex[:8]
        recalls = bool(getattr(self.model, "recalls", 0))
        if recalls and (self._reckoning is None or len(self._reckoning.travelled) != count):
            self._reckoning = Reckoning(count, width)
        self.task = Task(
            goal=Goal(latents),
            recent=RecentLatents(max(self.config.past, getattr(self.model, "past", 1)), width),
            plan=self._search.still(torch.zeros(count)),
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
        task = self._seeing(task, seen)
        distance = apart(seen, task.goal.latents)
        surprise = torch.zeros_like(distance) if task.expected is None else apart(seen, task.expected)
        held = distance < self.thresholds.hold
        since_cold = task.since_cold + 1
        cold, drawn = unsettled(task, since_cold, surprise, held, seen, self.config, self.thresholds)
        since_cold, cold = since_cold.masked_fill(cold, 0), cold & ~held
        task, turned = self._on_its_way(task, seen, held)
        calm = (surprise <= self.thresholds.surprise) & ~turned
        followed = calm & (task.age < self.config.patience) & ~(held | cold)
        foreseen = calm & ~(held | cold | followed) & (task.foreseen is not None)
        task = replace(task, since_cold=since_cold, recalled=self._recalled(seen))
        plan, cut = self._search.thought(task, distance, Ways(held, cold, drawn, followed, foreseen), enough)
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
            moments = moments_of(observation, seen, decision.actions, surprise, self._episode, self.clock())
            ids = self.memory.write(moments)
            if self._reckoning is not None:
                self._reckoning.note(ids)
                self._reckoning.move(decision.actions)
            if self.landmarks is not None:
                self.landmarks.propose(ids)

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
        if bool((apart(task.expected, task.goal.latents) < self.thresholds.hold).all()):
            return False
        ahead = self._seeing(task, task.expected)
        rows, mean = torch.arange(len(task.age)), shifted(task.plan)
        plan, _ = self._search.planned(ahead, rows, mean, self.config.warm, enough)
        self.task = replace(task, foreseen=plan)
        return True

    @torch.no_grad()
    def rest(self, observation: Observation, steps: int) -> None:
        """Stay for `steps` model steps, in each of which the same is seen: streams `[B, ...]`.

        What `act` would do in each but think: every one of them is kept as a moment of its own, with its time, and read into
        working memory. Only the picture is kept once, with the first, since it does not change.

        Args:
            observation: what is seen in all of them.
            steps: how many, at least 1; the clock stands at the first of them.
        Raises:
            BadInput: no goal was given, or fewer than one step.
            StorageError: the memory could not keep it.
        """
        if steps < 1:
            raise BadInput(f"steps={steps} of rest; rest for at least 1.")
        task, seen = self._at_hand(), self._seen(observation)
        still = seen.new_zeros(len(seen), self._width)
        for _ in range(steps):
            task = replace(self._seeing(task, seen), last=still)
        self.task = replace(task, expected=None)  # who has rested thinks anew
        if self.memory is None:
            return
        now, each = self.clock(), self.model.frame_skip / (self.model.action.rate_hz or self.model.frame_skip)
        bare = {name: values for name, values in observation.items() if name != "pixels"}
        for first in range(0, steps, _KEPT_AT_ONCE):
            moments = [
                moment
                for step in range(first, min(first + _KEPT_AT_ONCE, steps))
                for moment in moments_of(
                    bare if step else observation, seen, still, None, self._episode, now + step * each
                )
            ]
            ids = self.memory.write(moments)
            if self._reckoning is not None:
                self._reckoning.note(ids)

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
            return self.model.rollout(self._at_hand().context, actions[:, None]).latents[:, 0]

    def goal_distance(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, " B"]:
        """Squared distance of latents to the goal, mean over P and D."""
        return apart(latents, self._at_hand().goal.latents)

    def _at_hand(self) -> Task:
        if self.task is None:
            raise BadInput("the agent has no goal yet; call begin(goal) first.")
        return self.task

    @property
    def _width(self) -> int:
        return self.model.frame_skip * self.model.action.width

    @property
    def _search(self) -> PlanSearch:
        return PlanSearch(self.model, self.energy, self.thresholds, self.config, self.generator)

    def _seeing(self, task: Task, seen: Tensor) -> Task:
        """The task with one more thing seen, after what was done last."""
        carry, state = getattr(self.model, "carry", None), task.state
        if carry is not None and task.last is not None:
            state = carry(state, task.recent.context().latents[:, -1], task.last)
        return replace(task, recent=task.recent.write(seen, task.last), state=state)

    def _recalled(self, seen: Tensor) -> Recollection | None:
        if self._reckoning is None:  # the model recalls nothing, or this agent is made of several
            return None
        return recollected(self.model, self.memory, seen, self._reckoning, self.clock())

    def _on_its_way(self, task: Task, seen: Tensor, held: Tensor) -> tuple[Task, Tensor]:
        """The task with its next sub-goals, and the rows that head elsewhere than before."""
        ways = ways_of(self.landmarks, self.levels)
        if ways is None:
            return task, torch.zeros_like(held)
        arrival = _ARRIVED * self.thresholds.hold
        legs, turned = onward(ways, task.legs, seen, task.goal.latents, held, arrival)
        return replace(task, legs=legs), turned

    def _seen(self, observation: Observation) -> Tensor:
        return self.model.encode({name: values[:, None] for name, values in observation.items()})[:, 0]

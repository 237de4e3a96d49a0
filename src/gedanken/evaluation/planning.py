"""Planning measured: every pair of a manifest side by side, success at the last step, and what thinking cost.

Success is being at the goal at the last step; beside it stands "at any time", which a dot that only flies past also
earns. Beside both stands the question whether plans come true: each pair's last plan is carried out blindly from where
it was made, and its true end is compared with the imagined one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gedanken.agent import Agent, Decision
from gedanken.contracts import World
from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation.manifest import Manifest
from gedanken.evaluation.policy import Chosen, Policy, eyes_of
from gedanken.evaluation.true_state import physical, rows_in, rows_of
from gedanken.types import State

Pairs = Manifest | tuple[State, State]
Watch = Callable[[int, State, Chosen], None]
"""Called after each decision with the environment step, the state it was made in, and the decision."""


@dataclass(frozen=True)
class PlanEnds:
    """Where each pair's last plan leads, imagined and truly; latent distances are squared, mean over P and D.

    A plan ends where it is imagined nearest to the goal and rests from there on, as an agent holds at its goal and what is
    planned beyond means nothing.

    Args:
        rows: pairs `[K]` that planned at all.
        steps: environment step `[K]` at which the plan was made.
        imagined: latent distance to the goal that the model imagined for the plan's end `[K]`.
        executed: the same after the plan was truly carried out in open loop `[K]`.
        apart: latent distance between the imagined and the true end `[K]`.
        distance: the world's own distance from the true end to the goal `[K]`, px in Two Rooms.
    """

    rows: Int[Tensor, " K"]
    steps: Int[Tensor, " K"]
    imagined: Float[Tensor, " K"]
    executed: Float[Tensor, " K"]
    apart: Float[Tensor, " K"]
    distance: Float[Tensor, " K"]


@dataclass(frozen=True)
class PlanningResult:
    """What came of a batch of episodes.

    Args:
        success: at the goal at the last step `[B]`.
        ever: at the goal after any step `[B]`.
        states: physical entries of the true states `[B, L, ...]`, L = environment steps + 1.
        decision_seconds: wall time of each decision, for the whole batch at once `[K]`.
        planned: whether a row searched, rather than held still, followed a plan or drew a step, at each decision `[K, B]`.
        held: whether a row held still, at each decision `[K, B]`.
        core_seconds: processor time of all decisions, all threads, divided by B; the world's own time is left out.
        wall_seconds: wall time of the same, divided by B.
        ends: imagined and true ends of plans; None for a policy that does not imagine.
    """

    success: Bool[Tensor, " B"]
    ever: Bool[Tensor, " B"]
    states: State
    decision_seconds: Float[Tensor, " K"]
    planned: Bool[Tensor, "K B"]
    held: Bool[Tensor, "K B"]
    core_seconds: float
    wall_seconds: float
    ends: PlanEnds | None

    @property
    def positions(self) -> Float[Tensor, "B L axes"]:
        """Where each dot was; of worlds whose state has a `position`."""
        return self.states["position"]

    @property
    def decision_p50(self) -> float:
        """Median wall time of a decision for the whole batch, in seconds; `measure_latency` times one world alone."""
        return float(self.decision_seconds.quantile(0.5))

    @property
    def decision_p95(self) -> float:
        """95th percentile of the same."""
        return float(self.decision_seconds.quantile(0.95))


@dataclass(frozen=True)
class Latency:
    """Wall time `[K]` in seconds of each search for a plan when one world is driven alone."""

    seconds: Float[Tensor, " K"]

    @property
    def p50(self) -> float:
        """Median, in seconds."""
        return float(self.seconds.quantile(0.5))

    @property
    def p95(self) -> float:
        """95th percentile, in seconds."""
        return float(self.seconds.quantile(0.95))


@torch.no_grad()
def evaluate_planning(
    world: World, policy: Policy, pairs: Pairs, env_steps: int = 200, watch: Watch | None = None
) -> PlanningResult:
    """Drive all pairs at once for `env_steps` environment steps.

    Args:
        world: where they are driven.
        policy: who drives; sees `world.observe(state)` alone, unless it is `Privileged`.
        pairs: a manifest, or start and goal states.
        env_steps: length of an episode; a last block of actions that is longer than what is left is cut.
        watch: called after each decision, outside of what is timed.
    Raises:
        BadInput: a manifest of another world, no pairs, or fewer than one step.
        ShapeError: the policy's actions do not fit the world's.
    """
    state, goal = _checked(world, pairs, env_steps)
    look, clock = eyes_of(policy, world), _Clock()
    plans = _LastPlans(policy) if isinstance(policy, Agent) else None
    with clock.running():
        policy.begin(look(goal))
    trail, planned, held = [physical(world, state)], [], []
    ever = torch.zeros(rows_in(state), dtype=torch.bool)
    while (done := len(trail) - 1) < env_steps:
        seen = look(state)
        with clock.running(decision=True):
            decision = policy.act(seen)
        planned.append(getattr(decision, "searched", torch.ones_like(ever)))
        held.append(getattr(decision, "held", torch.zeros_like(ever)))
        if plans is not None and isinstance(decision, Decision):
            plans.note(done, state, decision)
        if watch is not None:
            watch(done, state, decision)
        for action in _blocks(decision.actions, world, len(ever))[:, : env_steps - done].unbind(1):
            state = world.step(state, action)
            trail.append(physical(world, state))
            ever |= world.reached(state, goal)
    return PlanningResult(
        success=world.reached(state, goal),
        ever=ever,
        states={name: torch.stack([moment[name] for moment in trail], dim=1) for name in trail[0]},
        decision_seconds=torch.tensor(clock.decisions),
        planned=torch.stack(planned),
        held=torch.stack(held),
        core_seconds=clock.core / len(ever),
        wall_seconds=clock.wall / len(ever),
        ends=None if plans is None else plans.carried_out(world, goal),
    )


def measure_latency(world: World, policy: Policy, pairs: Pairs, episodes: int = 5, env_steps: int = 200) -> Latency:
    """How long one world waits for a plan: the first pairs are driven one at a time, and each search is timed.

    Decisions to hold still are not counted. One untimed decision comes first, since the first call of a library also
    sets it up.

    Raises:
        BadInput: as `evaluate_planning`; or nothing was ever searched.
    """
    start, goal = _checked(world, pairs, env_steps)
    if episodes < 1:
        raise BadInput(f"episodes={episodes} must be at least 1; 5 hold enough searches for a 95th percentile.")
    look = eyes_of(policy, world)
    alone = [slice(row, row + 1) for row in range(min(episodes, rows_in(start)))]
    policy.begin(look(rows_of(goal, slice(1))))
    policy.act(look(rows_of(start, slice(1))))
    results = [evaluate_planning(world, policy, (rows_of(start, one), rows_of(goal, one)), env_steps) for one in alone]
    seconds = torch.cat([result.decision_seconds[result.planned[:, 0]] for result in results])
    if not len(seconds):
        raise BadInput(f"in {len(alone)} episodes the policy never searched; give it pairs that are not yet solved.")
    return Latency(seconds)


class _Clock:
    """Wall and processor time spent in decisions."""

    def __init__(self) -> None:
        self.wall, self.core, self.decisions = 0.0, 0.0, list[float]()

    @contextmanager
    def running(self, decision: bool = False) -> Iterator[None]:
        wall, core = time.perf_counter(), time.process_time()
        yield
        spent = time.perf_counter() - wall
        self.core += time.process_time() - core
        self.wall += spent
        if decision:
            self.decisions.append(spent)


class _LastPlans:
    """Each row's last plan that was searched for, with the state it was made in and the end it was made for."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._kept: dict[str, Tensor] = {}

    def note(self, step: int, state: State, decision: Decision) -> None:
        searched, plan = decision.searched, decision.plan
        imagined, actions = self._agent.imagine(plan.actions), plan.steps()
        left = torch.stack([self._agent.goal_distance(latents) for latents in imagined.unbind(1)], dim=1)
        nearest = left.argmin(dim=1)
        beyond = torch.arange(actions.shape[1]) >= (nearest + 1)[:, None] * plan.frame_skip
        now = {
            "searched": searched,
            "step": torch.full((len(searched),), step),
            "actions": actions.masked_fill(beyond[:, :, None], 0.0),
            "end": imagined[torch.arange(len(nearest)), nearest],
            **{f"state {name}": values for name, values in state.items()},
        }
        before = self._kept or now
        self._kept = {name: _where(searched, values, before[name]) for name, values in now.items()}

    def carried_out(self, world: World, goal: State) -> PlanEnds:
        kept = self._kept
        rows = kept["searched"].nonzero()[:, 0]
        state = {
            name.removeprefix("state "): values[rows] for name, values in kept.items() if name.startswith("state ")
        }
        for action in kept["actions"][rows].unbind(1):
            state = world.step(state, action)
        goal = rows_of(goal, rows)
        aim, end, imagined = self._latents(world, goal), self._latents(world, state), kept["end"][rows]
        return PlanEnds(
            rows=rows,
            steps=kept["step"][rows],
            imagined=_apart(imagined, aim),
            executed=_apart(end, aim),
            apart=_apart(imagined, end),
            distance=world.distance(state, goal),
        )

    def _latents(self, world: World, state: State) -> Tensor:
        seen = world.observe(state)
        return self._agent.model.encode({name: values[:, None] for name, values in seen.items()})[:, 0]


def _checked(world: World, pairs: Pairs, env_steps: int) -> tuple[State, State]:
    start, goal = pairs.pairs(world) if isinstance(pairs, Manifest) else pairs
    if rows_in(start) != rows_in(goal) or not rows_in(start):
        raise BadInput(f"{rows_in(start)} starts and {rows_in(goal)} goals are no pairs; give as many, at least one.")
    if env_steps < 1:
        raise BadInput(f"env_steps={env_steps} must be at least 1; 200 is the standard task's.")
    return start, goal


def _blocks(actions: Tensor, world: World, batch: int) -> Tensor:
    """`[B, A]` as environment steps `[B, A / width, width]`."""
    width = world.action.width
    if actions.dim() != 2 or actions.shape[0] != batch or actions.shape[1] % width or not actions.shape[1]:
        raise ShapeError(
            f"the policy returned actions {tuple(actions.shape)}; expected [B={batch}, A] with A a multiple of the "
            f"world's action width {width}."
        )
    return actions.view(batch, -1, width)


def _where(rows: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(rows.view(-1, *[1] * (new.dim() - 1)), new, old)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().mean(dim=(1, 2))

"""Whose fault was it? Each failed episode is driven again with one part at a time replaced by the truth or by more search.

    replay                    dynamics         energy           search
    another seed              the model's      the model's      the agent's
    tenfold search            the model's      the model's      ten times the candidates
    true dynamics             the world's      the model's      the agent's
    true energy               the model's      length of the    the agent's
                                               true way
    the truth                 the world's      the same         the agent's

What was seen in the episode itself comes before what a replay says, as a replay may also succeed by luck. A failed episode
is filed under the first line that fits:

    perception   where it ended looks more like the goal than one in four of the places that truly are there
    energy       it held still at the end: its threshold calls it arrived, though its encoder tells the two places apart
    dynamics     its last plan was exploited (imagined at the goal, executed elsewhere), and true dynamics reach the goal
    search       another seed or a tenfold search reaches it, with the same model and the same energy
    dynamics     true dynamics reach it
    energy       the true energy reaches it, alone or together with true dynamics
    unsolved     not even the truth reaches it in the same time

An encoder that does not see a wall leaves its dynamics guessing and is filed under dynamics: replacing the one replaces the
other. In true dynamics the agent holds still by the true distance, and is never surprised.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gedanken.agent import Agent, AgentConfig
from gedanken.contracts import Energy, World
from gedanken.errors import BadInput
from gedanken.evaluation.manifest import Manifest
from gedanken.evaluation.oracle import RecognisedTimeToGoal, SeenEnergy, TrueDynamics, TrueTimeToGoal, oracle
from gedanken.evaluation.planning import Pairs, PlanEnds, PlanningResult, evaluate_planning
from gedanken.evaluation.policy import Policy
from gedanken.evaluation.surroundings import Surroundings, looks, surroundings
from gedanken.evaluation.true_state import rows_in, rows_of
from gedanken.types import State

Cause = Literal["perception", "dynamics", "energy", "search", "unsolved"]
CAUSES: tuple[Cause, ...] = ("perception", "dynamics", "energy", "search", "unsolved")

REPLAYS = ("another_seed", "tenfold_search", "true_dynamics", "true_energy", "truth")

_FACTOR = 10  # candidates of the dearest replay, in those of the agent's own search
_MISTAKEN = 0.75  # an end is taken for the goal where no larger share of the places at the goal looks more like it
_LATTICE = 0.5  # of the states that a model's energy is asked about: walls in whole px are drawn where they are
_EDGE = 0.9  # a plan is imagined at the goal where it ends nearer than this share of the places at the goal look


@dataclass(frozen=True)
class Failure:
    """One failed episode, and all that is known of it.

    Args:
        row: number of the pair.
        mistaken: its end looks more like the goal than one in four of the places that truly are there.
        stopped: the agent held still at the end.
        exploited: its last plan was imagined at the goal and, carried out, ends elsewhere.
        another_seed, true_dynamics, true_energy, truth: whether that replay reached the goal.
        tenfold_search: likewise; None where it was not asked, being dear and the cause known before.
    """

    row: int
    mistaken: bool
    stopped: bool
    exploited: bool
    another_seed: bool
    true_dynamics: bool
    true_energy: bool
    truth: bool
    tenfold_search: bool | None = None

    @property
    def cause(self) -> Cause:
        """What it is filed under: the first line of the module's table that fits."""
        lines: tuple[tuple[bool, Cause], ...] = (
            (self.mistaken, "perception"),
            (self.stopped, "energy"),
            (self.exploited and self.true_dynamics, "dynamics"),
            (self.another_seed or self.tenfold_search is True, "search"),
            (self.true_dynamics, "dynamics"),
            (self.true_energy or self.truth, "energy"),
            (True, "unsolved"),
        )
        return next(cause for fits, cause in lines if fits)

    @property
    def settled(self) -> bool:
        """Whether a tenfold search could not change the cause."""
        return self.cause == replace(self, tenfold_search=True).cause


@dataclass(frozen=True)
class Attribution:
    """Why an evaluation's episodes failed.

    Args:
        failures: those that were replayed, in the order of their pairs.
        failed: how many failed; more than were replayed where there were too many.
        episodes: how many were driven.
    """

    failures: tuple[Failure, ...]
    failed: int
    episodes: int

    @property
    def counts(self) -> dict[Cause, int]:
        """How many of the replayed failures are filed under each cause, all causes in order."""
        found = Counter(failure.cause for failure in self.failures)
        return {cause: found[cause] for cause in CAUSES}

    @property
    def shares(self) -> dict[Cause, float]:
        """The same as shares of the replayed failures; zeros where nothing failed."""
        return {cause: count / max(1, len(self.failures)) for cause, count in self.counts.items()}

    @property
    def exploited(self) -> int:
        """How many of the failures filed under dynamics ended on a plan that was imagined at the goal and led elsewhere."""
        return sum(failure.exploited and failure.cause == "dynamics" for failure in self.failures)

    @property
    def cured(self) -> dict[str, tuple[int, int]]:
        """For each replay how many failures it turned into successes, and how many it was tried on."""
        outcomes = {name: [getattr(each, name) for each in self.failures] for name in REPLAYS}
        return {
            name.replace("_", " "): (values.count(True), len(values) - values.count(None))
            for name, values in outcomes.items()
        }


@torch.no_grad()
def attribute(
    world: World, agent: Agent, pairs: Pairs, result: PlanningResult, *, most: int = 8, seed: int = 0
) -> Attribution:
    """Replay what failed, and file each failure under its cause.

    Args:
        world: where the pairs were driven.
        agent: who drove them.
        pairs: what `result` was measured on.
        result: what `evaluate_planning` returned for this agent.
        most: failures to replay; of more than these, evenly spaced ones are taken.
        seed: of the replays and of the places that are visited to compare looks.
    Raises:
        BadInput: the result is not of these pairs, or of a policy that does not imagine.
    """
    start, goal = pairs.pairs(world) if isinstance(pairs, Manifest) else pairs
    if result.ends is None or len(result.success) != rows_in(start) or most < 1:
        raise BadInput(
            f"a result of {len(result.success)} episodes on {rows_in(start)} pairs, most={most}: give the pairs and the "
            "result of an Agent's own evaluation, and replay at least one failure."
        )
    failed = (~result.success).nonzero()[:, 0]
    if not len(failed):
        return Attribution((), 0, len(result.success))
    rows = failed[torch.linspace(0, len(failed) - 1, min(most, len(failed))).round().long()]
    tasks, trail = (rows_of(start, rows), rows_of(goal, rows)), rows_of(result.states, rows)
    case = _Case(world, agent, *tasks, trail, surroundings(world, agent.model, *tasks, trail, seed), seed + 1)
    told = {**_seen(case, rows, result), **_replayed(case)}
    found = [
        Failure(row=row, **{name: bool(values[number]) for name, values in told.items()})
        for number, row in enumerate(rows.tolist())
    ]
    return Attribution(_searched_harder(case, found), len(failed), len(result.success))


@dataclass(frozen=True)
class _Case:
    """The failed pairs, F rows: who failed where, and what it looks like there.

    Args:
        world, agent: of the evaluation.
        start, goal: states of the pairs.
        trail: physical entries of the states that were passed, `[F, L, ...]`.
        around: places known around each pair.
        seed: of the replays.
    """

    world: World
    agent: Agent
    start: State
    goal: State
    trail: State
    around: Surroundings
    seed: int

    def replay(self, policy: Policy, rows: Tensor | slice = slice(None)) -> Bool[Tensor, " F"]:
        """Whether this policy reaches the goals."""
        steps = next(iter(self.trail.values())).shape[1] - 1
        pairs = rows_of(self.start, rows), rows_of(self.goal, rows)
        return evaluate_planning(self.world, policy, pairs, steps).success

    def again(self, energy: Energy | None = None, config: AgentConfig | None = None) -> Agent:
        """The same agent with fresh chance, and perhaps another energy or search."""
        agent = self.agent
        return Agent(agent.model, energy or agent.energy, agent.thresholds, config or agent.config, self.seed)


def _seen(case: _Case, rows: Int[Tensor, " F"], result: PlanningResult) -> dict[str, Bool[Tensor, " F"]]:
    """What the failed episodes themselves show."""
    assert result.ends is not None
    end = {**case.start, **{name: values[:, -1] for name, values in case.trail.items()}}
    apart = (looks(case.world, case.agent.model, end) - case.around.goals).square().mean(dim=(1, 2))
    return {
        "mistaken": apart <= case.around.at_goal(_MISTAKEN),
        "stopped": result.held[-1, rows],
        "exploited": _exploited(case, rows, result.ends),
    }


def _exploited(case: _Case, rows: Int[Tensor, " F"], ends: PlanEnds) -> Bool[Tensor, " F"]:
    """Whose last plan was imagined at the goal, and leads elsewhere; False for a row that never planned."""
    edge = dict(zip(rows.tolist(), case.around.at_goal(_EDGE).tolist(), strict=True))
    planned = zip(ends.rows.tolist(), ends.imagined.tolist(), ends.distance.tolist(), strict=True)
    believed = {
        row for row, imagined, way in planned if row in edge and imagined <= edge[row] and way > case.around.radius
    }
    return torch.tensor([row in believed for row in rows.tolist()])


def _replayed(case: _Case) -> dict[str, Bool[Tensor, " F"]]:
    """Which replays reach the goal, but for the dearest."""
    agent, around = case.agent, case.around
    dynamics, near = TrueDynamics(case.world, agent.model.frame_skip), 4 / 3 * around.radius
    lattice = min(_LATTICE, around.radius / 4)

    def knowing(energy: Energy) -> Policy:
        return oracle(dynamics, energy, agent.config, hold=around.radius / 2, seed=case.seed)

    policies = {
        "another_seed": case.again(),
        "true_dynamics": knowing(SeenEnergy(dynamics, agent.model, agent.energy, grain=lattice)),
        "true_energy": case.again(energy=RecognisedTimeToGoal(around.goals, around.places, around.ways, near)),
        "truth": knowing(TrueTimeToGoal(dynamics, near=near)),
    }
    return {name: case.replay(policy) for name, policy in policies.items()}


def _searched_harder(case: _Case, failures: list[Failure]) -> tuple[Failure, ...]:
    """The same failures, those that are not settled replayed with a tenfold search."""
    config = case.agent.config
    warm, cold = (replace(search, candidates=_FACTOR * search.candidates) for search in (config.warm, config.cold))
    asked = [number for number, failure in enumerate(failures) if not failure.settled]
    reached = (
        case.replay(case.again(config=replace(config, warm=warm, cold=cold)), torch.tensor(asked)).tolist()
        if asked
        else []
    )
    outcomes = dict(zip(asked, reached, strict=True))
    return tuple(replace(failure, tenfold_search=outcomes.get(number)) for number, failure in enumerate(failures))

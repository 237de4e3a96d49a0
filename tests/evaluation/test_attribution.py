"""A fault is put into one part at a time, and every episode that fails of it is filed under that part."""

from dataclasses import dataclass, replace

import pytest
import torch
from plane_world import SKIP, PlaneModel, PlaneWorld, places

from gedanken.agent import Agent, AgentConfig, Thresholds
from gedanken.energies import GoalEnergy
from gedanken.errors import BadInput
from gedanken.evaluation import evaluate_planning
from gedanken.evaluation.attribution import CAUSES, Attribution, Failure, attribute
from gedanken.planners import MPPIConfig
from gedanken.types import Rollout

SEARCH = MPPIConfig(candidates=32, rounds=2)
STEPS = 20


@dataclass
class Detour(PlaneWorld):
    """A wall at x = 0 that can be walked round above y = 2: a step across it below ends in front of it."""

    def step(self, state, action):
        here, there = state["position"], state["position"] + action
        crossed = (here[:, 0] < 0) & (there[:, 0] >= 0) & (torch.minimum(here[:, 1], there[:, 1]) < 2)
        stopped = torch.stack([there[:, 0].clamp(max=-0.05), there[:, 1]], dim=1)
        return {**state, "position": torch.where(crossed[:, None], stopped, there)}

    def distance(self, state, goal):
        here, there = state["position"], goal["position"]
        corner = torch.tensor([0.0, 2.0])
        behind = (here[:, 0] < 0) & (there[:, 0] >= 0) & (torch.minimum(here[:, 1], there[:, 1]) < 2)
        round_it = (here - corner).norm(dim=-1) + (there - corner).norm(dim=-1)
        return torch.where(behind, round_it, (here - there).norm(dim=-1))

    def expert(self, state, goal):
        here = state["position"]
        before, low = (here[:, :1] < 0), (here[:, 1:] < 3)
        over = torch.where(low, torch.tensor([-0.5, 3.5]), torch.tensor([0.5, 3.5]))
        return (torch.where(before, over, goal["position"]) - here).clamp(-1, 1)


@dataclass
class HalfBlind(PlaneModel):
    """Sees x, and takes y for 0."""

    def encode(self, observations):
        return super().encode(observations) * torch.tensor([1.0, 0.0])

    def rollout(self, context, actions):
        return Rollout(super().rollout(context, actions).latents * torch.tensor([1.0, 0.0]))


def contrary(rollout, goal, actions):
    return -GoalEnergy("last")(rollout, goal, actions)


def driver(model=None, energy=None, search=SEARCH, hold=0.01) -> Agent:
    config = AgentConfig(horizon=6, patience=1, warm=search, cold=search, restless=0)
    return Agent(model or PlaneModel(), energy or GoalEnergy("last"), Thresholds(hold, 1.0), config)


def attributed(world, agent, pairs, steps=STEPS, **settings) -> Attribution:
    result = evaluate_planning(world, agent, pairs, steps)
    made = attribute(world, agent, pairs, result, **settings)
    assert made.failed == int((~result.success).sum()) > 0
    return made


OPEN = places((-3.0, 0.0), (-3.0, 1.0), (-2.0, -2.0)), places((2.0, 3.0), (2.0, -2.0), (3.0, 1.0))
WALLED = places((-2.0, -1.0), (-1.5, -1.5), (-2.0, -1.2)), places((2.0, -1.0), (1.5, -1.5), (2.0, -1.2))


def test_a_model_that_ignores_the_wall_is_filed_under_dynamics_and_its_plans_were_exploited():
    made = attributed(Detour(), driver(search=MPPIConfig(candidates=64, rounds=3)), WALLED, steps=24)
    assert {failure.cause for failure in made.failures} == {"dynamics"}
    assert made.failed == 3
    assert made.exploited >= 2  # the third may be on its way round by chance when time is up
    assert made.cured["true dynamics"] == (3, 3)
    assert made.cured["another seed"] == (0, 3)


def test_an_energy_that_leads_astray_is_filed_under_energy():
    made = attributed(PlaneWorld(), driver(energy=contrary), OPEN)
    assert made.shares == {"perception": 0, "dynamics": 0, "energy": 1, "search": 0, "unsolved": 0}
    assert not any(failure.exploited or failure.mistaken or failure.stopped for failure in made.failures)
    assert made.cured == {
        "another seed": (0, 3),
        "tenfold search": (0, 3),
        "true dynamics": (0, 3),
        "true energy": (3, 3),
        "truth": (3, 3),
    }


def test_an_agent_that_holds_still_too_soon_is_filed_under_energy():
    made = attributed(PlaneWorld(), driver(hold=2.0), OPEN)
    assert all(failure.stopped and not failure.mistaken for failure in made.failures)
    assert made.counts["energy"] == 3


def test_a_search_of_two_candidates_is_filed_under_search():
    two = MPPIConfig(candidates=2, rounds=3, elite_share=1.0, fresh_share=0.0, piecewise_share=0.0)
    made = attributed(PlaneWorld(), driver(search=two), OPEN)
    assert made.counts["search"] == 3
    assert made.cured["another seed"][0] < made.cured["tenfold search"][0]


def test_an_encoder_that_is_blind_to_one_axis_is_filed_under_perception():
    below, above = places((-3.0, -5.0), (2.0, -5.0), (1.0, -5.0)), places((0.0, 5.0), (0.0, 5.0), (3.0, 5.0))
    made = attributed(PlaneWorld(), driver(HalfBlind()), (below, above))
    assert made.counts["perception"] == made.failed == 3
    assert made.cured["truth"] == (3, 3)


def test_what_no_replay_reaches_is_unsolved():
    far = OPEN[0], places((40.0, 0.0), (40.0, 1.0), (0.0, 60.0))
    made = attributed(PlaneWorld(), driver(), far)
    assert made.counts["unsolved"] == 3
    assert made.cured["tenfold search"] == (0, 3)


def failure(**known: bool) -> Failure:
    names = ("mistaken", "stopped", "exploited", "another_seed", "true_dynamics", "true_energy", "truth")
    return Failure(row=0, **{**dict.fromkeys(names, False), **known})


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        ({}, "unsolved"),
        ({"truth": True}, "energy"),
        ({"true_energy": True}, "energy"),
        ({"true_energy": True, "true_dynamics": True}, "dynamics"),
        ({"exploited": True, "true_energy": True}, "energy"),
        ({"true_dynamics": True, "tenfold_search": True}, "search"),
        ({"true_dynamics": True, "another_seed": True}, "search"),
        ({"true_dynamics": True, "another_seed": True, "exploited": True}, "dynamics"),
        ({"stopped": True, "another_seed": True}, "energy"),
        ({"stopped": True, "mistaken": True, "true_dynamics": True}, "perception"),
    ],
)
def test_a_failure_is_filed_under_the_first_line_that_fits(known, cause):
    assert failure(**known).cause == cause


def test_the_dear_search_is_asked_only_where_it_could_change_the_cause():
    assert not failure(true_dynamics=True).settled
    assert not failure().settled
    for known in ({"mistaken": True}, {"stopped": True}, {"another_seed": True}):
        assert failure(**known).settled
    assert failure(exploited=True, true_dynamics=True).settled


def test_shares_are_of_what_was_replayed_and_the_exploited_are_those_filed_under_dynamics():
    made = Attribution(
        (failure(exploited=True, true_dynamics=True), failure(mistaken=True, exploited=True), failure(), failure()),
        9,
        50,
    )
    assert made.counts == {"perception": 1, "dynamics": 1, "energy": 0, "search": 0, "unsolved": 2}
    assert made.shares["unsolved"] == 0.5
    assert made.exploited == 1
    assert made.cured["tenfold search"] == (0, 0)
    assert tuple(made.shares) == CAUSES


def test_of_many_failures_evenly_spaced_ones_are_replayed():
    pairs = places(*[(-3.0, y / 2) for y in range(7)]), places(*[(3.0, y / 2) for y in range(7)])
    made = attributed(PlaneWorld(), driver(energy=contrary), pairs, most=3)
    assert [failure.row for failure in made.failures] == [0, 3, 6]
    assert (made.failed, made.episodes) == (7, 7)


def test_where_nothing_failed_nothing_is_replayed():
    result = evaluate_planning(PlaneWorld(), driver(), OPEN, STEPS)
    assert attribute(PlaneWorld(), driver(), OPEN, result) == Attribution((), 0, 3)


def test_a_result_of_other_pairs_or_of_nobody_who_imagines_is_refused():
    world, agent = PlaneWorld(), driver()
    result = evaluate_planning(world, agent, OPEN, 2 * SKIP)
    with pytest.raises(BadInput, match="3 episodes on 1 pairs"):
        attribute(world, agent, tuple(places((0.0, 0.0)) for _ in range(2)), result)
    with pytest.raises(BadInput, match="an Agent's own"):
        attribute(world, agent, OPEN, replace(result, ends=None))
    with pytest.raises(BadInput, match="most=0"):
        attribute(world, agent, OPEN, result, most=0)

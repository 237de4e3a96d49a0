"""What is counted as success, what is timed, and that plans are carried out as they were made."""

import time
from dataclasses import replace

import pytest
import torch
from plane_world import SKIP, PlaneWorld, places, plane_agent

from gedanken.environments import TwoRooms
from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation import (
    Choice,
    NoOp,
    Privileged,
    evaluate_planning,
    make_manifest,
    measure_latency,
)


class Steady:
    """The same action for ever, for `skip` steps at a time."""

    def __init__(self, action=(1.0, 0.0), skip=4, pause=0.0):
        self.action, self.skip, self.pause = torch.tensor(action), skip, pause
        self.batches = []

    def begin(self, goal):
        pass

    def act(self, observation):
        batch = len(next(iter(observation.values())))
        self.batches.append(batch)
        time.sleep(self.pause)
        return Choice(self.action.repeat(batch, self.skip))


class Expert:
    """The world's own expert, which looks at the state."""

    def __init__(self, world):
        self.world = world

    def begin(self, goal):
        self.goal = goal

    def act(self, observation):
        return Choice(self.world.expert(observation, self.goal))


def test_the_expert_reaches_every_goal_and_standing_still_none():
    world, manifest = TwoRooms(), make_manifest("two-rooms-v1", {"wall": "fixed"}, "dev", 40)
    expert = evaluate_planning(world, Privileged(Expert(world), dict), manifest, 100)
    assert expert.success.all()
    assert expert.ever.all()
    nobody = evaluate_planning(world, NoOp(world), manifest, 20)
    assert not nobody.success.any()
    assert not nobody.ever.any()
    assert torch.equal(nobody.positions, manifest.starts["position"][:, None].expand(-1, 21, -1))


def test_to_fly_past_the_goal_is_not_to_be_there():
    start, goal = places((0.0, 0.0), (0.0, 0.0), (0.0, 3.0)), places((5.0, 0.0), (10.0, 0.0), (5.0, 0.0))
    result = evaluate_planning(PlaneWorld(), Steady(), (start, goal), 10)
    assert result.ever.tolist() == [True, True, False]
    assert result.success.tolist() == [False, True, False]


def test_each_step_is_kept_and_a_long_last_block_is_cut():
    steps = []
    pairs = places((0.0, 0.0)), places((9.0, 0.0))
    result = evaluate_planning(PlaneWorld(), Steady(), pairs, 6, watch=lambda step, state, choice: steps.append(step))
    assert steps == [0, 4]
    assert set(result.states) == {"position"}
    assert result.positions[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert result.planned.shape == (2, 1)


def test_only_decisions_are_timed():
    class SlowWorld(PlaneWorld):
        def step(self, state, action):
            time.sleep(0.01)
            return super().step(state, action)

    pairs, begun = (places((0.0, 0.0), (0.0, 1.0)), places((9.0, 0.0), (9.0, 0.0))), time.perf_counter()
    slow = evaluate_planning(
        SlowWorld(), Steady(pause=0.02), pairs, 8, watch=lambda step, state, choice: time.sleep(0.05)
    )
    elsewhere = 8 * 0.01 + 2 * 0.05
    assert slow.decision_seconds.shape == (2,)
    assert 0.02 <= slow.decision_p50 <= slow.decision_p95
    assert float(slow.decision_seconds.sum()) <= 2 * slow.wall_seconds <= time.perf_counter() - begun - elsewhere
    assert 2 * slow.core_seconds < 0.02  # sleeping costs no core


def remembered(world, agent, pairs, steps):
    """A result, and each decision with the state it was made in."""
    seen = []
    result = evaluate_planning(world, agent, pairs, steps, watch=lambda *moment: seen.append(moment))
    return result, seen


@pytest.mark.parametrize(("wall", "gain"), [(float("inf"), 1.0), (1.0, 1.0), (float("inf"), 0.5)])
def test_the_last_plan_is_carried_out_from_where_it_was_made_to_where_it_is_nearest(wall, gain):
    world = PlaneWorld(wall=wall)
    pairs = world.pairs(12, torch.Generator().manual_seed(3))
    pairs = ({**pairs[0], "position": pairs[0]["position"].clamp(max=0.5)}, pairs[1])
    pairs[0]["position"][0] = pairs[1]["position"][0]  # one is there from the beginning, and never plans
    result, seen = remembered(world, plane_agent(gain), pairs, 20)
    ends = result.ends
    assert ends is not None
    assert torch.equal(result.planned, torch.stack([decision.searched for _, _, decision in seen]))
    assert ends.rows.tolist() == [row for row in range(12) if result.planned[:, row].any()]
    assert 0 < len(ends.rows) < 12
    for place, row in enumerate(ends.rows.tolist()):
        step, state, decision = [moment for moment in seen if moment[2].searched[row]][-1]
        actions, goal = decision.plan.steps()[row], pairs[1]["position"][row]
        here = {"position": state["position"][row : row + 1]}
        skip = decision.plan.frame_skip
        places_on_the_way = (here["position"][0] + gain * actions.cumsum(dim=0))[skip - 1 :: skip]
        nearest = (places_on_the_way - goal).norm(dim=1).argmin()
        imagined = places_on_the_way[nearest]
        for action in actions[: (nearest + 1) * skip]:
            here = world.step(here, action[None])
        true = here["position"][0]
        assert ends.steps[place] == step
        torch.testing.assert_close(ends.imagined[place], (imagined - goal).square().mean())
        torch.testing.assert_close(ends.executed[place], (true - goal).square().mean())
        torch.testing.assert_close(ends.apart[place], (imagined - true).square().mean(), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ends.distance[place], (true - goal).norm())


def test_a_model_that_imagines_through_a_wall_is_told_on():
    pairs = places(*[(0.0, float(y)) for y in range(4)]), places(*[(4.0, float(y)) for y in range(4)])
    free = evaluate_planning(PlaneWorld(), plane_agent(), pairs, 20).ends
    walled = evaluate_planning(PlaneWorld(wall=1.0), plane_agent(), pairs, 20).ends
    assert free is not None
    assert walled is not None
    assert free.apart.max() < 1e-6
    assert walled.executed.min() > 4.0 > 1.5 > walled.imagined.max()
    assert walled.distance.min() > 2.9


def test_policies_that_do_not_imagine_have_no_imagined_ends():
    result = evaluate_planning(PlaneWorld(), Steady(), (places((0.0, 0.0)), places((9.0, 0.0))), 4)
    assert result.ends is None
    assert result.planned.all()


def test_latency_is_that_of_one_world_and_of_searches_alone():
    world, goal = PlaneWorld(), places((4.0, 0.0), (4.0, 1.0), (4.0, 2.0))
    start = places((0.0, 0.0), (4.0, 1.0), (0.0, 2.0))  # the second is solved, so it holds
    steady = Steady(pause=0.003)
    latency = measure_latency(world, steady, (start, goal), episodes=2, env_steps=8)
    assert set(steady.batches) == {1}
    assert latency.seconds.shape == (4,)
    assert 0.003 <= latency.p50 <= latency.p95
    agent_latency = measure_latency(world, plane_agent(), (start, goal), episodes=2, env_steps=4 * SKIP)
    alone = evaluate_planning(world, plane_agent(), (places((0.0, 0.0)), places((4.0, 0.0))), 4 * SKIP)
    assert 0 < len(agent_latency.seconds) <= int(alone.planned.sum()) + 1
    with pytest.raises(BadInput, match="never searched"):
        measure_latency(world, plane_agent(), (goal, goal), episodes=1, env_steps=4)


def test_what_does_not_fit_is_refused():
    world, one, two = PlaneWorld(), places((0.0, 0.0)), places((0.0, 0.0), (1.0, 1.0))
    with pytest.raises(BadInput, match="no pairs"):
        evaluate_planning(world, Steady(), (one, two))
    with pytest.raises(BadInput, match="env_steps=0"):
        evaluate_planning(world, Steady(), (one, one), 0)
    with pytest.raises(BadInput, match="episodes=0"):
        measure_latency(world, Steady(), (one, one), episodes=0)
    with pytest.raises(ShapeError, match="action width 2"):
        evaluate_planning(world, Steady(action=(1.0, 0.0, 0.0), skip=1), (one, one))
    manifest = make_manifest("two-rooms-v1", {"wall": "fixed"}, "dev", 2)
    with pytest.raises(BadInput, match="other-v1"):
        evaluate_planning(TwoRooms(), Steady(), replace(manifest, world="other-v1"))

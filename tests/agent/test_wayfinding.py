"""Behind a long wall a flat agent waits; one with landmarks goes around, and learns from ways that fail."""

import pytest
import torch

from gedanken.agent import act_together
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory, LandmarkGraph
from walled_plane import CODE, CONFIG, END, agent_of, driven, explored, true_steps


@pytest.fixture
def memory(tmp_path):
    with EpisodicMemory.open(tmp_path / "plane.db", CODE) as made:
        yield made


def test_a_flat_agent_waits_behind_the_wall_and_one_with_landmarks_goes_around(memory):
    flat = driven(agent_of())
    assert flat[-1, 1] < 0.5
    graph = explored(memory)
    trail = driven(agent_of(memory, graph))
    assert (trail[-1] - torch.tensor([0.0, 1.0])).norm() < 0.5
    assert trail[:, 0].max() > END  # it went around, and not through


def test_a_near_goal_is_planned_to_as_without_landmarks(memory):
    """Auto-depth: within trust the same actions, bit for bit."""
    graph = explored(memory)
    for memory_of in (None, memory):
        with_graph, without = agent_of(memory_of, graph if memory_of else None), agent_of()
        assert driven(with_graph, goal=(1.5, 0.0), steps=6).equal(driven(without, goal=(1.5, 0.0), steps=6))


def test_the_graph_grows_by_what_the_agent_sees(memory):
    graph = LandmarkGraph(memory, true_steps, "exact", CONFIG)
    agent = agent_of(memory, graph)
    driven(agent, goal=(5.0, 0.0), steps=10)
    assert len(memory) == 10
    assert len(graph) >= 4
    grown = len(graph)
    driven(agent, start=(5.0, 0.0), goal=(0.0, 0.0), steps=10)
    assert grown <= len(graph) <= grown + 2  # the same way back adds little


def test_a_way_that_is_not_there_is_given_up_and_another_taken(memory):
    """The head takes two places on both sides of the wall, near its beginning, for neighbours."""

    def hopeful(some, others):
        gap = (some[:, None, 0] - others[None, :, 0]).norm(dim=-1)
        near = ((some[:, None, 0, 0] - 2).abs() < 0.3) & ((others[None, :, 0, 0] - 2).abs() < 0.3)
        return torch.where(near, gap, true_steps(some, others))

    graph = explored(memory, hopeful)
    agent = agent_of(memory, graph)
    trail = driven(agent, goal=(0.0, 1.0), steps=90)
    assert int(graph._failed.sum()) >= 1
    assert (trail[-1] - torch.tensor([0.0, 1.0])).norm() < 0.5
    assert trail[:, 0].max() > END


def test_a_goal_wrongly_thought_near_is_not_trusted_for_ever(memory):
    def hopeful(some, others):
        at_goal = (others[None, :, 0] - torch.tensor([0.2, 1.0])).norm(dim=-1) < 1e-3
        here = (some[:, None, 0]).norm(dim=-1) < 0.7
        return torch.where(here & at_goal, torch.tensor(1.0), true_steps(some, others))

    trail = driven(agent_of(memory, explored(memory, hopeful)), goal=(0.2, 1.0), steps=80)
    assert (trail[-1] - torch.tensor([0.2, 1.0])).norm() < 0.5


def test_agents_with_landmarks_think_alone_in_company(memory):
    graph = explored(memory)
    alone, beside, flat = agent_of(memory, graph), agent_of(memory, graph), agent_of()
    goal, now = {"position": torch.tensor([[0.0, 1.0]])}, {"position": torch.tensor([[0.0, 0.0]])}
    for each in (alone, beside, flat):
        each.begin(goal)
    together = act_together([beside, flat], [now, now])
    assert together[0].actions.equal(alone.act(now).actions)


def test_near_must_fit_the_horizon():
    with pytest.raises(BadInput, match="near=9"):
        agent_of(near=9)

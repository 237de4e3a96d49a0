"""Behind a long wall a flat agent waits; one with landmarks goes around, and learns from ways that fail."""

import pytest
import torch

from gedanken.agent import Agent, AgentConfig, Thresholds, act_together
from gedanken.energies import TimeToGoal
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory, LandmarkConfig, LandmarkGraph
from gedanken.planners import MPPIConfig
from gedanken.types import ActionSpec, Context, Moment, Rollout

END = 8.0  # the wall along y = 0.5 ends at this x
CODE = "c" * 64
CONFIG = LandmarkConfig(apart=0.9, trusted=1.8, direct=1.8, reach=3.0)


def moved(position: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """One step of at most 1; what would cross the wall stays before it."""
    after = position + action / action.norm(dim=-1, keepdim=True).clamp(min=1)
    crosses = (position[..., 1] - 0.5).sign() != (after[..., 1] - 0.5).sign()
    share = ((0.5 - position[..., 1]) / (after[..., 1] - position[..., 1] + 1e-9)).clamp(0, 1)
    x = position[..., 0] + share * (after[..., 0] - position[..., 0])
    blocked = crosses & (x < END)
    return torch.where(blocked[..., None], position, after)


class Plane:
    """A model that knows its world exactly; a latent is a position `[1, 2]`."""

    frame_skip = 1
    action = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0), norm=1.0)

    def encode(self, observations):
        return observations["position"][:, :, None]

    def rollout(self, context: Context, actions: torch.Tensor) -> Rollout:
        now, seen = context.latents[:, None, -1, 0].expand(-1, actions.shape[1], -1), []
        for step in actions.unbind(2):
            now = moved(now, step)
            seen.append(now)
        return Rollout(torch.stack(seen, 2)[:, :, :, None])


PLANE = Plane()


def true_steps(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Around the wall's end where it lies between."""
    a, b = some[:, None, 0], others[None, :, 0]
    end = torch.tensor([END, 0.5])
    around = (a - end).norm(dim=-1) + (b - end).norm(dim=-1)
    return torch.where((a[..., 1] > 0.5) == (b[..., 1] > 0.5), (a - b).norm(dim=-1), around)


def agent_of(memory=None, graph=None, seed: int = 0, **config) -> Agent:
    search = MPPIConfig(candidates=32, rounds=2)
    settings = AgentConfig(**({"horizon": 6, "warm": search, "cold": search, "near": 3, "patience": 1} | config))
    return Agent(PLANE, TimeToGoal(0.1), Thresholds(0.04, 0.2, 0.1), settings, seed, memory, graph)


@pytest.fixture
def memory(tmp_path):
    with EpisodicMemory.open(tmp_path / "plane.db", CODE) as made:
        yield made


def explored(memory: EpisodicMemory, steps=true_steps, width: float = END + 1) -> LandmarkGraph:
    """Both sides of the wall and its end, one place a unit."""
    places = [(float(x), y) for y in (0.0, 1.0) for x in range(int(width) + 1)]
    ids = memory.write([Moment(torch.tensor([each]), "tour", float(k)) for k, each in enumerate(places)])
    graph = LandmarkGraph(memory, steps, "exact", CONFIG)
    graph.propose(ids)
    return graph


def driven(agent: Agent, start=(0.0, 0.0), goal=(0.0, 1.0), steps: int = 45) -> torch.Tensor:
    """Where the dot was `[steps + 1, 2]`."""
    now, trail = torch.tensor([start]), [torch.tensor([start])]
    agent.begin({"position": torch.tensor([goal])})
    for _ in range(steps):
        now = moved(now, agent.act({"position": now}).actions)
        trail.append(now)
    return torch.cat(trail)


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

"""A plane with a long wall, and a model that knows it exactly; what goes far is tried in it."""

import torch

from gedanken.agent import Agent, AgentConfig, Thresholds
from gedanken.energies import TimeToGoal
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

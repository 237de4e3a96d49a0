"""A world with a known answer: a place in the plane, moved by the action, stopped by a wall at one x; and its models."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from gedanken.agent import Agent, AgentConfig, Thresholds
from gedanken.energies import GoalEnergy
from gedanken.planners import MPPIConfig
from gedanken.types import ActionSpec, Context, Rollout, StreamSpec

SKIP = 2


@dataclass
class PlaneWorld:
    """Places within `reach` of each other are one; `hue` is all there is of looks."""

    wall: float = float("inf")
    reach: float = 0.5
    id: str = "plane-v1"
    action: ActionSpec = field(default_factory=lambda: ActionSpec(2, (-1.0, -1.0), (1.0, 1.0), norm=1.0))
    streams: dict[str, StreamSpec] = field(default_factory=lambda: {"place": StreamSpec((2,), "float32")})

    def sample(self, count, generator):
        return {"position": 8 * torch.rand(count, 2, generator=generator) - 4, **self.factors("default", count, None)}

    def pairs(self, count, generator):
        return self.sample(count, generator), self.sample(count, generator)

    def step(self, state, action):
        moved = state["position"] + action
        return {**state, "position": torch.stack([moved[:, 0].clamp(max=self.wall), moved[:, 1]], dim=1)}

    def observe(self, state):
        return {"place": state["position"]}

    def reached(self, state, goal):
        return self.distance(state, goal) < self.reach

    def expert(self, state, goal):
        return goal["position"] - state["position"]

    def distance(self, state, goal):
        return (state["position"] - goal["position"]).norm(dim=-1)

    def factors(self, split, count, generator):
        return {"hue": torch.zeros(count)}


@dataclass
class PlaneModel:
    """Knows the plane exactly, but for its wall and for a factor on how far an action leads."""

    gain: float = 1.0
    frame_skip: int = SKIP
    action: ActionSpec = field(default_factory=lambda: PlaneWorld().action)

    def encode(self, observations) -> Tensor:
        return observations["place"][:, :, None]

    def rollout(self, context: Context, actions: Tensor) -> Rollout:
        moves = self.gain * actions.unflatten(-1, (SKIP, 2)).sum(dim=-2)
        return Rollout(context.latents[:, None, None, -1] + moves.cumsum(dim=2)[..., None, :])


def plane_agent(gain: float = 1.0, seed: int = 0) -> Agent:
    search = MPPIConfig(candidates=32, rounds=3)
    config = AgentConfig(horizon=5, warm=search, cold=search)
    return Agent(PlaneModel(gain), GoalEnergy("sum"), Thresholds(hold=0.1, surprise=1e9), config, seed)


def places(*rows: tuple[float, float]) -> dict[str, Tensor]:
    return {"position": torch.tensor(rows), "hue": torch.zeros(len(rows))}

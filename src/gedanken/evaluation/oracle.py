"""The same planner, on a smaller budget, with the truth in place of the model: what is lost to dynamics or to the energy.

`TrueDynamics` keeps the `WorldModel` contract with a latent that *is* the world's true state, so the ordinary agent
plans with it. Three energies over true states stand beside each other: the length of the real way (the upper bound), the
straight line (which wants to go through walls), and what a learned model would say of the states if it saw them. A fourth
gives a learned model's own rollouts the length of the real way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gedanken.agent import Agent, AgentConfig, Thresholds
from gedanken.contracts import Energy, World, WorldModel
from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation.policy import Privileged
from gedanken.evaluation.true_state import StateVector, dressed
from gedanken.planners import MPPIConfig
from gedanken.types import ActionSpec, Context, Goal, Observation, Rollout, State

STREAM = "true state"
"""Name of the stream an oracle reads; no world has it, and no encoder of pixels does."""

ORACLE_SEARCH = AgentConfig(warm=MPPIConfig(candidates=64, rounds=2), cold=MPPIConfig(candidates=256, rounds=6))
"""How hard an oracle searches: half as many warm candidates as the agent, and no surprise ever, since a true prediction
gives none. A row of true dynamics below the agent's is therefore no proof against the energy."""

_ENCODED = 512  # states drawn and encoded at a time


class TrueDynamics:
    """A `WorldModel` whose latents are packed true states `[B, T, 1, S]` and whose rollout is the world itself.

    Args:
        world: steps; its looks play no part.
        frame_skip: environment steps in one model step.
    """

    def __init__(self, world: World, frame_skip: int = 4) -> None:
        if frame_skip < 1:
            raise BadInput(f"frame_skip={frame_skip} must be at least 1.")
        self.world, self.vector = world, StateVector(world)
        self._frame_skip = frame_skip

    @property
    def frame_skip(self) -> int:
        """Environment steps in one model step."""
        return self._frame_skip

    @property
    def action(self) -> ActionSpec:
        """What one environment action is."""
        return self.world.action

    def view(self, state: State) -> Observation:
        """A state as the one stream that `encode` reads, `[B, S]`."""
        return {STREAM: self.vector.pack(state)}

    def encode(self, observations: Observation) -> Float[Tensor, "B T P D"]:
        """True states `[B, T, S]` → latents `[B, T, 1, S]`.

        Raises:
            ShapeError: the observation holds no true state, as for every policy that is not `Privileged`.
        """
        if STREAM not in observations:
            raise ShapeError(
                f"true dynamics read the stream {STREAM!r}; the observation has {sorted(observations)}. Only a policy "
                "wrapped in Privileged is shown the state."
            )
        return observations[STREAM][:, :, None]

    def rollout(self, context: Context, actions: Float[Tensor, "B N H A"]) -> Rollout:
        """What would really happen: one true state `[B, N, H, 1, S]` a model step."""
        batch, candidates, horizon, width = actions.shape
        if width != self.frame_skip * self.action.width or batch != len(context.latents):
            raise ShapeError(
                f"actions are {tuple(actions.shape)}; expected [B={len(context.latents)}, N, H, "
                f"A={self.frame_skip * self.action.width}]."
            )
        state: State = self.vector.unpack(context.latents[:, -1, 0].repeat_interleave(candidates, dim=0))
        single = actions.reshape(batch * candidates, horizon, self.frame_skip, self.action.width)
        steps = []
        for step in range(horizon):
            for action in single[:, step].unbind(1):
                state = self.world.step(state, action)
            steps.append(self.vector.pack(state))
        return Rollout(torch.stack(steps, dim=1).view(batch, candidates, horizon, 1, self.vector.width))


@dataclass(frozen=True)
class TrueTimeToGoal:
    """Σ_h [1 − exp(−(d_h / near)²)] + terminal · d_H with d a true distance: `TimeToGoal` in the world's own unit.

    Args:
        dynamics: says what the latents mean.
        way: `geodesic` is the world's own shortest way, `straight` the straight line between two states.
        near: distance at the edge of the goal's neighbourhood (> 0).
        terminal: weight of a unit of distance at the last step (≥ 0).
    """

    dynamics: TrueDynamics
    way: Literal["geodesic", "straight"] = "geodesic"
    near: float = 6.0
    terminal: float = 1.0

    def __post_init__(self) -> None:
        if self.way not in ("geodesic", "straight") or not self.near > 0 or not self.terminal >= 0:
            raise BadInput(
                f"way={self.way!r}, near={self.near}, terminal={self.terminal}; expected 'geodesic' or 'straight', a "
                "distance above 0, and a weight of at least 0."
            )

    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`."""
        distance = self._distance(rollout.latents[:, :, :, 0], goal.latents[:, None, None, 0])
        return _time_to_goal(distance, self.near, self.terminal)

    def _distance(self, states: Tensor, goal: Tensor) -> Tensor:
        if self.way == "straight":
            return (states - goal).norm(dim=-1)
        one, other = (vectors.flatten(0, -2) for vectors in (states, goal.expand_as(states)))
        unpack = self.dynamics.vector.unpack
        return self.dynamics.world.distance(unpack(one), unpack(other)).view(states.shape[:-1])


@dataclass(frozen=True)
class RecognisedTimeToGoal:
    """`TrueTimeToGoal` of what a learned model imagines: each latent counts as the known place that looks most like it.

    Args:
        goals: latents `[G, P, D]` of the goals it can be asked about.
        places: latents `[G, K, P, D]` of places known around each of them.
        distances: `[G, K]` true length of the way from each place to its goal.
        near: distance at the edge of the goal's neighbourhood (> 0).
        terminal: weight of a unit of distance at the last step (≥ 0).
    """

    goals: Float[Tensor, "G P D"]
    places: Float[Tensor, "G K P D"]
    distances: Float[Tensor, "G K"]
    near: float = 6.0
    terminal: float = 1.0

    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`."""
        # A planner asks for some of the problems at a time, so each is told by its goal.
        asked = torch.cdist(goal.latents.flatten(1), self.goals.flatten(1)).argmin(dim=1)
        imagined = rollout.latents.flatten(1, 2).flatten(2)
        nearest = torch.cdist(imagined, self.places[asked].flatten(2)).argmin(dim=2)
        distance = self.distances[asked].gather(1, nearest).view(rollout.latents.shape[:3])
        return _time_to_goal(distance, self.near, self.terminal)


class SeenEnergy:
    """A learned model's energy of true states: each is drawn in the default look, encoded, and judged.

    States are rounded to a lattice, and what a lattice point looks like to the model is kept: planning asks millions of
    times about a few thousand places. The goal itself is not rounded.

    Args:
        dynamics: says what the latents mean.
        model: encodes the drawn states.
        energy: what the model's own agent minimises.
        grain: distance between lattice points in each entry of the state, in its own unit.
        kept: lattice points after which all are forgotten, which bounds memory where layouts vary.
    """

    def __init__(
        self, dynamics: TrueDynamics, model: WorldModel, energy: Energy, *, grain: float = 0.5, kept: int = 200_000
    ) -> None:
        if not grain > 0 or kept < 1:
            raise BadInput(f"grain={grain} must be above 0 and kept={kept} at least 1.")
        self.dynamics, self.model, self.energy = dynamics, model, energy
        self.grain, self.kept = grain, kept
        # One odd number an entry hashes a lattice point; with 64 bits, among a million two collide once in 10⁷ tries.
        halves = torch.randint(2**62, (dynamics.vector.width,), generator=Generator().manual_seed(0))
        self._odd = 2 * halves + 1
        self._known, self._latents = torch.empty(0, dtype=torch.int64), torch.empty(0)

    @torch.no_grad()
    def __call__(self, rollout: Rollout, goal: Goal, actions: Tensor) -> Float[Tensor, "B N"]:
        """Energies `[B, N]`."""
        states = rollout.latents[:, :, :, 0]
        latents = self._looked_up(states.flatten(0, 2))
        # What truly happens is not in doubt.
        seen = Rollout(
            latents.view(*states.shape[:3], *latents.shape[1:]), expected_error=torch.zeros(states.shape[:3])
        )
        return self.energy(seen, Goal(self._encoded(goal.latents[:, 0])), actions)

    def _looked_up(self, vectors: Tensor) -> Tensor:
        cells = (vectors / self.grain).round()
        keys = (cells.long() * self._odd).sum(dim=1)
        self._learn(cells, keys)
        return self._latents[torch.searchsorted(self._known, keys)]

    def _learn(self, cells: Tensor, keys: Tensor) -> None:
        """Encode the lattice points that were never seen."""
        fresh = (~torch.isin(keys, self._known)).nonzero()[:, 0]
        if not len(fresh):
            return
        if len(self._known) > self.kept:
            self._known, self._latents = torch.empty(0, dtype=torch.int64), torch.empty(0)
            fresh = torch.arange(len(keys))
        new, first = np.unique(keys[fresh].numpy(), return_index=True)
        latents = self._encoded(cells[fresh[torch.from_numpy(first)]] * self.grain)
        known, order = torch.cat([self._known, torch.from_numpy(new)]).sort()
        self._known = known
        self._latents = (torch.cat([self._latents, latents]) if len(self._latents) else latents)[order]

    def _encoded(self, vectors: Tensor) -> Tensor:
        """State vectors `[R, S]` → latents `[R, P, D]` of their pictures."""
        world, parts = self.dynamics.world, []
        for part in vectors.split(_ENCODED):
            seen = world.observe(dressed(world, self.dynamics.vector.unpack(part)))
            parts.append(self.model.encode({name: values[:, None] for name, values in seen.items()})[:, 0])
        return torch.cat(parts)


def oracle(
    dynamics: TrueDynamics, energy: Energy, config: AgentConfig = ORACLE_SEARCH, *, hold: float = 2.0, seed: int = 0
) -> Privileged:
    """The ordinary agent, planning with true dynamics.

    Args:
        dynamics: in place of a learned model.
        energy: over true states, such as `TrueTimeToGoal`.
        config: how hard to search.
        hold: nearer to the goal than this, in the state's own unit and in a straight line, it stays.
        seed: of the search.
    """
    # The agent compares mean squares over the S numbers of a state, and a true prediction never surprises it.
    thresholds = Thresholds(hold=hold**2 / dynamics.vector.width, surprise=float("inf"))
    return Privileged(Agent(dynamics, energy, thresholds, config, seed), dynamics.view)


def _time_to_goal(distance: Float[Tensor, "B N H"], near: float, terminal: float) -> Float[Tensor, "B N"]:
    running = -torch.expm1(-(distance / near).square())
    return running.sum(dim=-1) + terminal * distance[..., -1]

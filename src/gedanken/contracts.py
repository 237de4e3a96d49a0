"""What each part must offer, as Protocols, and `check_*` functions that say in a sentence why a thing does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from gedanken.errors import ShapeError
from gedanken.types import (
    ActionSpec,
    Context,
    Episode,
    Goal,
    Moment,
    Observation,
    Plan,
    Recalled,
    Remembered,
    Rollout,
    Route,
    Search,
    State,
    StreamSpec,
)

EnergyOf = Callable[[Tensor], Tensor]
"""What a planner is given: actions `[B, N, H, A]` → energies `[B, N]`."""

Energy = Callable[[Rollout, Goal, Tensor], Tensor]
"""What planning minimises: (rollout, goal, actions `[B, N, H, A]`) → `[B, N]`, lower is better, differentiable."""


@runtime_checkable
class World(Protocol):
    """A batch of simulated worlds as pure functions of their state; every row of a state is one world."""

    @property
    def id(self) -> str:
        """Name with a version, such as `two-rooms-v1`."""
        ...

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """What an observation holds."""
        ...

    @property
    def action(self) -> ActionSpec:
        """What one action is."""
        ...

    def sample(self, count: int, generator: Generator) -> State:
        """Draw `count` states in which a start is possible."""
        ...

    def pairs(self, count: int, generator: Generator) -> tuple[State, State]:
        """Draw `count` start and goal states of the world's standard task."""
        ...

    def step(self, state: State, action: Tensor) -> State:
        """One environment step; `action` is `[B, width]` in the world's own units and is limited to its bounds."""
        ...

    def observe(self, state: State) -> Observation:
        """What is seen in `state`: streams `[B, ...]`."""
        ...

    def reached(self, state: State, goal: State) -> Tensor:
        """Whether each world is at its goal, `[B]` bool."""
        ...

    def expert(self, state: State, goal: State) -> Tensor:
        """A scripted action `[B, width]` that leads to the goal; it may look at the state."""
        ...

    def distance(self, state: State, goal: State) -> Tensor:
        """Length of the shortest possible way `[B]`, in the world's own unit (an oracle, for evaluation)."""
        ...

    def factors(self, split: str, count: int, generator: Generator) -> State:
        """Draw `count` appearances, to be merged into a state, from the `default`, `train` or `test` factors."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Observation → latent."""

    def encode(self, observation: Observation) -> Tensor:
        """Streams `[B, T, ...]` → latents `[B, T, P, D]`."""
        ...


@runtime_checkable
class WorldModel(Protocol):
    """Latent × actions → latents."""

    @property
    def frame_skip(self) -> int:
        """Environment steps in one model step."""
        ...

    @property
    def action(self) -> ActionSpec:
        """What one environment action is."""
        ...

    def encode(self, observations: Observation) -> Tensor:
        """Streams `[B, T, ...]` → latents `[B, T, P, D]`."""
        ...

    def rollout(self, context: Context, actions: Tensor) -> Rollout:
        """Latents predicted for actions `[B, N, H, A]` (environment units): one latent an action."""
        ...


@runtime_checkable
class Planner(Protocol):
    """Actions of least energy: a pure function, the randomness passed in, the result returned."""

    def __call__(self, energy_of: EnergyOf, start: Search, config: object, generator: Generator) -> Plan: ...


@runtime_checkable
class Episodes(Protocol):
    """Episodes to read, somewhere; each may be read from its file only when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Episode: ...

    def __iter__(self) -> Iterator[Episode]: ...


@runtime_checkable
class EpisodeStore(Episodes, Protocol):
    """Episodes, somewhere: append and read."""

    def append(self, episode: Episode) -> None:
        """Add one episode; on return it is readable by others, or an error was raised and nothing changed."""
        ...


@runtime_checkable
class Memory(Protocol):
    """What was seen, kept for good and found by what it resembles."""

    def __len__(self) -> int: ...

    def write(self, moments: Sequence[Moment]) -> list[int]:
        """Keep moments, all or none; on return they are committed. Their ids, in the same order."""
        ...

    def nearest(self, latents: Tensor, count: int = 10) -> Recalled:
        """The `count` moments of least squared distance to each latent `[B, P, D]`."""
        ...

    def recent(self, count: int = 10) -> list[Remembered]:
        """The moments written last, oldest first."""
        ...

    def read(self, ids: Sequence[int]) -> list[Remembered]:
        """Moments by their ids, in that order."""
        ...

    def forget(
        self,
        *,
        episode: str | None = None,
        run: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> int:
        """Erase moments that fit all that is given, so that no byte of them is left; how many there were."""
        ...


@runtime_checkable
class Wayfinder(Protocol):
    """Where to head first on the way to a goal beyond a plan's horizon."""

    def route(self, now: Tensor, goal: Tensor, missed: Tensor | None = None, keep: Tensor | None = None) -> Route:
        """The next place on the cheapest way from latents `[B, P, D]` to others.

        `missed` `[B, M]` are places near which heading straight for the goal failed, filled up with -1. Rows of `keep` `[B]`
        are on their way and ask only whether the goal itself has come within reach: what else is said of them is not read.
        """
        ...

    def judge(self, source: int, target: int, arrived: bool) -> None:
        """Tell whether `target` was reached from `source`: a way that failed costs more until it is gone again."""
        ...


@runtime_checkable
class Landmarks(Wayfinder, Protocol):
    """Remembered places, and what it takes to get from one to another."""

    def __len__(self) -> int: ...

    def propose(self, ids: Sequence[int]) -> int:
        """Offer remembered moments; those far from all landmarks become landmarks. How many did."""
        ...


def check_world_model(model: WorldModel, observations: Observation) -> None:
    """Raise in one sentence where `model` does not keep the `WorldModel` contract.

    Args:
        model: the model to try.
        observations: streams `[B, T, ...]` it should understand.
    Raises:
        ShapeError: an axis is missing or has another length than the contract says.
    """
    batch, past = next(iter(observations.values())).shape[:2]
    latents = model.encode(observations)
    if latents.dim() != 4 or latents.shape[:2] != (batch, past):
        raise ShapeError(f"encode returned {tuple(latents.shape)}; expected [B={batch}, T={past}, P, D].")
    width, candidates, horizon = model.frame_skip * model.action.width, 3, 4
    actions = torch.zeros(batch, candidates, horizon, width)
    rollout = model.rollout(Context(latents, torch.zeros(batch, past - 1, width)), actions)
    expected = (batch, candidates, horizon, *latents.shape[2:])
    if rollout.latents.shape != expected:
        raise ShapeError(
            f"rollout returned {tuple(rollout.latents.shape)} for N={candidates}, H={horizon} actions; "
            f"expected {expected}, one latent per action."
        )
    if not torch.isfinite(rollout.latents).all():
        raise ShapeError("rollout returned a non-finite latent for zero actions; check the normaliser.")


def check_energy(energy: Energy, rollout: Rollout, goal: Goal, actions: Tensor) -> None:
    """Raise in one sentence where `energy` does not return one finite number for each candidate."""
    value = energy(rollout, goal, actions)
    expected = rollout.latents.shape[:2]
    if value.shape != expected:
        raise ShapeError(f"the energy has shape {tuple(value.shape)}; expected [B, N] = {tuple(expected)}.")
    if not torch.isfinite(value).all():
        raise ShapeError("the energy is not finite; a planner would refuse it.")


def check_world(world: World, count: int = 4) -> None:
    """Raise in one sentence where `world` does not keep the `World` contract."""
    generator = Generator().manual_seed(0)
    start, goal = world.pairs(count, generator)
    seen = world.observe(start)
    for name, spec in world.streams.items():
        if name not in seen or seen[name].shape != (count, *spec.shape):
            raise ShapeError(f"observe gave {name!r} the wrong shape; expected {(count, *spec.shape)}.")
    moved = world.step(start, torch.zeros(count, world.action.width))
    if set(moved) != set(start):
        raise ShapeError(f"step returned a state with {sorted(moved)}; expected {sorted(start)}.")
    for what, value in (("reached", world.reached(start, goal)), ("distance", world.distance(start, goal))):
        if value.shape != (count,):
            raise ShapeError(f"{what} returned {tuple(value.shape)}; expected one value a world, ({count},).")
    if world.expert(start, goal).shape != (count, world.action.width):
        raise ShapeError(f"expert must return ({count}, {world.action.width}), one action a world.")

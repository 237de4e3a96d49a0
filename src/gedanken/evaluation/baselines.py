"""Policies that do not plan, to be measured on the same pairs: standing still, chance, and imitation of the data.

Behaviour cloning sees through the model's own frozen encoder and learns from the same episodes, so what it lacks is
only the thinking. Its goals are hindsight goals: any later frame of the same trajectory (Ghosh et al., arXiv:1912.06088).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from gedanken.contracts import Episodes, World, WorldModel
from gedanken.data.windows import stretches
from gedanken.environments import random_policy
from gedanken.errors import BadInput
from gedanken.evaluation.policy import Choice
from gedanken.types import Observation

_FRAMES = 512  # encoded at a time


class NoOp:
    """Stands still: what it reaches was solved at the start.

    Args:
        world: whose zero action is taken.
        frame_skip: environment steps in one decision.
    """

    def __init__(self, world: World, frame_skip: int = 4) -> None:
        self._width = world.action.width * frame_skip

    def begin(self, goal: Observation) -> None:
        """Take new goals, and ignore them."""

    def act(self, observation: Observation) -> Choice:
        """Zeros `[B, A]`."""
        return Choice(torch.zeros(_rows(observation), self._width))


class RandomPolicy:
    """Uniform actions within the bounds, each held for one decision.

    Args:
        world: gives the bounds.
        frame_skip: environment steps in one decision.
        seed: of all chance; `begin` does not start it anew.
    """

    def __init__(self, world: World, frame_skip: int = 4, seed: int = 0) -> None:
        self._world, self._frame_skip = world, frame_skip
        self._generator = Generator().manual_seed(seed)

    def begin(self, goal: Observation) -> None:
        """Take new goals, and ignore them."""

    def act(self, observation: Observation) -> Choice:
        """One drawn action a row, repeated: `[B, A]`."""
        drawn = random_policy(self._world, _rows(observation), 1, self._generator)
        return Choice(drawn[:, 0].repeat(1, self._frame_skip))


class BehaviourCloning:
    """Does what the data did on the way from here to a frame like the goal; made by `fit_behaviour_cloning`.

    Args:
        model: encodes; never trained here.
        head: latents of now and of the goal, side by side, → z-scored actions of the next model step.
        mean: of the actions `[A]`, in the environment's own units.
        std: of the actions `[A]`.
    """

    def __init__(self, model: WorldModel, head: nn.Module, mean: Tensor, std: Tensor) -> None:
        self._model, self._head, self._mean, self._std = model, head, mean, std
        self._goal: Tensor | None = None

    def begin(self, goal: Observation) -> None:
        """Take new goals: streams `[B, ...]`."""
        self._goal = _latents(self._model, goal)

    def act(self, observation: Observation) -> Choice:
        """The mean action of the data, `[B, A]`.

        Raises:
            BadInput: no goal was given.
        """
        if self._goal is None:
            raise BadInput("behaviour cloning has no goal yet; call begin(goal) first.")
        now = _latents(self._model, observation)
        with torch.no_grad():
            return Choice(self._head(torch.cat([now, self._goal], dim=1)) * self._std + self._mean)


def fit_behaviour_cloning(
    model: WorldModel,
    episodes: Episodes,
    steps: int = 2000,
    seed: int = 0,
    *,
    batch: int = 512,
    hidden: int = 256,
) -> BehaviourCloning:
    """Regress the next model step's actions on the latents of now and of a later frame of the same trajectory.

    Frames are read once a model step, from a random phase, and encoded once; no pair crosses a reset.

    Args:
        model: its encoder is used as it is.
        episodes: what the model was trained on.
        steps: gradient steps.
        seed: of phases, batches and the head's first weights.
        batch: pairs of now and goal in a step.
        hidden: units in each of the head's two hidden layers.
    Raises:
        BadInput: no episode holds one whole model step.
    """
    generator = Generator().manual_seed(seed)
    frames = _encoded(model, episodes, generator)
    starts = (torch.arange(len(frames.last)) < frames.last).nonzero()[:, 0]
    mean, std = frames.actions[starts].mean(dim=0), frames.actions[starts].std(dim=0, correction=0).clamp_min(1e-6)
    head = _head(2 * frames.latents.shape[1], hidden, len(mean), seed)
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for _ in range(steps):
        now = starts[torch.randint(len(starts), (batch,), generator=generator)]
        ahead = torch.rand(batch, generator=generator) * (frames.last[now] - now)
        inputs = torch.cat([frames.latents[now], frames.latents[now + 1 + ahead.long()]], dim=1)
        loss = (head(inputs) - (frames.actions[now] - mean) / std).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return BehaviourCloning(model, head.requires_grad_(False), mean, std)


@dataclass(frozen=True)
class _Frames:
    """Encoded frames of all trajectories, one after the other.

    Args:
        latents: `[F, P·D]`.
        actions: of the model step that leaves a frame `[F, A]`; zeros at the last frame of a trajectory.
        last: number of the last frame of a frame's own trajectory `[F]`.
    """

    latents: Float[Tensor, "F W"]
    actions: Float[Tensor, "F A"]
    last: Int[Tensor, " F"]


def _encoded(model: WorldModel, episodes: Episodes, generator: Generator) -> _Frames:
    waiting: list[Observation] = []
    latents, actions, last, count, pending = [], [], [], 0, 0
    for seen, done in _clips(model, episodes, generator):
        length = len(done) + 1
        count, pending = count + length, pending + length
        actions.append(torch.cat([done, torch.zeros(1, done.shape[1])]))
        last.append(torch.full((length,), count - 1))
        waiting.append(seen)
        if pending >= _FRAMES:
            latents.append(_latents(model, _together(waiting)))
            waiting, pending = [], 0
    if waiting:
        latents.append(_latents(model, _together(waiting)))
    if not latents:
        raise BadInput(
            f"no episode holds a whole model step of {model.frame_skip} environment steps without a reset; "
            "give longer episodes."
        )
    return _Frames(torch.cat(latents), torch.cat(actions), torch.cat(last))


def _clips(model: WorldModel, episodes: Episodes, generator: Generator) -> Iterator[tuple[Observation, Tensor]]:
    """Streams `[L, ...]` and actions `[L-1, A]` on the model's clock, of each stretch between resets."""
    skip = model.frame_skip
    for number in range(len(episodes)):
        episode = episodes[number]
        for start, stop in stretches(episode):
            # A phase that would leave no whole model step is not drawn.
            spare = min(skip, stop - start - skip)
            if spare < 1:
                continue
            first = start + int(torch.randint(spare, (1,), generator=generator))
            blocks = (stop - 1 - first) // skip
            end = first + blocks * skip
            seen = {name: torch.from_numpy(values[first : end + 1 : skip]) for name, values in episode.streams.items()}
            yield seen, torch.from_numpy(episode.actions[first:end]).reshape(blocks, skip * episode.action.width)


def _together(clips: list[Observation]) -> Observation:
    return {name: torch.cat([clip[name] for clip in clips]) for name in clips[0]}


def _latents(model: WorldModel, observation: Observation) -> Tensor:
    """Streams `[B, ...]` → latents `[B, P·D]`."""
    with torch.no_grad():
        return model.encode({name: values[:, None] for name, values in observation.items()}).flatten(1)


def _head(inputs: int, hidden: int, outputs: int, seed: int) -> nn.Sequential:
    # Modules draw their first weights from the global generator, which is not ours to move.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, outputs)
        )


def _rows(observation: Observation) -> int:
    return len(next(iter(observation.values())))

"""What is open before a person: a world with an agent in it, or an episode of a recording; and where one is in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from gedanken.contracts import Episodes, World
from gedanken.environments import make_world
from gedanken.environments.places import Places, places_of
from gedanken.errors import BadInput
from gedanken.evaluation.doctor import check_recording
from gedanken.recipes import Loaded
from gedanken.serving.studio.known import Known
from gedanken.serving.studio.trail import MOST, Trail
from gedanken.types import Observation, State


@dataclass
class Simulated:
    """The world as it truly is. Only the page and the renderer look at it: the model and the agent see pictures.

    Args:
        world: steps and renders.
        places: of its pictures, or None.
        state: now, one row.
        goal: the goal's state, where one is known; a goal picture from elsewhere has none.
    """

    world: World
    places: Places | None
    state: State
    goal: State | None

    def seen(self) -> Observation:
        """What is seen now."""
        return self.world.observe(self.state)

    def at(self, place: list[float]) -> State:
        """The state with the agent at a place of the picture.

        Raises:
            BadInput: the world knows no places, or the agent cannot be there.
        """
        if self.places is None:
            raise BadInput(
                f"{self.world.id} does not say where in its picture things are; drop a goal picture instead."
            )
        wanted = torch.tensor([place], dtype=torch.float32)
        if not bool(self.places.free(self.state, wanted)[0]):
            raise BadInput("the agent cannot be there: that is in a wall, or outside; point at free space.")
        return self.places.at(self.state, wanted)

    def place(self, state: State | None) -> list[float] | None:
        """Where the agent is in this state."""
        if state is None or self.places is None:
            return None
        return [round(each, 4) for each in self.places.of(state)[0].tolist()]

    def reached(self) -> bool | None:
        """Whether the world agrees that the goal is reached; None where it does not know the goal."""
        return None if self.goal is None else bool(self.world.reached(self.state, self.goal)[0])


@dataclass
class Scene:
    """One thing that is open.

    Args:
        title: what to call it.
        trail: what was lived or recorded so far.
        simulated: the world, or None for a recording.
        goal: what to reach, as seen.
        known: what imagined latents look like, once that is known.
    """

    title: str
    trail: Trail
    simulated: Simulated | None = None
    goal: Observation | None = None
    known: Known | None = None

    def moment(self, at: int | None) -> int:
        """A moment's number; the last one by default."""
        last = len(self.trail) - 1
        if at is not None and not self.trail.forgotten <= at <= last:
            raise BadInput(f"there is no moment {at}; there are {self.trail.forgotten} to {last}.")
        return last if at is None else at

    def now(self, at: int) -> bool:
        """Whether a moment is the present of a world, from which it can be simulated."""
        return self.simulated is not None and at == len(self.trail) - 1


def world_of(loaded: Loaded) -> World:
    """The world the model was trained in.

    Raises:
        BadInput: it was trained on recordings, or sees no pictures.
    """
    if "pixels" not in loaded.observation:
        raise BadInput(
            "this model reads no pictures, and the studio shows what is seen; use gedanken doctor and its report."
        )
    source, wall = str(loaded.lineage.get("data", "")), loaded.lineage.get("wall")
    try:
        return make_world(source, **({} if wall is None else {"wall": wall}))
    except BadInput as error:
        raise BadInput(
            f"the model was trained on {source[:60] or 'data it does not name'}, which is no world we ship; start the studio "
            "with a recording: --data PATH."
        ) from error


def drawn(loaded: Loaded, world: World, seed: int) -> Simulated:
    """A task of the world."""
    start, goal = world.pairs(1, Generator().manual_seed(seed))
    return Simulated(world, places_of(world), start, goal)


@torch.no_grad()
def recorded(loaded: Loaded, episodes: Episodes, number: int) -> tuple[list[Observation], list[Tensor], set[int], bool]:
    """An episode on the model's clock: moments `[1, ...]`, actions `[A]` between them, moments after a reset, and whether it was
    cut to fit.

    Raises:
        BadInput, ShapeError: there is no such episode, or the model reads another kind.
    """
    if not 0 <= number < len(episodes):
        raise BadInput(f"there is no episode {number}; there are {len(episodes)}, counted from 0.")
    episode, skip = episodes[number], loaded.model.frame_skip
    check_recording(loaded.observation, loaded.model.action, episode)
    steps = min((len(episode) - 1) // skip, MOST - 1)
    if steps < 1:
        raise BadInput(f"episode {number} has {len(episode)} frames; a model step alone takes {skip + 1}.")
    rows = np.arange(steps + 1) * skip
    streams = {name: torch.from_numpy(np.asarray(episode.streams[name][rows])) for name in loaded.observation}
    moments: list[Observation] = [
        {name: values[k : k + 1] for name, values in streams.items()} for k in range(steps + 1)
    ]
    actions = torch.from_numpy(np.asarray(episode.actions[: steps * skip], np.float32)).reshape(steps, -1)
    breaks = {-(-reset // skip) for reset in episode.resets if 0 < reset <= steps * skip}
    return moments, list(actions), breaks, (len(episode) - 1) // skip > steps

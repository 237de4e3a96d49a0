"""Open a world or an episode: the first picture at once, the rest after it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gedanken.contracts import Episodes
from gedanken.recipes import Loaded
from gedanken.serving import thoughts
from gedanken.serving.studio.commands import Open
from gedanken.serving.studio.known import Known, known_of_frames
from gedanken.serving.studio.looking import told_known
from gedanken.serving.studio.scene import Scene, drawn, recorded, world_of
from gedanken.serving.studio.shown import finite, picture
from gedanken.serving.studio.trail import Trail
from gedanken.types import Observation

if TYPE_CHECKING:
    from gedanken.serving.studio.session import Session

_TOGETHER = 64
"""Moments read on at a time."""


@dataclass(frozen=True)
class Rest:
    """What there is to read on after the first moment.

    Args:
        seen: all moments, streams `[1, ...]` each.
        actions: between them.
        cut: whether the episode has more than is read.
    """

    seen: list[Observation]
    actions: list[Tensor] = field(default_factory=list)
    cut: bool = False

    def known(self, scene: Scene) -> Known:
        """The frames of the episode, once all of it is encoded."""
        frames = torch.cat([each["pixels"] for each in scene.trail.seen])
        return known_of_frames(torch.stack(scene.trail.latents), frames, "this episode")


def opened(loaded: Loaded, recording: tuple[str, Episodes] | None, episode: int, seed: int) -> tuple[Scene, Rest]:
    """A scene whose trail is still empty, and what is to be put on it.

    Args:
        loaded: the model.
        recording: its name and episodes; None opens a task of the world the model was trained in.
        episode: which episode.
        seed: which task.
    Raises:
        BadInput, ShapeError: there is no such thing, or the model reads another kind.
    """
    torch.set_num_threads(1)
    if recording is None:
        simulated = drawn(loaded, world_of(loaded), seed)
        goal = None if simulated.goal is None else simulated.world.observe(simulated.goal)
        scene = Scene(f"{simulated.world.id}, task {seed}", Trail(loaded), simulated, goal)
        return scene, Rest([simulated.seen()])
    name, episodes = recording
    seen, actions, breaks, cut = recorded(loaded, episodes, episode)
    return Scene(f"{name}, episode {episode}", Trail(loaded, breaks=breaks)), Rest(seen, actions, cut)


def opening_told(loaded: Loaded, scene: Scene, command: Open, rest: Rest) -> dict[str, Any]:
    """What the page needs to draw the scene."""
    simulated = scene.simulated
    told: dict[str, Any] = {
        "is": "scene",
        "title": scene.title,
        "kind": "recording" if simulated is None else "world",
        "recording": command.recording,
        "episode": command.episode,
        "seed": command.seed,
        "moments": len(rest.seen),
        "cut": rest.cut,
        "picture": picture(rest.seen[0]["pixels"][0]),
        "actions": [each[: loaded.model.action.width].tolist() for each in rest.actions],
    }
    if simulated is not None:
        told |= {"place": simulated.place(simulated.state), "places": simulated.places is not None}
        told |= {"goal": None if scene.goal is None else picture(scene.goal["pixels"][0])}
        told |= {"goal_place": simulated.place(simulated.goal)}
        if simulated.places is not None:
            told["unit"] = [round(each, 6) for each in simulated.places.unit.tolist()]
    return told


async def read_on(session: Session, scene: Scene, rest: Rest) -> None:
    """Read the moments after the first, which the page shows already, and find out what imagined latents look like."""
    loaded, trail = session.loaded, scene.trail

    def more(begin: int, end: int) -> list[float | None]:
        for k in range(begin, end):
            trail.add(rest.seen[k], thoughts.encoded(loaded, rest.seen[k]), rest.actions[k - 1])
        return trail.surprises(begin, end)

    for begin in range(1, len(rest.seen), _TOGETHER):
        found = await session.think(partial(more, begin, min(begin + _TOGETHER, len(rest.seen))))
        await session.say({"is": "surprises", "from": begin, "values": [finite(each) for each in found]})
    if scene.simulated is not None:
        scene.known = await asyncio.to_thread(session.shelf.known, session.name, loaded, scene.simulated)
    else:
        scene.known = await session.think(partial(rest.known, scene))
    await session.say(await session.think(partial(told_known, loaded, scene)))

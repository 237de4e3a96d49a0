"""A dream: the model's own latents, led on by the actions of whoever drives; no simulator takes part.

In the world's present a shadow of the dream is simulated with the same actions, for the page to say how far the dream has
drifted. The dream never sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gedanken.errors import BadInput
from gedanken.memory import RecentLatents
from gedanken.recipes import Loaded
from gedanken.serving.studio.futures import stepped
from gedanken.serving.studio.scene import Scene
from gedanken.serving.studio.shown import finite, picture, rounded
from gedanken.serving.thoughts import check_courses
from gedanken.types import State

LONGEST = 2000


@dataclass
class DreamState:
    """How far a dream has come.

    Args:
        recent: latents that the next step is predicted from.
        begun: moment it began at.
        steps: dreamt so far.
        shadow: the world's own state after the same actions; None where it cannot be known.
    """

    recent: RecentLatents
    begun: int
    steps: int
    shadow: State | None


def begun(loaded: Loaded, scene: Scene, at: int) -> DreamState:
    """A dream that starts at a moment."""
    width = loaded.model.frame_skip * loaded.model.action.width
    recent = RecentLatents(loaded.model.past, width).write(scene.trail.latent(at)[None])
    shadow = scene.simulated.state if scene.now(at) and scene.simulated is not None else None
    return DreamState(recent, at, 0, shadow)


@torch.no_grad()
def dreamt(loaded: Loaded, scene: Scene, dream: DreamState, action: list[float]) -> dict[str, Any]:
    """One model step further, told as a message; `dream` is changed.

    Raises:
        BadInput, ShapeError: an action outside of the model's bounds, or of another width; the dream has become too long.
    """
    if dream.steps >= LONGEST:
        raise BadInput(f"a dream of {LONGEST} steps is long enough; wake up, and begin another.")
    course = check_courses(loaded, [[action]])
    block = course.repeat(1, 1, loaded.model.frame_skip)
    latent = loaded.model.rollout(dream.recent.context(), block[None]).latents[0, 0]
    dream.recent, dream.steps = dream.recent.write(latent, block[0]), dream.steps + 1
    assert scene.known is not None
    told = {"is": "dreamt", "steps": dream.steps, "picture": scene.known.pictures(latent)[0], "action": action}
    told["place"] = rounded(scene.known.read(latent)[0])
    if scene.goal is not None:
        step = loaded.model.step_change.clamp_min(1e-12).item()
        goal = loaded.model.encode({name: values[:, None] for name, values in scene.goal.items()})[0]
        told["distance"] = finite((latent - goal).square().mean().item() / step)
    if dream.shadow is not None:
        dream.shadow = stepped(loaded, scene, dream.shadow, course[0, 0])
        told |= _drift(scene, dream.shadow, scene.known.read(latent)[0])
    return told


def _drift(scene: Scene, shadow: State, place: Tensor) -> dict[str, Any]:
    simulated = scene.simulated
    assert simulated is not None
    told: dict[str, Any] = {"truly": picture(simulated.world.observe(shadow)["pixels"][0])}
    if simulated.places is not None:
        there = simulated.places.of(shadow)[0]
        told |= {"truly_at": rounded(there), "drift": finite(((place - there) / simulated.places.unit).norm().item())}
    return told

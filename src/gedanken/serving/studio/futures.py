"""Futures side by side: each action held for some model steps, imagined, and in the world's present also simulated."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gedanken.recipes import Loaded
from gedanken.serving import thoughts
from gedanken.serving.studio.scene import Scene
from gedanken.serving.studio.shown import finite, rounded
from gedanken.types import State

_SHOWN = 4
"""Pictures of one future, evenly spaced, the last one its end."""


def supposed(loaded: Loaded, scene: Scene, actions: list[list[float]], steps: int, at: int) -> dict[str, Any]:
    """What each action would lead to.

    Args:
        loaded: the model.
        scene: what is open; its known frames are needed.
        actions: `[width]` each, in the environment's units.
        steps: H, model steps each is held for.
        at: moment to start from.
    Raises:
        BadInput, ShapeError: an action outside of the model's bounds, or of another width.
    """
    goal = None if scene.goal is None else thoughts.encoded(loaded, scene.goal)
    futures = thoughts.what_if(loaded, scene.trail.latent(at), [[each] * steps for each in actions], goal)
    assert scene.known is not None
    shown = [round((k + 1) * steps / min(_SHOWN, steps)) - 1 for k in range(min(_SHOWN, steps))]
    step = loaded.model.step_change.clamp_min(1e-12).item()
    told: list[dict[str, Any]] = []
    for number, latents in enumerate(futures.latents):
        each: dict[str, Any] = {"action": actions[number], "path": rounded(scene.known.read(latents))}
        each |= {"pictures": scene.known.pictures(latents[shown]), "after": [k + 1 for k in shown]}
        if futures.distance is not None and futures.energy is not None:
            each |= {"energy": finite(futures.energy[number].item())}
            each |= {"distance": finite(futures.distance[number, -1].item() / step)}
        told.append(each)
    if scene.now(at):
        _simulate(loaded, scene, told)
    return {"is": "supposed", "at": at, "steps": steps, "futures": told, "apart": finite(_apart(futures.apart))}


def _simulate(loaded: Loaded, scene: Scene, told: list[dict[str, Any]]) -> None:
    """Add what the world itself would do: where it ends, beside where it was imagined to end."""
    simulated = scene.simulated
    assert simulated is not None
    for each in told:
        state, path = simulated.state, []
        for _ in each["path"]:
            state = stepped(loaded, scene, state, torch.tensor(each["action"]))
            path.append(simulated.place(state))
        if simulated.places is not None:
            each["truly"] = path


def stepped(loaded: Loaded, scene: Scene, state: State, action: Tensor) -> State:
    """The world's own state after an action `[width]` held for a model step."""
    assert scene.simulated is not None
    for _ in range(loaded.model.frame_skip):
        state = scene.simulated.world.step(state, action[None])
    return state


def _apart(apart: Tensor) -> float | None:
    return apart[0, 1].item() if len(apart) > 1 else None

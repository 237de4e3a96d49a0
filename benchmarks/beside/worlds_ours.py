"""Our side of `worlds`: many Two Rooms worlds stepped and drawn in one batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from beside.side import answer, spent
from gedanken import chip
from gedanken.environments import TwoRooms


def worlds(request: dict[str, Any]) -> dict[str, Any]:
    """Step and draw; answers where the first world's dot was told to be after each step, and where its picture shows it."""
    size, count, steps = request["size"], request["worlds"], request["steps"]
    world, generator = TwoRooms(size=size), torch.Generator().manual_seed(request["seed"])
    state, kept, told = world.sample(count, generator), [], []
    headings = 2 * torch.pi * torch.rand(count, generator=generator)
    action = 1.8 * torch.stack((headings.cos(), headings.sin()), -1)
    # The first world's dot goes from a corner towards the middle, so that it moves in every step.
    state["position"][0], action[0] = torch.tensor([8.0, 8.0]), torch.tensor([0.9, 1.2])
    with spent() as counted:
        for _ in range(steps):
            state = world.step(state, action)
            pixels = world.observe(state)["pixels"]
            kept.append(pixels[0].clone())
            told.append(state["position"][0])
    frames = torch.stack(kept).numpy()
    red = frames[..., 0].astype(float) - 32  # the dot alone has red in it
    told = (torch.stack(told).numpy() + 0.5) / 64
    return {
        "seconds": counted.seconds,
        "frames": count * steps,
        "shape": list(frames.shape[1:]),
        "told": told.tolist(),
        "seen": seen(red).tolist(),
    }


def floor(request: dict[str, Any]) -> dict[str, Any]:
    """Bytes a core-second of a copy: a frame is at least copied from its background."""
    return {"bandwidth": chip.bandwidth(0.1)}


def seen(weight: np.ndarray) -> np.ndarray:
    """Centre of mass `[T, 2]` (x, y) of pictures `[T, S, S]`, in shares of the picture's side."""
    centres = (np.arange(weight.shape[1]) + 0.5) / weight.shape[1]
    total = weight.sum((1, 2))
    return np.stack((weight.sum(1) @ centres, weight.sum(2) @ centres), -1) / total[:, None]


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"worlds": worlds, "floor": floor})

"""The peer's side of `worlds`: stable-worldmodel's TwoRoom, stepped and drawn; its pictures are drawn at 224 px and made smaller.

The bare environment is asked, without the wrappers that the peer puts around it, which would cost it more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from stable_worldmodel.envs.two_room import TwoRoomEnv  # pyright: ignore[reportMissingImports]

from beside.side import answer, spent


def worlds(request: dict[str, Any]) -> dict[str, Any]:
    """Step and draw; answers where the dot was told to be after each step, and where its picture shows it."""
    size, steps = request["size"], request["steps"]
    environment, kept, told = TwoRoomEnv(), [], []
    environment.reset(seed=request["seed"], options={"state": [40.0, 40.0]})
    action = np.array([0.3, 0.4], np.float32)
    with spent() as counted:
        for _ in range(steps):
            environment.step(action)
            pixels = environment.render()
            if size != environment.IMG_SIZE:
                pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
            kept.append(pixels)
            told.append(environment.agent_position.tolist())
    frames = np.stack(kept)
    # The dot is red: all else has as much green as red.
    red = frames[..., 0].astype(float) - frames[..., 1]
    return {
        "seconds": counted.seconds,
        "frames": steps,
        "shape": list(frames.shape[1:]),
        "told": ((np.array(told) + 0.5) / environment.IMG_SIZE).tolist(),
        "seen": seen(red).tolist(),
    }


def seen(weight: np.ndarray) -> np.ndarray:
    """Centre of mass `[T, 2]` (x, y) of pictures `[T, S, S]`, in shares of the picture's side."""
    centres = (np.arange(weight.shape[1]) + 0.5) / weight.shape[1]
    total = weight.sum((1, 2))
    return np.stack((weight.sum(1) @ centres, weight.sum(2) @ centres), -1) / total[:, None]


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"worlds": worlds})

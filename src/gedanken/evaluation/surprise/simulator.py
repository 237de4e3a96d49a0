"""The simulator's own likelihood: what the true world would have shown, beside what was shown. The upper bound, not a model.

From the true state at frame 0 and the actions the world is simulated to the end and drawn; a frame's surprise is its negative
log-likelihood under Gaussian noise of each pixel, but for a constant.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gedanken.environments.table import Table
from gedanken.errors import BadInput
from gedanken.evaluation.surprise.clips import Clips

NOISE = 2.0  # grey levels


def simulator_surprise(clips: Clips) -> Tensor:
    """−log p of each frame, `[C, L]`, up to a constant.

    Raises:
        BadInput: nobody knows the true states these clips began in.
    """
    if not clips.starts:
        raise BadInput("the simulator needs the true states at frame 0; only clips of `table-v1` come with them.")
    world, state = Table(), dict(clips.starts)
    shown = []
    for frame in range(clips.frames.shape[1]):
        if frame:
            state = world.step(state, clips.actions[:, frame - 1])
        expected = world.observe(state)["pixels"].float()
        apart = (expected - clips.frames[:, frame].float()).square().flatten(1).sum(1)
        shown.append(apart / (2 * NOISE**2))
    return torch.stack(shown, dim=1)

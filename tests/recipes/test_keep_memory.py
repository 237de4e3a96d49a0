"""Latents are kept for a hundred thousand episodes; what is kept must not hold the frames' memory."""

import subprocess
import sys

SCRIPT = """
import resource, sys
import torch
from torch import nn
from gedanken.recipes.keep import keep
from moving_dot import dot_episodes
from dataclasses import replace
import numpy as np

class Mean(nn.Module):
    frame_skip = 1
    def __init__(self, action):
        super().__init__()
        self.action, self.action_mean = action, torch.zeros(2)
    def encode(self, seen):
        return seen["pixels"].float().mean(dim=(2, 3, 4))[..., None, None].expand(-1, -1, 1, 128).contiguous()

one = dot_episodes(1, steps=12)[0]
one = replace(one, streams={"pixels": np.zeros((13, 64, 64, 3), np.uint8)},
              specs={"pixels": replace(one.specs["pixels"], shape=(64, 64, 3))})
model = Mean(one.action)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
keep(model, [one] * 60, 7)
before = peak()
kept, _ = keep(model, (one for _ in range(600)), 7)
print(peak() - before, kept.latents.numel() * 4)
"""


def test_memory_grows_by_the_latents_and_not_by_the_frames():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, cwd="tests", check=True
    )
    grown, latents = map(int, done.stdout.split())
    assert latents == 600 * 13 * 128 * 4
    frames = 600 * 13 * 64 * 64 * 3
    assert grown < 4 * latents + 20e6 < frames / 2, (
        f"memory grew by {grown / 1e6:.0f} MB for {latents / 1e6:.0f} MB of latents"
    )

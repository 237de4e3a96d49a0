"""Moments whose whole content follows from a serial number, and what a memory of them should hold and recall."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import torch

from gedanken.memory import EpisodicMemory
from gedanken.types import Moment

ENCODER = "k" * 64
WIDTH = 1024
_PROBES = 4


def latents(serials: list[int]) -> torch.Tensor:
    """`[count, 1, 1024]` that only these serial numbers have."""
    phase = np.outer(np.array(serials, np.float64) + 0.5, np.sqrt(np.arange(2, WIDTH + 2)))
    return torch.from_numpy(np.sin(phase).astype(np.float16).astype(np.float32))[:, None]


def moment(serial: int, episode: str) -> Moment:
    """What is written under a serial number; one in four has a picture."""
    bits = torch.tensor([serial >> bit & 1 for bit in range(16)], dtype=torch.uint8).reshape(4, 4, 1)
    pixels = (200 * bits).expand(4, 4, 3).repeat_interleave(16, 0).repeat_interleave(16, 1)
    return Moment(
        latents([serial])[0],
        episode,
        float(serial),
        torch.tensor([float(serial % 1000)]),
        None if serial % 4 else pixels,
    )


def retrieval(memory: EpisodicMemory) -> str:
    """A hash of what is found for some latents, and how far away, bit for bit."""
    found = memory.nearest(latents(list(range(-_PROBES, 0))), 10)
    return sha256(found.ids.numpy().tobytes() + found.distances.numpy().tobytes()).hexdigest()


@dataclass(frozen=True)
class State:
    """What a memory should hold: the serial number and the episode of each id."""

    serials: dict[int, int] = field(default_factory=dict)
    episodes: dict[int, str] = field(default_factory=dict)

    def after(self, work: dict[str, Any], first: int) -> State:
        """With a piece of work done, its first id being `first`."""
        if work["do"] == "forget":
            kept = {id for id, episode in self.episodes.items() if episode != work["episode"]}
            return self.only(kept)
        ids = range(first, first + work["count"])
        serials = {id: int(work["serial"]) + k for k, id in enumerate(ids)}
        return State({**self.serials, **serials}, {**self.episodes, **{id: str(work["episode"]) for id in ids}})

    def only(self, kept: set[int]) -> State:
        """Without all ids but those."""
        return State(
            {id: serial for id, serial in self.serials.items() if id in kept},
            {id: episode for id, episode in self.episodes.items() if id in kept},
        )


def by_brute_force(state: State) -> str:
    """What `retrieval` should say of a memory in this state, computed without it."""
    ids = np.array(sorted(state.serials), np.int64)
    keys = latents([state.serials[int(id)] for id in ids])[:, 0].double().numpy()
    found, distances = [], []
    for probe in latents(list(range(-_PROBES, 0)))[:, 0].half().double().numpy():
        apart = ((keys - probe) ** 2).mean(axis=1)
        order = np.lexsort((-ids, apart))[:10]
        found.append(ids[order])
        distances.append(apart[order].astype(np.float32))
    return sha256(np.stack(found).tobytes() + np.stack(distances).tobytes()).hexdigest()

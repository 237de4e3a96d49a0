"""What all people of one studio share: recordings, a memory, runs, and what was already found out about a layout's pictures."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gedanken.contracts import Episodes
from gedanken.encoders import fingerprint
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory
from gedanken.recipes import Loaded
from gedanken.serving.studio.known import Known, known_of_world
from gedanken.serving.studio.scene import Simulated
from gedanken.serving.studio.shown import finite, picture

_LAYOUTS = 16


@dataclass
class Shelf:
    """What was given when the studio was started.

    Args:
        recordings: by name; opened once, read when they are asked for.
        runs: run folders by name.
        memory: file of an episodic memory; it is read, never written.
    """

    recordings: Mapping[str, Episodes] = field(default_factory=dict)
    runs: Mapping[str, Path] = field(default_factory=dict)
    memory: Path | None = None
    _known: OrderedDict[tuple[str, str], Known] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: EpisodicMemory | None = None
    pages: int = 0
    """Pages that are open now."""

    def known(self, name: str, loaded: Loaded, simulated: Simulated) -> Known:
        """What imagined latents look like in the layout at hand; takes a second when it is asked for the first time."""
        torch.set_num_threads(1)
        key = (name, _layout(simulated))
        with self._lock:
            if key not in self._known:
                self._known[key] = known_of_world(loaded, simulated.world, simulated.places, simulated.state)
                if len(self._known) > _LAYOUTS:
                    self._known.popitem(last=False)
            return self._known[key]

    def recording(self, number: int) -> tuple[str, Episodes]:
        """The name and the episodes of a recording, by its number."""
        if number >= len(self.recordings):
            raise BadInput(
                f"there is no recording {number}; {len(self.recordings)} were given when the studio was started."
            )
        return list(self.recordings.items())[number]

    def recalled(self, loaded: Loaded, latent: torch.Tensor, count: int) -> dict[str, Any]:
        """Memories of moments like this one, nearest first. Asked in one thread only, as the memory belongs to who opened it."""
        assert self.memory is not None
        if self._open is None:
            self._open = EpisodicMemory.reader(self.memory, fingerprint(loaded.model.encoder))
        found = self._open.nearest(latent[None], count)
        scale = loaded.model.step_change.clamp_min(1e-12).item()
        told = [
            {
                "picture": None if each.moment.pixels is None else picture(each.moment.pixels),
                "episode": each.moment.episode,
                "time": each.moment.time,
                "distance": finite(distance / scale),
            }
            for each, distance in zip(self._open.read(found.ids[0].tolist()), found.distances[0].tolist(), strict=True)
        ]
        return {"moments": len(self._open), "recalled": told}

    def close(self) -> None:
        """Give the memory's file back; in the thread that asked."""
        if self._open is not None:
            self._open.close()


def _layout(simulated: Simulated) -> str:
    """A name for all of the state that stays when the agent is elsewhere."""
    places = simulated.places
    state = {} if places is None else places.at(simulated.state, torch.zeros(1, 2))
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].contiguous().numpy().tobytes())
    return f"{simulated.world.id}:{digest.hexdigest()}"

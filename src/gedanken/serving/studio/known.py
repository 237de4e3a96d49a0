"""What an imagined latent looks like: the known frame whose own latent is nearest, since a JEPA draws no pixels.

The known frames are rendered by the world, all over the free space of the layout at hand, or are those of the recording. Where
the world knows places in its picture, an imagined latent's place is read off its four nearest known frames; how far that is
off on frames that are not among the known ones is measured when they are made, and told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float, Int, UInt8
from torch import Generator, Tensor

from gedanken.contracts import World
from gedanken.environments.places import Places
from gedanken.recipes import Loaded
from gedanken.serving.studio.shown import picture, rounded
from gedanken.types import Observation, State

GRID = 52
"""Places along a side of the picture, of which those that are free become known frames."""
DRAWN = 2048
_TRIED = 128
_NEIGHBOURS = 4
_CLOUD = 300
_CHUNK = 256
_SEED = 20_011
"""Of the states on which reading places is tried; no other part draws by it."""


@dataclass(frozen=True)
class Known:
    """Frames, and what the model makes of them.

    Args:
        latents: `[F, P·D]`.
        frames: `[F, height, width, 3]` uint8.
        places: where the agent is seen in each `[F, 2]`, in shares of the picture; None where nobody knows.
        off: median distance between a place and its reading, in shares of the picture; None where nobody knows.
        source: where the frames come from, in words.
    """

    latents: Float[Tensor, "F PD"]
    frames: UInt8[Tensor, "F height width 3"]
    places: Float[Tensor, "F 2"] | None
    off: float | None
    source: str
    _pictures: dict[int, str] = field(default_factory=dict, compare=False, repr=False)

    def nearest(self, latents: Float[Tensor, "*rows P D"]) -> Int[Tensor, "*rows"]:
        """The number of the nearest known frame of each latent."""
        found = torch.cdist(latents.flatten(0, -3).flatten(1).float(), self.latents).argmin(dim=1)
        return found.unflatten(0, latents.shape[:-2]) if latents.dim() > 2 else found[0]

    def pictures(self, latents: Float[Tensor, "n P D"]) -> list[str]:
        """What each latent looks like, as a page shows it."""
        return [self._picture(k) for k in self.nearest(latents).tolist()]

    def _picture(self, number: int) -> str:
        if number not in self._pictures:
            self._pictures[number] = picture(self.frames[number])
        return self._pictures[number]

    def read(self, latents: Float[Tensor, "*rows P D"]) -> Float[Tensor, "*rows 2"]:
        """The place of each latent, read off its nearest known frames; or, without places, its two leading principal components
        among the known frames, from 0 to 1 where known frames lie."""
        rows = latents.flatten(0, -3).flatten(1).float()
        if self.places is not None:
            return _nearby(rows, self.latents, self.places).unflatten(0, latents.shape[:-2])
        mean, axes, low, high = self._plane
        return (0.06 + 0.88 * ((rows - mean) @ axes - low) / (high - low)).unflatten(0, latents.shape[:-2])

    @cached_property
    def cloud(self) -> list[list[float]]:
        """Where some of the known frames lie in the plane that `read` reads; nothing where it reads places."""
        if self.places is not None:
            return []
        some = torch.linspace(0, len(self.latents) - 1, min(_CLOUD, len(self.latents))).round().long()
        return rounded(self.read(self.latents[some][:, None]))

    @cached_property
    def _plane(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean = self.latents.mean(dim=0)
        axes = torch.linalg.svd(self.latents - mean, full_matrices=False)[2][:2].T
        cloud = (self.latents - mean) @ axes
        low = cloud.amin(dim=0)
        return mean, axes, low, (cloud.amax(dim=0) - low).clamp_min(1e-9) + low


@torch.no_grad()
def known_of_world(loaded: Loaded, world: World, places: Places | None, state: State) -> Known:
    """Frames of the layout and look of `state`, one row: at a grid of places, or drawn where the world knows no places."""
    generator = Generator().manual_seed(_SEED)
    if places is None:
        seen = world.observe(world.sample(DRAWN, generator))
        return Known(_encoded(loaded, seen), seen["pixels"], None, None, f"{DRAWN:,} frames that {world.id} rendered")
    axis = (torch.arange(GRID) + 0.5) / GRID
    grid, tried = torch.cartesian_prod(axis, axis), torch.rand(8 * _TRIED, 2, generator=generator)
    grid, tried = (each[places.free(_many(state, len(each)), each)] for each in (grid, tried))
    tried = tried[:_TRIED]
    seen = world.observe(places.at(_many(state, len(grid)), grid))
    latents = _encoded(loaded, seen)
    new = _encoded(loaded, world.observe(places.at(_many(state, len(tried)), tried)))
    off = (_nearby(new, latents, grid) - tried).norm(dim=-1).median().item()
    return Known(latents, seen["pixels"], grid, off, f"{len(grid):,} frames that {world.id} rendered")


def known_of_frames(latents: Float[Tensor, "F P D"], frames: UInt8[Tensor, "F height width 3"], source: str) -> Known:
    """Frames of a recording; at most `DRAWN` of them, evenly spaced."""
    rows = torch.linspace(0, len(frames) - 1, min(DRAWN, len(frames))).round().long()
    return Known(latents[rows].flatten(1).float(), frames[rows], None, None, f"{len(rows):,} frames of {source}")


def _nearby(rows: Tensor, latents: Tensor, places: Tensor) -> Tensor:
    """Places `[F, 2]` of the nearest known latents, the nearer ones counting more."""
    distance, nearest = torch.cdist(rows, latents).topk(min(_NEIGHBOURS, len(latents)), dim=1, largest=False)
    weight = 1 / (distance.square() + 1e-9)
    return (places[nearest] * weight[..., None]).sum(dim=1) / weight.sum(dim=1, keepdim=True)


def _many(state: State, count: int) -> State:
    return {name: value[:1].expand(count, *value.shape[1:]) for name, value in state.items()}


def _encoded(loaded: Loaded, seen: Observation) -> Tensor:
    count = len(next(iter(seen.values())))
    chunks = [{name: values[k : k + _CHUNK, None] for name, values in seen.items()} for k in range(0, count, _CHUNK)]
    return torch.cat([loaded.model.encode(chunk)[:, 0].flatten(1).float() for chunk in chunks])

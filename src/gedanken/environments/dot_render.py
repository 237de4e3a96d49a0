"""Draw a world of a dot: one background a trajectory, and in each frame a small patch of it blended with the dot.

A frame is 64×64 px: pixel k of an image shows coordinate k, and coordinate 64, which lies outside the arena, is left
out. A larger or smaller picture shows the same square of the world in more or fewer pixels: lengths in px are the
world's, lengths in *dots* the picture's. Edges that fall inside a dot colour it by the share they cover.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gedanken.environments.dot_blocks import Arena
from gedanken.types import State

BlendWalls = Callable[[Tensor, int, State], None]
"""Draws walls into frames uint8 `[B, S·S·3]` of a size, in place, from the entries of a state that say where they are."""

IMAGE_SIZE = 64
SMALLEST, LARGEST = 16, 1024  # sizes of a picture
TEXTURE_CELL = 8  # px between the points of the texture's lattice
PATCHES = 1 << 17  # pixels blended at a time, for the same reason
CHUNK = 32  # grounds drawn at a time: their float pixels then stay in the cache


def render(
    arena: Arena, state: State, positions: Tensor, size: int, place: Sequence[str], blend_walls: BlendWalls
) -> Tensor:
    """Frames uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]` in the layout and look of each row of `state`; S = `size`.

    Args:
        arena: where its border is.
        state: looks as `dot_appearance` describes them, and the entries that say where walls are.
        positions: of the dot.
        size: pixels along a side.
        place: names of the entries of `state` by which walls are drawn.
        blend_walls: draws them into the background, in place.
    """
    batch, length = positions.shape[:2]
    background = _backgrounds(arena, state, size, place, blend_walls).expand(batch, -1)
    frames = background[:, None].expand(batch, length, -1).contiguous().view(batch * length, -1)
    color, sigma = (state[key].repeat_interleave(length, 0) for key in ("dot_color", "dot_sigma"))
    _blend_dots(frames, size, dots(positions.reshape(-1, 2), size), color, sigma * (size / IMAGE_SIZE))
    return frames.view(batch, length, size, size, 3)


def dots(coordinate: Tensor, size: int) -> Tensor:
    """Where a coordinate in px lies in a picture of this size, in dots."""
    return coordinate if size == IMAGE_SIZE else (coordinate + 0.5) * (size / IMAGE_SIZE) - 0.5


def _backgrounds(arena: Arena, state: State, size: int, place: Sequence[str], blend_walls: BlendWalls) -> Tensor:
    """Everything but the dot, uint8 `[B, S·S·3]`; a single row where all worlds are alike."""
    look = _shared(state, ("wall_color", "background_color", "texture_amplitude", "texture_seed"))
    where = _shared(state, (*place, "wall_color"))
    grounds = _grounds(arena, look, size)
    count = max(len(grounds), len(where["wall_color"]))
    frames = grounds.expand(count, -1).contiguous()
    blend_walls(frames, size, {name: part.expand(count, *part.shape[1:]) for name, part in where.items()})
    return frames


def _shared(state: State, keys: Sequence[str]) -> dict[str, Tensor]:
    """These entries of a state, as a single row where all its rows are alike."""
    parts = {key: state[key] for key in keys}
    alike = all(bool((part == part[:1]).all()) for part in parts.values())
    return {key: part[:1] for key, part in parts.items()} if alike else parts


def _grounds(arena: Arena, look: State, size: int) -> Tensor:
    """Background and border, uint8 `[B, S·S·3]`."""
    count = len(look["wall_color"])
    frames = torch.empty(count, size, size, 3, dtype=torch.uint8, device=look["wall_color"].device)
    border = _border(arena, size, frames.device)[..., None]
    for first in range(0, count, CHUNK):
        part = {key: values[first : first + CHUNK] for key, values in look.items()}
        ground = part["background_color"][:, None, None]
        if bool((part["texture_amplitude"] != 0).any()):
            ground = (ground + _texture(part["texture_amplitude"], part["texture_seed"], size)[..., None]).clamp(0, 255)
        frames[first : first + CHUNK] = torch.lerp(ground, part["wall_color"][:, None, None], border).round()
    return frames.flatten(1)


def _border(arena: Arena, size: int, device: torch.device) -> Tensor:
    """Share of each dot that the border line covers, `[S, S]`."""
    outer, inner = arena.border - 0.5, arena.border + 0.5
    outside, inside = (_square(arena, edge, size, device) for edge in (outer, inner))
    return outside - inside


def _square(arena: Arena, edge: float, size: int, device: torch.device) -> Tensor:
    """Share of each dot `[S, S]` that lies in the square which begins `edge` px from the arena's corner."""
    dot, scale = torch.arange(size, device=device), size / IMAGE_SIZE
    low, high = (edge + 0.5) * scale, (arena.scale - 0.5 - edge) * scale
    share = (torch.minimum(dot + 1.0, torch.tensor(high)) - torch.maximum(dot * 1.0, torch.tensor(low))).clamp(0, 1)
    return share[:, None] * share


def _texture(amplitude: Tensor, seed: Tensor, size: int) -> Tensor:
    """Smooth noise `[B, S, S]` within ± amplitude, the same whenever the seed is the same."""
    side = IMAGE_SIZE // TEXTURE_CELL
    lattice = torch.arange(side * side, device=seed.device)
    mixed = (lattice * 374761393 + seed[:, None] * 668265263) & 0x7FFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0x7FFFFFFF
    noise = ((mixed ^ (mixed >> 16)) & 0xFFFF).to(amplitude.dtype) / 0x8000 - 1
    smooth = interpolate(noise.view(-1, 1, side, side), size=size, mode="bilinear", align_corners=True)
    return amplitude[:, None, None] * smooth[:, 0]


def covered(pixel: Tensor, centre: Tensor, half: float) -> Tensor:
    """Share of each dot `[B, K]` that lies within `half` of `centre` `[B]`."""
    return (half + 0.5 - (pixel - centre[:, None]).abs()).clamp(0, 1)


def covered_between(low: Tensor, high: Tensor, size: int) -> Tensor:
    """Share of each dot `[..., S]` that lies between the coordinates `low` and `high` `[...]`, in px."""
    dot, scale = torch.arange(size, device=low.device), size / IMAGE_SIZE
    first, last = ((edge + 0.5) * scale for edge in (low, high))
    return (torch.minimum(dot + 1.0, last[..., None]) - torch.maximum(dot * 1.0, first[..., None])).clamp(0, 1)


def paint(frames: Tensor, size: int, share: Tensor, color: Tensor) -> None:
    """Blend `color` `[B, 3]` into whole frames uint8 `[B, S·S·3]` by the share `[B, S, S]` of each dot, in place."""
    for some, shares, colors in zip(frames.split(CHUNK), share.split(CHUNK), color.split(CHUNK), strict=True):
        blended = torch.lerp(some.view(*shares.shape, 3).float(), colors[:, None, None], shares[..., None])
        some.copy_(blended.round_().flatten(1))


def _blend_dots(frames: Tensor, size: int, position: Tensor, color: Tensor, sigma: Tensor) -> None:
    """Blend a Gaussian dot into each frame, in place."""
    # Beyond 3.6 sigma the dot is less than half a grey level, so a patch of that reach loses nothing.
    reach = math.ceil(3.6 * float(sigma.max()))
    side = min(2 * reach + 1, size)
    # At the image's edge the patch is moved in, not cut: every dot has a patch of one size.
    corner = (position.round().long() - reach).clamp(0, size - side)
    pixel = corner[:, :, None] + torch.arange(side, device=position.device)
    weight = torch.exp(-((pixel - position[:, :, None]) ** 2) / (2 * sigma[:, None, None] ** 2))
    column, row = pixel.unbind(1)
    weight_x, weight_y = weight.unbind(1)
    blend(frames, size, row, column, weight_y[:, :, None] * weight_x[:, None, :], color)


def blend(frames: Tensor, size: int, row: Tensor, column: Tensor, weight: Tensor, color: Tensor) -> None:
    """Blend `color` `[F, 3]` by `weight` `[F, h, w]` into rows `[F, h]` × columns `[F, w]` of frames `[F, S·S·3]`, in place."""
    channel = torch.arange(3, device=frames.device)
    together = max(1, PATCHES // weight[0].numel())
    for some, rows, columns, weights, colors in zip(
        *(part.split(together) for part in (frames, row, column, weight, color)), strict=True
    ):
        first = (rows[:, :, None] * size + columns[:, None, :]) * 3
        index = (first[..., None] + channel).flatten(1)
        patch = some.gather(1, index).view(*weights.shape, 3).to(weights.dtype)
        blended = torch.lerp(patch, colors[:, None, None, :], weights[..., None]).round_().to(torch.uint8)
        some.scatter_(1, index, blended.flatten(1))

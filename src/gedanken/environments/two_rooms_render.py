"""Draw Two Rooms: one background a trajectory, and in each frame a small patch of it blended with the dot.

A frame is 64×64 px: pixel k of an image shows coordinate k, and coordinate 64, which lies outside the arena, is left
out. A larger or smaller picture shows the same square of the world in more or fewer pixels: lengths in px are the
world's, lengths in *dots* the picture's. Edges that fall inside a dot colour it by the share they cover.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gedanken.environments.two_rooms_geometry import TwoRoomsConfig
from gedanken.types import State

IMAGE_SIZE = 64
SMALLEST, LARGEST = 16, 1024  # sizes of a picture
TEXTURE_CELL = 8  # px between the points of the texture's lattice
PATCHES = 1 << 17  # pixels blended at a time, for the same reason
CHUNK = 32  # grounds drawn at a time: their float pixels then stay in the cache


def render(config: TwoRoomsConfig, state: State, positions: Tensor, size: int = IMAGE_SIZE) -> Tensor:
    """Frames uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]` in the layout and look of each row of `state`; S = `size`."""
    batch, length = positions.shape[:2]
    background = _backgrounds(config, state, size).expand(batch, -1)
    frames = background[:, None].expand(batch, length, -1).contiguous().view(batch * length, -1)
    color, sigma = (state[key].repeat_interleave(length, 0) for key in ("dot_color", "dot_sigma"))
    _blend_dots(frames, size, _dots(positions.reshape(-1, 2), size), color, sigma * (size / IMAGE_SIZE))
    return frames.view(batch, length, size, size, 3)


def _dots(coordinate: Tensor, size: int) -> Tensor:
    """Where a coordinate in px lies in a picture of this size, in dots."""
    return coordinate if size == IMAGE_SIZE else (coordinate + 0.5) * (size / IMAGE_SIZE) - 0.5


def _backgrounds(config: TwoRoomsConfig, state: State, size: int) -> Tensor:
    """Everything but the dot, uint8 `[B, S·S·3]`; a single row where all worlds are alike."""
    look = _shared(state, ("wall_color", "background_color", "texture_amplitude", "texture_seed"))
    place = _shared(state, ("wall_x", "door_y", "wall_color"))
    grounds = _grounds(config, look, size)
    count = max(len(grounds), len(place["wall_x"]))
    frames = grounds.expand(count, -1).contiguous()
    _blend_walls(config, frames, size, *(part.expand(count, *part.shape[1:]) for part in place.values()))
    return frames


def _shared(state: State, keys: tuple[str, ...]) -> dict[str, Tensor]:
    """These entries of a state, as a single row where all its rows are alike."""
    parts = {key: state[key] for key in keys}
    alike = all(bool((part == part[:1]).all()) for part in parts.values())
    return {key: part[:1] for key, part in parts.items()} if alike else parts


def _grounds(config: TwoRoomsConfig, look: State, size: int) -> Tensor:
    """Background and border, uint8 `[B, S·S·3]`."""
    count = len(look["wall_color"])
    frames = torch.empty(count, size, size, 3, dtype=torch.uint8, device=look["wall_color"].device)
    border = _border(config, size, frames.device)[..., None]
    for first in range(0, count, CHUNK):
        part = {key: values[first : first + CHUNK] for key, values in look.items()}
        ground = part["background_color"][:, None, None]
        if bool((part["texture_amplitude"] != 0).any()):
            ground = (ground + _texture(part["texture_amplitude"], part["texture_seed"], size)[..., None]).clamp(0, 255)
        frames[first : first + CHUNK] = torch.lerp(ground, part["wall_color"][:, None, None], border).round()
    return frames.flatten(1)


def _border(config: TwoRoomsConfig, size: int, device: torch.device) -> Tensor:
    """Share of each dot that the border line covers, `[S, S]`."""
    outer, inner = config.border - 0.5, config.border + 0.5
    outside, inside = (_square(config, edge, size, device) for edge in (outer, inner))
    return outside - inside


def _square(config: TwoRoomsConfig, edge: float, size: int, device: torch.device) -> Tensor:
    """Share of each dot `[S, S]` that lies in the square which begins `edge` px from the arena's corner."""
    dot, scale = torch.arange(size, device=device), size / IMAGE_SIZE
    low, high = (edge + 0.5) * scale, (config.scale - 0.5 - edge) * scale
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


def _blend_walls(
    config: TwoRoomsConfig, frames: Tensor, size: int, wall_x: Tensor, door_y: Tensor, color: Tensor
) -> None:
    """Blend the vertical wall with its door into each frame, in place."""
    scale, centre, door = size / IMAGE_SIZE, _dots(wall_x, size), _dots(door_y, size)
    half = scale * config.wall_width / 2
    reach = math.ceil(half)
    column = centre.round().long()[:, None] + torch.arange(-reach, reach + 1, device=frames.device)
    first, last = scale * (config.border + 1), scale * (config.scale - 1 - config.border)
    row = torch.arange(math.floor(first), math.ceil(last), device=frames.device).expand(len(frames), -1)
    covered = _covered(column, centre, half)[:, None, :]
    closed = 1 - _covered(row, door, scale * config.door_half)[:, :, None]
    _blend(frames, size, row, column, closed * covered, color)


def _covered(pixel: Tensor, centre: Tensor, half: float) -> Tensor:
    """Share of each dot `[B, K]` that lies within `half` of `centre` `[B]`."""
    return (half + 0.5 - (pixel - centre[:, None]).abs()).clamp(0, 1)


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
    _blend(frames, size, row, column, weight_y[:, :, None] * weight_x[:, None, :], color)


def _blend(frames: Tensor, size: int, row: Tensor, column: Tensor, weight: Tensor, color: Tensor) -> None:
    """Blend `color` `[F, 3]` into pixels `row` `[F, h]` × `column` `[F, w]` of `frames` `[F, S·S·3]`, in place."""
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

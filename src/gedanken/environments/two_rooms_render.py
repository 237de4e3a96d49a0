"""Draw Two Rooms: one background a trajectory, and in each frame a small patch of it blended with the dot.

A frame is 64×64 px: pixel k of an image shows coordinate k, and coordinate 64, which lies outside the arena, is left
out. Edges that fall inside a pixel colour it by the share they cover.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gedanken.environments.two_rooms_geometry import TwoRoomsConfig
from gedanken.types import State

IMAGE_SIZE = 64
TEXTURE_CELL = 8  # px between the points of the texture's lattice
CHUNK = 32  # grounds drawn at a time: their float pixels then stay in the cache


def render(config: TwoRoomsConfig, state: State, positions: Tensor) -> Tensor:
    """Frames uint8 `[B, T, 64, 64, 3]` of `positions` `[B, T, 2]` in the layout and look of each row of `state`."""
    batch, length = positions.shape[:2]
    background = _backgrounds(config, state).expand(batch, -1)
    frames = background[:, None].expand(batch, length, -1).contiguous().view(batch * length, -1)
    color, sigma = (state[key].repeat_interleave(length, 0) for key in ("dot_color", "dot_sigma"))
    _blend_dots(frames, positions.reshape(-1, 2), color, sigma)
    return frames.view(batch, length, IMAGE_SIZE, IMAGE_SIZE, 3)


def _backgrounds(config: TwoRoomsConfig, state: State) -> Tensor:
    """Everything but the dot, uint8 `[B, 64·64·3]`; a single row where all worlds are alike."""
    look = _shared(state, ("wall_color", "background_color", "texture_amplitude", "texture_seed"))
    place = _shared(state, ("wall_x", "door_y", "wall_color"))
    grounds = _grounds(config, look)
    count = max(len(grounds), len(place["wall_x"]))
    frames = grounds.expand(count, -1).contiguous()
    _blend_walls(config, frames, *(part.expand(count, *part.shape[1:]) for part in place.values()))
    return frames


def _shared(state: State, keys: tuple[str, ...]) -> dict[str, Tensor]:
    """These entries of a state, as a single row where all its rows are alike."""
    parts = {key: state[key] for key in keys}
    alike = all(bool((part == part[:1]).all()) for part in parts.values())
    return {key: part[:1] for key, part in parts.items()} if alike else parts


def _grounds(config: TwoRoomsConfig, look: State) -> Tensor:
    """Background and border, uint8 `[B, 64·64·3]`."""
    count = len(look["wall_color"])
    frames = torch.empty(count, IMAGE_SIZE, IMAGE_SIZE, 3, dtype=torch.uint8, device=look["wall_color"].device)
    border = _border(config, frames.device)[..., None]
    for first in range(0, count, CHUNK):
        part = {key: values[first : first + CHUNK] for key, values in look.items()}
        ground = part["background_color"][:, None, None]
        if bool((part["texture_amplitude"] != 0).any()):
            ground = (ground + _texture(part["texture_amplitude"], part["texture_seed"])[..., None]).clamp(0, 255)
        frames[first : first + CHUNK] = torch.where(border, part["wall_color"][:, None, None], ground).round()
    return frames.flatten(1)


def _border(config: TwoRoomsConfig, device: torch.device) -> Tensor:
    """Which pixels the border line covers, `[64, 64]` bool."""
    pixel = torch.arange(IMAGE_SIZE, device=device)
    first, last = config.border, config.scale - 1 - config.border
    arena, edge = (pixel >= first) & (pixel <= last), (pixel == first) | (pixel == last)
    return (edge[:, None] & arena) | (arena[:, None] & edge)


def _texture(amplitude: Tensor, seed: Tensor) -> Tensor:
    """Smooth noise `[B, 64, 64]` within ± amplitude, the same whenever the seed is the same."""
    side = IMAGE_SIZE // TEXTURE_CELL
    lattice = torch.arange(side * side, device=seed.device)
    mixed = (lattice * 374761393 + seed[:, None] * 668265263) & 0x7FFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0x7FFFFFFF
    noise = ((mixed ^ (mixed >> 16)) & 0xFFFF).to(amplitude.dtype) / 0x8000 - 1
    smooth = interpolate(noise.view(-1, 1, side, side), size=IMAGE_SIZE, mode="bilinear", align_corners=True)
    return amplitude[:, None, None] * smooth[:, 0]


def _blend_walls(config: TwoRoomsConfig, frames: Tensor, wall_x: Tensor, door_y: Tensor, color: Tensor) -> None:
    """Blend the vertical wall with its door into each frame, in place."""
    reach = math.ceil(config.wall_width / 2)
    column = wall_x.round().long()[:, None] + torch.arange(-reach, reach + 1, device=frames.device)
    row = torch.arange(config.border + 1, config.scale - 1 - config.border, device=frames.device)
    row = row.expand(len(frames), -1)
    covered = _covered(column, wall_x, config.wall_width / 2)[:, None, :]
    closed = 1 - _covered(row, door_y, config.door_half)[:, :, None]
    _blend(frames, row, column, closed * covered, color)


def _covered(pixel: Tensor, centre: Tensor, half: float) -> Tensor:
    """Share of each one-px pixel `[B, K]` that lies within `half` of `centre` `[B]`."""
    return (half + 0.5 - (pixel - centre[:, None]).abs()).clamp(0, 1)


def _blend_dots(frames: Tensor, position: Tensor, color: Tensor, sigma: Tensor) -> None:
    """Blend a Gaussian dot into each frame, in place."""
    # Beyond 3.6 sigma the dot is less than half a grey level, so a patch of that reach loses nothing.
    reach = math.ceil(3.6 * float(sigma.max()))
    side = min(2 * reach + 1, IMAGE_SIZE)
    # At the image's edge the patch is moved in, not cut: every dot has a patch of one size.
    corner = (position.round().long() - reach).clamp(0, IMAGE_SIZE - side)
    pixel = corner[:, :, None] + torch.arange(side, device=position.device)
    weight = torch.exp(-((pixel - position[:, :, None]) ** 2) / (2 * sigma[:, None, None] ** 2))
    column, row = pixel.unbind(1)
    weight_x, weight_y = weight.unbind(1)
    _blend(frames, row, column, weight_y[:, :, None] * weight_x[:, None, :], color)


def _blend(frames: Tensor, row: Tensor, column: Tensor, weight: Tensor, color: Tensor) -> None:
    """Blend `color` `[F, 3]` into pixels `row` `[F, h]` × `column` `[F, w]` of `frames` `[F, 64·64·3]`, in place."""
    first = (row[:, :, None] * IMAGE_SIZE + column[:, None, :]) * 3
    index = (first[..., None] + torch.arange(3, device=frames.device)).flatten(1)
    patch = frames.gather(1, index).view(*weight.shape, 3).to(weight.dtype)
    blended = torch.lerp(patch, color[:, None, None, :], weight[..., None]).round_().to(torch.uint8)
    frames.scatter_(1, index, blended.flatten(1))

"""Draw Two Rooms: a vertical wall with its door, into a background of `dot_render`."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from gedanken.environments import dot_render
from gedanken.environments.dot_render import IMAGE_SIZE, blend, covered, dots
from gedanken.environments.two_rooms_geometry import TwoRoomsConfig
from gedanken.types import State


def render(config: TwoRoomsConfig, state: State, positions: Tensor, size: int = IMAGE_SIZE) -> Tensor:
    """Frames uint8 `[B, T, S, S, 3]` of `positions` `[B, T, 2]` in the layout and look of each row of `state`; S = `size`."""
    return dot_render.render(config, state, positions, size, ("wall_x", "door_y"), partial(blend_walls, config))


def blend_walls(config: TwoRoomsConfig, frames: Tensor, size: int, place: State) -> None:
    """Blend the vertical wall with its door into each frame, in place."""
    scale, centre, door = size / IMAGE_SIZE, dots(place["wall_x"], size), dots(place["door_y"], size)
    half = scale * config.wall_width / 2
    reach = math.ceil(half)
    column = centre.round().long()[:, None] + torch.arange(-reach, reach + 1, device=frames.device)
    first, last = scale * (config.border + 1), scale * (config.scale - 1 - config.border)
    row = torch.arange(math.floor(first), math.ceil(last), device=frames.device).expand(len(frames), -1)
    wall = covered(column, centre, half)[:, None, :]
    closed = 1 - covered(row, door, scale * config.door_half)[:, :, None]
    blend(frames, size, row, column, closed * wall, place["wall_color"])

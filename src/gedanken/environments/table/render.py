"""Draw table worlds: layer upon layer, each edge coloured by the share of a pixel it covers, and noise over all.

There is one renderer for all that is ever shown, and it knows nothing of what is possible: it draws states.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gedanken.environments.table.curtain import lower_edges
from gedanken.environments.table.shapes import CUP, DISC, edges
from gedanken.environments.table.state import ABSENT, CURTAINS, LEG, PLACES, SLABS
from gedanken.environments.table.textures import painted
from gedanken.types import State

SIZE = 64
CHUNK = 64  # frames drawn at a time: their float pixels then stay in the cache
SKIN = (232.0, 190.0, 160.0)
_TEXTURE_CELLS = 9
_PATCH = 26  # pixels along the side of the square a thing is drawn in


def render(state: State) -> Tensor:
    """Frames uint8 `[F, 64, 64, 3]` of states with F rows."""
    rows = len(state["clock"])
    pieces = [
        _drawn({name: values[first : first + CHUNK] for name, values in state.items()})
        for first in range(0, rows, CHUNK)
    ]
    return torch.cat(pieces) if pieces else torch.empty(0, SIZE, SIZE, 3, dtype=torch.uint8)


def _drawn(state: State) -> Tensor:
    canvas = _background(state)
    camera = state["camera"]
    wide = torch.tensor(400.0)
    floor = state["floor"] + camera[:, 1]
    _rectangle(canvas, -wide, floor, wide, wide, 0.8 * state["surface"])
    for k in range(SLABS):
        kind = state["slab_kind"][:, k]
        if bool((kind != ABSENT).any()):
            x0, y0, x1, y1 = (state["slab"][:, k] + camera.repeat(1, 2)).unbind(1)
            shade = torch.where(kind == LEG, 0.7, 1.0)[:, None]
            _rectangle(canvas, x0, y0, x1, y1, shade * state["surface"], kind != ABSENT)
    for cups in (False, True):  # a cup hides what is in it
        for place in range(PLACES):
            drawn = (state["present"][:, place] > 0) & ((state["shape"][:, place] == CUP) == cups)
            if bool(drawn.any()):
                _thing(canvas, state, place, drawn)
    _finger(canvas, state)
    _curtains(canvas, state)
    return (canvas + _noise(state)).round_().clamp_(0, 255).to(torch.uint8)


def _background(state: State) -> Tensor:
    """Colour, light and texture; drawn once where all rows look alike."""
    parts = [state[name] for name in ("background", "light", "texture_amplitude", "texture_seed")]
    rows = len(parts[0])
    if all(bool((part == part[:1]).all()) for part in parts):
        parts = [part[:1] for part in parts]
    color, light, amplitude, seed = parts
    ramp = torch.linspace(-0.5, 0.5, SIZE)
    shade = light[:, 0, None, None] * ramp[None, None, :] + light[:, 1, None, None] * ramp[None, :, None]
    lattice = _hashed(torch.arange(_TEXTURE_CELLS**2), seed.long())
    smooth = interpolate(lattice.view(-1, 1, _TEXTURE_CELLS, _TEXTURE_CELLS), SIZE, mode="bilinear", align_corners=True)
    canvas = color[:, None, None] + (shade + amplitude[:, None, None] * smooth[:, 0])[..., None]
    return canvas.expand(rows, -1, -1, -1).contiguous()


def _hashed(places: Tensor, seeds: Tensor) -> Tensor:
    """Numbers in [-1, 1) of whole numbers `[P]` and seeds `[R]`: `[R, P]`, the same wherever they are worked out."""
    mixed = (places * 374761393 + seeds[:, None] * 668265263) & 0x7FFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0x7FFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFF).float() / 0x8000 - 1


def _noise(state: State) -> Tensor:
    """Noise of each pixel `[F, 64, 64, 1]`, by the world's seed and its clock."""
    if not bool((state["noise"] > 0).any()):
        return torch.zeros(1)
    seeds = state["noise_seed"].long() * 8191 + state["clock"].long()
    return (state["noise"][:, None] * _hashed(torch.arange(SIZE * SIZE), seeds)).view(-1, SIZE, SIZE, 1)


def _covered(low: Tensor, high: Tensor) -> Tensor:
    """Share of each pixel between two edges, `[F, 64]`; pixel k spans k to k + 1."""
    pixel = torch.arange(SIZE, dtype=torch.float32)
    low, high = low.reshape(-1, 1), high.reshape(-1, 1)
    return (torch.minimum(pixel + 1.0, high) - torch.maximum(pixel, low)).clamp_(0, 1)


def _rectangle(
    canvas: Tensor, x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor, color: Tensor, drawn: Tensor | None = None
) -> None:
    weight = _covered(y0, y1)[:, :, None] * _covered(x0, x1)[:, None, :]
    if drawn is not None:
        weight = weight * drawn[:, None, None]
    canvas.lerp_(color[:, None, None, :], weight[..., None].expand_as(canvas))


def _thing(canvas: Tensor, state: State, place: int, drawn: Tensor) -> None:
    """Blend one thing into each frame, in a square around it."""
    centre = state["position"][:, place] + state["camera"]
    # Far out of the picture nothing is to be drawn, and an index must not leave it.
    corner = (centre.round() - _PATCH // 2).clamp(0, SIZE - _PATCH).long()
    step = torch.arange(_PATCH)
    at_x, at_y = (corner[:, axis, None] + step for axis in (0, 1))
    dx = (at_x + 0.5 - centre[:, :1])[:, None, :].expand(-1, _PATCH, -1)
    dy = (at_y + 0.5 - centre[:, 1:])[:, :, None].expand(-1, -1, _PATCH)
    angle, size = state["angle"][:, place, None, None], state["size"][:, place, None, None]
    # In double: a cosine may differ by its last bit from one place of a batch to another, and a pixel with it.
    cos, sin = angle.double().cos().float(), angle.double().sin().float()
    u = (cos * dx + sin * dy) / size
    v = (cos * dy - sin * dx) / size
    outside = _distance(state["shape"][:, place].long(), u, v)
    weight = (0.5 - size * outside).clamp(0, 1) * drawn[:, None, None]
    color = painted(state["color"][:, place], state["texture"][:, place], u, v, outside)
    rows = torch.arange(len(canvas))[:, None, None]
    index = (rows, at_y[:, :, None], at_x[:, None, :])
    patch = canvas[index]
    canvas[index] = torch.lerp(patch, color, weight[..., None].expand_as(patch))


def _distance(shape: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """How far outside a unit shape a point is, less than 0 inside; `[F, patch, patch]`."""
    normals, offsets = (torch.from_numpy(values) for values in edges())
    if bool((shape == DISC).all()):
        return (u * u + v * v).sqrt() - 1.0
    n, o = normals[shape][..., None, None], offsets[shape][..., None, None]
    outside = (n[:, :, :, 0] * u[:, None, None] + n[:, :, :, 1] * v[:, None, None] - o).amax(2).amin(1)
    return torch.where((shape == DISC)[:, None, None], (u * u + v * v).sqrt() - 1.0, outside)


def _finger(canvas: Tensor, state: State) -> None:
    """A rod from above with a round tip."""
    if not bool((state["finger"][:, 1] > -4.0).any()):
        return
    tip = state["finger"] + state["camera"]
    pixel = torch.arange(SIZE) + 0.5
    dx = (pixel - tip[:, :1])[:, None, :]
    dy = (pixel - tip[:, 1:]).clamp(min=0)[:, :, None]
    weight = (2.5 - (dx * dx + dy * dy).sqrt()).clamp(0, 1)
    canvas.lerp_(torch.tensor(SKIN), weight[..., None].expand_as(canvas))


def _curtains(canvas: Tensor, state: State) -> None:
    values = (state[name].numpy() for name in ("curtain", "curtain_times", "clock"))
    edge = torch.from_numpy(np.asarray(lower_edges(*values), dtype=np.float32))
    camera, color = state["camera"], state["curtain_color"]
    for k in range(CURTAINS):
        if bool((edge[:, k] > 0).any()):
            x0, x1, height = state["curtain"][:, k, :3].unbind(1)
            # Its upper edge does not shift into the picture where it reaches to the top.
            bottom = edge[:, k] + camera[:, 1]
            top = torch.where(height >= SIZE, -8.0, bottom - height)
            left, right = x0 + camera[:, 0], x1 + camera[:, 0]
            _rectangle(canvas, left, top, right, bottom, color, edge[:, k] > 0)
            _rectangle(canvas, left, bottom - 2.0, right, bottom, 0.7 * color, edge[:, k] > 0)

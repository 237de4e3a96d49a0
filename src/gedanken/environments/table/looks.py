"""How a table world looks: its factors of variation, with ranges for training and testing that share no value.

Things are bright, curtains and surfaces half bright and backgrounds dark, so that every draw can be made out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from gedanken.environments.table.state import LOOKS, OBJECTS, PLACES, Row
from gedanken.environments.table.textures import NOVEL_TEXTURES, TRAIN_TEXTURES
from gedanken.errors import unknown_name


@dataclass(frozen=True)
class LookRanges:
    """Half-open ranges one split draws from; hues in turns of the colour circle."""

    hue: tuple[float, float]
    textures: tuple[int, ...]
    texture_seed: tuple[int, int]
    texture_amplitude: tuple[float, float]
    light: float
    camera: float


LOOK_RANGES: Mapping[str, LookRanges] = {
    "train": LookRanges(
        hue=(0.0, 0.5),
        textures=TRAIN_TEXTURES,
        texture_seed=(0, 200),
        texture_amplitude=(0.0, 8.0),
        light=12.0,
        camera=2.0,
    ),
    "test": LookRanges(
        hue=(0.55, 0.95),
        textures=NOVEL_TEXTURES,
        texture_seed=(1000, 1050),
        texture_amplitude=(9.0, 16.0),
        light=12.0,
        camera=2.0,
    ),
}
DEFAULT_NOISE = 1.0


def rgb(hue: float, saturation: float, value: float) -> tuple[float, ...]:
    """A colour in 0 to 255 of a hue in turns."""
    # Each channel is a trapezoid of the hue, a third of a turn apart.
    distances = [abs((hue * 6 - start + 3) % 6 - 3) for start in (0.0, 2.0, 4.0)]
    return tuple(255 * value * (1 - saturation * (1 - min(1.0, max(0.0, 2 - each)))) for each in distances)


def default_look() -> Row:
    """The standard look: a red thing, grey surfaces, a dark wall, and no noise."""
    look = {name: np.zeros(shape, dtype=np.float32) for name, shape in LOOKS.items()}
    look["color"][:] = rgb(0.0, 0.85, 1.0)
    look["background"][:], look["surface"][:] = rgb(0.6, 0.4, 0.25), rgb(0.1, 0.35, 0.6)
    look["curtain_color"][:] = rgb(0.4, 0.3, 0.7)
    return look


def draw_look(split: str, random: Random, hues: tuple[float, ...] = ()) -> Row:
    """One look of `split`: `default`, `train` or `test`.

    Args:
        split: which ranges.
        random: the only source of chance.
        hues: of the first things, where they matter; the others are drawn.
    Raises:
        UnknownName: there is no such split.
    """
    if split == "default":
        return default_look()
    if split not in LOOK_RANGES:
        raise unknown_name("split", split, ("default", *LOOK_RANGES))
    ranges, look = LOOK_RANGES[split], default_look()
    drawn = [random.uniform(*ranges.hue) for _ in range(OBJECTS)]
    for place in range(PLACES):
        hue = ([*hues, *drawn[len(hues) :]])[min(place, OBJECTS - 1)]
        look["color"][place] = rgb(hue, random.uniform(0.75, 0.95), 1.0)
        look["texture"][place] = random.choice(ranges.textures)
    for name, saturation, value in (("background", 0.5, 0.25), ("surface", 0.4, 0.55), ("curtain_color", 0.3, 0.75)):
        look[name][:] = rgb(random.uniform(*ranges.hue), saturation, random.uniform(0.85, 1.15) * value)
    look["light"][:] = [random.uniform(-ranges.light, ranges.light) for _ in range(2)]
    look["camera"][:] = [random.uniform(-ranges.camera, ranges.camera) for _ in range(2)]
    look["texture_seed"][...] = random.randrange(*ranges.texture_seed)
    look["texture_amplitude"][...] = random.uniform(*ranges.texture_amplitude)
    look["noise"][...], look["noise_seed"][...] = DEFAULT_NOISE, random.randrange(2**20)
    return look

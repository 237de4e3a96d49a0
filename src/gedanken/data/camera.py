"""Recordings as encoders of pictures read them: one camera, called `pixels`, at a size that can be encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from gedanken.contracts import Episodes
from gedanken.data.formats.picture import shrunk
from gedanken.types import Episode, StreamSpec

PIXELS = "pixels"
_USUAL, _MULTIPLE, _MOST = 64, 8, 128
"""Side that frames are brought to; sides that stay are multiples of 8, up to 128: more takes hours on a CPU."""


def camera_of(specs: Mapping[str, StreamSpec]) -> str | None:
    """The stream that shows what happens: `pixels`, or else the first of uint8 pictures; None where there is none."""
    pictures = [name for name, spec in specs.items() if _is_picture(spec)]
    return PIXELS if PIXELS in pictures else next(iter(pictures), None)


def with_pixels(episodes: Episodes, size: tuple[int, int] | None = None) -> tuple[Episodes, str]:
    """The recordings with one camera called `pixels`, and in a sentence what was done; as they are, and "", where they fit.

    Args:
        episodes: recordings of one kind; other streams, and other cameras, stay as they are.
        size: height and width of the frames; by default their own, where those are multiples of 8 up to 128, or else 64×64.
    """
    specs = episodes[0].specs if len(episodes) else {}
    camera = camera_of(specs)
    # Whoever calls something else `pixels` means it so.
    if camera is None or (camera != PIXELS and PIXELS in specs):
        return episodes, ""
    height, width, _ = specs[camera].shape
    fits = all(side % _MULTIPLE == 0 and 0 < side <= _MOST for side in (height, width))
    size = size or ((height, width) if fits else (_USUAL, _USUAL))
    if camera == PIXELS and (height, width) == size:
        return episodes, ""
    called = "" if camera == PIXELS else f"The camera {camera!r} is what is seen (`pixels`)"
    shrinks = "" if (height, width) == size else f"frames of {height}×{width} are averaged to {size[0]}×{size[1]}"
    told = "; ".join(part for part in (called, shrinks) if part)
    return OneCamera(episodes, camera, size), f"{told[0].upper()}{told[1:]}."


class OneCamera:
    """`Episodes` whose stream `camera` is called `pixels` and brought to `size`, each when it is asked for."""

    def __init__(self, episodes: Episodes, camera: str, size: tuple[int, int]) -> None:
        self._episodes, self._camera, self._size = episodes, camera, size

    def __len__(self) -> int:
        return len(self._episodes)

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Episode:
        episode = self._episodes[index]
        frames = shrunk(np.asarray(episode.streams[self._camera]), self._size)
        spec = replace(episode.specs[self._camera], shape=frames.shape[1:])
        names = {name: PIXELS if name == self._camera else name for name in episode.streams}
        streams = {names[name]: frames if name == self._camera else values for name, values in episode.streams.items()}
        specs = {names[name]: spec if name == self._camera else each for name, each in episode.specs.items()}
        return replace(episode, streams=streams, specs=specs)


def _is_picture(spec: StreamSpec) -> bool:
    return spec.dtype == "uint8" and len(spec.shape) == 3 and spec.shape[2] in (1, 3) and min(spec.shape[:2]) > 1

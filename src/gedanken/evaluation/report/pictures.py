"""Frames as data URIs: PNG for what stands still, looping GIF for what moves, gaps transparent so that any theme fits."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

_GAP = 4
_CLEAR = 255
"""Palette entry of the gaps; the other 255 are colours."""


def still(frame: np.ndarray) -> str:
    """A frame uint8 `[height, width, 3 or 4]` as a PNG."""
    return _uri("png", Image.fromarray(frame), optimize=True)


def strip(frames: np.ndarray, gap: int = _GAP) -> str:
    """Frames `[F, height, width, 3]` side by side as one PNG, `gap` pixels between them."""
    return still(_beside([_opaque(frame) for frame in frames], gap))


def moving(tracks: Sequence[np.ndarray], milliseconds: int = 80, rest: int = 1500) -> str:
    """Tracks of frames `[F, height, width, 3]`, side by side, as one GIF that loops.

    Args:
        tracks: all of one size; a shorter one is held at its last frame.
        milliseconds: for which each moment is shown.
        rest: milliseconds for which the last moment is shown.
    """
    moments = [_beside([_opaque(frame) for frame in frames]) for frames in _in_step(tracks)]
    palette = _palette(moments)
    pictures = [_indexed(moment, palette) for moment in moments]
    return _uri(
        "gif",
        pictures[0],
        save_all=True,
        append_images=pictures[1:],
        duration=[milliseconds] * (len(pictures) - 1) + [rest],
        loop=0,
        transparency=_CLEAR,
        disposal=1,
        optimize=False,
    )


def last_moment(tracks: Sequence[np.ndarray]) -> str:
    """How `moving` ends, as a PNG: for readers who asked for less motion."""
    return still(_beside([_opaque(track[-1]) for track in tracks]))


def _in_step(tracks: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    return [[track[min(moment, len(track) - 1)] for track in tracks] for moment in range(max(map(len, tracks)))]


def _opaque(frame: np.ndarray) -> np.ndarray:
    return np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])


def _beside(tiles: list[np.ndarray], gap: int = _GAP) -> np.ndarray:
    between = np.zeros((tiles[0].shape[0], gap, 4), np.uint8)
    return np.concatenate([part for tile in tiles for part in (between, tile)][1:], axis=1)


def _palette(moments: list[np.ndarray]) -> Image.Image:
    """255 colours for the whole GIF; each colour that is there counts once, so a small dot's is as good as the ground's."""
    packed = np.stack(moments).view(np.uint32)
    picture = np.unique(packed[packed > 0]).view(np.uint8).reshape(1, -1, 4)[..., :3]
    cut = Image.fromarray(np.ascontiguousarray(picture))
    return cut.quantize(_CLEAR, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _indexed(moment: np.ndarray, palette: Image.Image) -> Image.Image:
    colours = Image.fromarray(np.ascontiguousarray(moment[..., :3]))
    indices = np.asarray(colours.quantize(palette=palette, dither=Image.Dither.NONE)).copy()
    indices[moment[..., 3] == 0] = _CLEAR
    picture = Image.fromarray(indices)
    picture.putpalette([*(palette.getpalette() or [])[: 3 * _CLEAR], 0, 0, 0])
    return picture


def _uri(kind: str, picture: Image.Image, **options: object) -> str:
    file = BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind};base64,{b64encode(file.getvalue()).decode()}"

"""The map of what is remembered: moments by the two leading principal components of their latents, with thumbnails along."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from PIL import Image, ImageDraw

from gedanken.errors import BadInput
from gedanken.memory.episodic import EpisodicMemory
from gedanken.memory.keys import principal_components

WIDTH, HEIGHT, MARGIN, FOOT = 1200, 900, 60, 44
_POINTS, _PICTURES, _SIDE = 20_000, 40, 64
_PAPER, _INK, _OLD, _NEW = (252, 252, 250), (70, 70, 70), (68, 84, 196), (232, 120, 40)


def picture(memory: EpisodicMemory) -> Image.Image:
    """The map, 1200 x 900; points run from blue (written first) to orange (last), and thumbnails stand where they are apart.

    Raises:
        BadInput: fewer than three moments are remembered.
    """
    ids, latents = memory.keys()
    if len(ids) < 3:
        raise BadInput(f"{memory.path.name} remembers {len(ids)} moments; a map needs at least 3.")
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(_POINTS, len(ids))).astype(int))
    places, share = _places(latents[chosen].astype(np.float64))
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    for rank, (x, y) in enumerate(places):
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=_colour(rank / max(1, len(places) - 1)))
    _paste_thumbnails(image, memory, ids[chosen], places)
    _write_foot(draw, memory, len(ids), share)
    return image


def _places(latents: np.ndarray) -> tuple[np.ndarray, float]:
    """Where each latent lies on the page, and the share of the latents' variance that the two components hold."""
    centred = latents - latents.mean(axis=0)
    flat = centred @ principal_components(centred, min(2, centred.shape[1]))
    share = float((flat**2).sum() / max((centred**2).sum(), 1e-12))
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN - FOOT])
    return MARGIN + (flat - low) / np.maximum(high - low, 1e-9) * room, share


def _paste_thumbnails(image: Image.Image, memory: EpisodicMemory, ids: np.ndarray, places: np.ndarray) -> None:
    """Farthest first, so that the pictures spread over the map and lie on each other as little as can be."""
    nearest, at = np.full(len(places), np.inf), 0
    shown: list[int] = []
    while len(shown) < _PICTURES and nearest[at] > _SIDE * 1.2:
        shown.append(at)
        nearest = np.minimum(nearest, np.linalg.norm(places - places[at], axis=1))
        at = int(nearest.argmax())
    for place, each in zip(places[shown], memory.read([int(ids[row]) for row in shown]), strict=True):
        if each.moment.pixels is None:
            continue
        thumbnail = Image.fromarray(each.moment.pixels.numpy())
        x, y = (int(value) for value in place)
        corner = (x - thumbnail.width // 2, y - thumbnail.height // 2)
        image.paste(Image.new("RGB", (thumbnail.width + 2, thumbnail.height + 2), _INK), (corner[0] - 1, corner[1] - 1))
        image.paste(thumbnail, corner)


def _write_foot(draw: ImageDraw.ImageDraw, memory: EpisodicMemory, count: int, share: float) -> None:
    info = memory.info()
    days = " to ".join(
        datetime.fromtimestamp(each or 0, UTC).strftime("%Y-%m-%d %H:%M") for each in (info.since, info.until)
    )
    words = f"{memory.path.name}: {count:,} moments of {info.episodes:,} episodes, {days} UTC"
    axes = (
        f"two principal components of the latents ({share:.0%} of their variance); blue was written first, orange last"
    )
    draw.text((MARGIN, HEIGHT - FOOT), words, fill=_INK, font_size=15)
    draw.text((MARGIN, HEIGHT - FOOT + 20), axes, fill=_INK, font_size=13)


def _colour(share: float) -> tuple[int, int, int]:
    red, green, blue = (round(old + share * (new - old)) for old, new in zip(_OLD, _NEW, strict=True))
    return red, green, blue

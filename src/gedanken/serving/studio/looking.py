"""Looking back: what came beside what was imagined, and what in a picture was not as expected."""

from __future__ import annotations

from typing import Any

import torch

from gedanken.recipes import Loaded
from gedanken.serving.studio.cause import causes
from gedanken.serving.studio.scene import Scene
from gedanken.serving.studio.shown import finite, picture, rounded


def told_known(loaded: Loaded, scene: Scene) -> dict[str, Any]:
    """How this page shows what is imagined, for the page to say."""
    known = scene.known
    assert known is not None
    told: dict[str, Any] = {"is": "known", "frames": len(known.frames), "source": known.source, "cloud": known.cloud}
    told |= {"start": rounded(known.read(scene.trail.latents[-1][None])[0])}
    if known.off is not None and scene.simulated is not None and scene.simulated.places is not None:
        told |= {
            "off": finite(known.off / scene.simulated.places.unit[0].item(), 2),
            "unit": loaded.model.action.unit.partition("/")[0],
        }
    return told


def looked(loaded: Loaded, scene: Scene, at: int, ahead: int) -> dict[str, Any]:
    """From moment `at`: the frames that came, the frames that were imagined for what was done, and how far these are apart, in
    step changes, beside how far it would be to expect no change."""
    trail, known = scene.trail, scene.known
    assert known is not None
    latents = trail.imagined(at, ahead)
    step = loaded.model.step_change.clamp_min(1e-12).item()
    came = [trail.latent(at + k + 1) for k in range(len(latents))]
    off = [finite((one - other).square().mean().item() / step) for one, other in zip(latents, came, strict=True)]
    still = [finite((trail.latent(at) - other).square().mean().item() / step) for other in came]
    return {
        "is": "looked",
        "at": at,
        "start": picture(trail.frame(at)),
        "real": [picture(trail.frame(at + k + 1)) for k in range(len(latents))],
        "imagined": known.pictures(latents),
        "off": off,
        "still": still,
        "path": rounded(known.read(latents)),
        "came": rounded(known.read(torch.stack(came))),
    }


def causes_told(loaded: Loaded, scene: Scene, at: int) -> dict[str, Any]:
    """The picture that was expected at moment `at`, the one that came, and where the surprise lies."""
    trail, known = scene.trail, scene.known
    assert known is not None
    expected = trail.imagined(at - 1, 1)[0]
    number = int(known.nearest(expected[None])[0])
    seen = trail.seen[at - trail.forgotten]
    shares = causes(loaded, seen, expected, known.frames[number])
    width = loaded.model.action.width
    return {
        "is": "caused",
        "at": at,
        "seen": picture(trail.frame(at)),
        "expected": known.pictures(expected[None])[0],
        "before": picture(trail.frame(at - 1)),
        "surprise": finite(trail.surprises(at, at + 1)[0]),
        "action": rounded(trail.actions[at - trail.forgotten - 1][:width]),
        "cells": rounded(shares, 3),
    }

"""Rendered Two-Room steps: ours in batches of worlds beside the peer's environment, at 64 and at 224 px.

The peer steps one world after the other, ours all of a batch at once; what one world alone takes stands beside it. In each
repeat one world's pictures are looked at: the dot must be where the state says, in every step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beside.sides import Answer, both, interleaved, rate, ratio

SIZES = (64, 224)
BATCHES = (1, 64, 256)
CLAIMED = 256
_STEPS = 16
_OFF = 0.02  # of the picture's side: a dot moves by as much in each step


def measure(peer: str | None, repeats: int = 5, quick: bool = False) -> dict[str, Any]:
    """Frames a core-second by size and batch, and their ratios to the peer's where there is one."""
    cases = {}
    with both("worlds", peer) as sides:
        for size in SIZES:

            def ours(worlds: int, size: int = size):
                steps = _STEPS if worlds == 1 or not quick else 4
                return lambda seed: _looked(
                    "ours", size, sides["ours"].ask("worlds", size=size, worlds=worlds, steps=steps, seed=seed)
                )

            asked = {f"ours {worlds}": ours(worlds) for worlds in BATCHES}
            if "peer" in sides:
                asked["peer"] = lambda seed, size=size: _looked(
                    "the peer", size, sides["peer"].ask("worlds", size=size, steps=_STEPS, seed=seed)
                )
            answers = interleaved(asked, repeats)
            found: dict[str, Any] = {name: rate(each, "frames") for name, each in answers.items()}
            bandwidth = sides["ours"].ask("floor")["bandwidth"]
            for worlds in BATCHES:
                mine = found[f"ours {worlds}"]
                mine["share of floor"] = mine["median"] * 2 * size * size * 3 / bandwidth
            if "peer" in sides:
                for worlds in BATCHES:
                    found[f"{worlds} over the peer"] = ratio(answers[f"ours {worlds}"], answers["peer"], "frames")
            cases[str(size)] = found
    return cases


def _looked(who: str, size: int, found: Answer) -> Answer:
    told, seen = np.array(found["told"]), np.array(found["seen"])
    if found["shape"] != [size, size, 3]:
        raise RuntimeError(f"{who} drew {found['shape']} where {[size, size, 3]} was asked for.")
    if np.abs(told - seen).max() > _OFF:
        raise RuntimeError(f"{who} drew a dot where no world has one; it draws something other than the state.")
    if np.abs(np.diff(told, axis=0)).max(axis=1).min() < _OFF / 3:
        raise RuntimeError(f"{who} did not move the dot in every step.")
    return found

"""Training LeWM: ours beside the peer's module, from the same weights, on the same pictures, with the same losses.

A step is forward, backward, a clipped gradient and AdamW, for 16 windows of 4 frames that lie in memory. Before anything is
timed both take one step without dropout, and what they found of it is compared: both terms of the loss, the gradient at both
ends of the model, and how far weights moved. After each timed stretch, how far they moved is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import Any

from beside.sides import Answer, Side, both, interleaved, rate, ratio


@dataclass(frozen=True)
class Setting:
    """What is trained on."""

    size: int = 64
    batch: int = 16
    frames: int = 4
    skip: int = 5
    steps: int = 2


SIZES = (64, 224)
_NEAR = 1e-3
"""Of what a step finds; the peer's SIGReg is worked out by other sums, in float32."""
_MOVED = 0.5


def measure(peer: str | None, setting: Setting, repeats: int = 5, seed: int = 0) -> dict[str, Any]:
    """Frames a core-second of each side, their ratios, ours as a share of the floor, and how far the sides' steps lie apart."""
    with TemporaryDirectory() as folder, both("train_step", peer) as sides:
        return beside(sides, folder, setting, repeats, seed)


def beside(sides: Mapping[str, Side], folder: str, setting: Setting, repeats: int = 5, seed: int = 0) -> dict[str, Any]:
    """The same for sides that are there already; seeds of the repeats follow `seed`."""
    asked = {**asdict(setting), "seed": seed}
    if "peer" in sides:
        sides["peer"].ask("prepare", folder=folder, **asked)
    kind = sides["ours"].ask("prepare", folder=folder, **asked)["type"]
    difference = agreed({name: side.ask("one", **asked) for name, side in sides.items()})

    def stepping(side: Side, type: str) -> Callable[[int], Answer]:
        return lambda repeat: side.ask("train", **{**asked, "seed": seed + repeat, "type": type})

    asks = {f"ours {kind}": stepping(sides["ours"], kind)}
    if "peer" in sides:
        asks |= {f"peer {type}": stepping(sides["peer"], type) for type in ("float32", "bfloat16")}
    answers = interleaved(asks, repeats)
    mine = answers[f"ours {kind}"]
    for one, other in zip(mine, answers.get("peer float32", mine), strict=True):
        look(one, other)
    found: dict[str, Any] = {name: rate(each, "frames") for name, each in answers.items()}
    for type in ("float32", "bfloat16"):
        if (its := answers.get(f"peer {type}")) is not None:
            found[f"over peer {type}"] = ratio(mine, its, "frames")
    floor = sides["ours"].ask("floor", **asked, type=kind)
    seconds = setting.batch * setting.frames / found[f"ours {kind}"]["median"]
    found[f"ours {kind}"]["share of floor"] = floor["seconds"] / seconds
    return {**found, "floor": floor, "step difference": difference}


def agreed(steps: Mapping[str, Answer]) -> float:
    """The largest relative difference of what both sides found of one step; RuntimeError where it is no rounding."""
    mine, its = steps["ours"], steps.get("peer", steps["ours"])
    apart = {name: abs(mine[name] - value) / abs(value) for name, value in its.items()}
    worst = max(apart, key=apart.__getitem__)
    if apart[worst] > _NEAR:
        raise RuntimeError(f"of one step ours says that {worst} is {mine[worst]:.6g}; the peer, {its[worst]:.6g}.")
    return apart[worst]


def look(mine: Answer, its: Answer) -> None:
    """Whether what was timed was training; RuntimeError says why not."""
    if not mine["moved"] > _MOVED * its["moved"]:
        raise RuntimeError(
            f"ours moved its weights by {mine['moved']:.3g}, the peer by {its['moved']:.3g}; it did not train."
        )
    if mine["frames"] != its["frames"] or not 0 < mine["loss"] < float("inf"):
        raise RuntimeError(
            f"ours saw {mine['frames']} frames to a loss of {mine['loss']:.3g}; the peer saw {its['frames']}."
        )

"""One search with LeWM, at its paper's settings: ours beside the peer's CEMSolver, with the same weights and random numbers.

300 candidates, 30 rounds, 5 blocks of 5 actions, a window of 3, from one picture to another. The two pictures are drawn anew in
every repeat and encoded within the time that counts. A plan is looked at once the clock has stopped: its energy is worked out by
the predictor's own steps, from pictures encoded anew, and must be what the search said, as good as the peer's, and better than
what one round finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from beside.sides import Answer, Side, both, interleaved, rate, ratio


@dataclass(frozen=True)
class Setting:
    """How hard both search, and what they see."""

    size: int = 224
    rounds: int = 30
    candidates: int = 300
    horizon: int = 5
    skip: int = 5


LEWM = Setting()
_FEWER = 1
"""Rounds of the peer in bfloat16 where the chip has no such products: it takes minutes there, and is told by the round."""

_NEAR = 2e-3


def measure(peer: str | None, setting: Setting = LEWM, repeats: int = 5, seed: int = 0) -> dict[str, Any]:
    """Rounds a core-second of each side, their ratios, ours as a share of the floor, and how far the plans lie apart."""
    with TemporaryDirectory() as folder, both("plan", peer) as sides:
        return beside(sides, folder, setting, repeats, seed)


def beside(
    sides: Mapping[str, Side], folder: str, setting: Setting = LEWM, repeats: int = 5, seed: int = 0
) -> dict[str, Any]:
    """The same for sides that are there already; seeds of the repeats follow `seed`."""
    asked, ours = asdict(setting), sides["ours"]
    if "peer" in sides:
        sides["peer"].ask("prepare", folder=folder, size=setting.size)
    kind = ours.ask("prepare", folder=folder, **asked)["type"]

    def solving(side: Side, type: str, rounds: int) -> Callable[[int], Answer]:
        return lambda repeat: side.ask(
            "solve", **{**asked, "rounds": rounds if repeat else 1, "seed": seed + repeat, "type": type}
        )

    asks = {f"ours {kind}": solving(ours, kind, setting.rounds)}
    if "peer" in sides:
        few = setting.rounds if kind == "bfloat16" else min(_FEWER, setting.rounds)
        asks["peer float32"] = solving(sides["peer"], "float32", setting.rounds)
        asks["peer bfloat16"] = solving(sides["peer"], "bfloat16", few)
    answers = interleaved(asks, repeats)
    for repeat, mine in enumerate(answers[f"ours {kind}"], start=1):
        its = answers["peer float32"][repeat - 1] if "peer" in sides else None
        look(ours, {**asked, "seed": seed + repeat}, mine, its)
    found: dict[str, Any] = {name: rate(each, "rounds") for name, each in answers.items()}
    mine = answers[f"ours {kind}"]
    floor = ours.ask("floor", **asked, type=kind)
    found[f"ours {kind}"]["share of floor"] = found[f"ours {kind}"]["median"] * floor["seconds"] / setting.rounds
    found["rollout difference"] = ours.ask("agree", **{**asked, "seed": seed})["difference"]
    for type in ("float32", "bfloat16"):
        if (its := answers.get(f"peer {type}")) is not None:
            found[f"over peer {type}"] = ratio(mine, its, "rounds")
    if "peer" in sides:
        pairs = zip(mine, answers["peer float32"], strict=True)
        apart = [np.abs(np.subtract(one["plan"], other["plan"])).max() for one, other in pairs]
        found["plan difference"] = float(max(apart))
    return found


def look(ours: Side, asked: Mapping[str, Any], mine: Answer, its: Answer | None) -> None:
    """Whether a plan is one; RuntimeError says why not."""
    if np.shape(mine["plan"])[0] != asked["horizon"]:
        raise RuntimeError(f"ours returned {np.shape(mine['plan'])} for a horizon of {asked['horizon']}.")

    def judged(plan: Any) -> float:
        return ours.ask("judge", **asked, plan=plan)["energy"]

    true = judged(mine["plan"])
    if abs(true - mine["energy"]) > _NEAR * true:
        raise RuntimeError(
            f"ours said its plan has the energy {mine['energy']:.4g}; encoded and stepped anew it has {true:.4g}."
        )
    if asked["rounds"] > 1:
        one = judged(ours.ask("solve", **{**asked, "rounds": 1})["plan"])
        if true >= one:
            raise RuntimeError(f"ours returned a plan of {true:.4g} after all its rounds; one round finds {one:.4g}.")
    if its is not None and true > (1 + 5 * _NEAR) * judged(its["plan"]):
        raise RuntimeError(f"ours returned a plan of {true:.4g}, worse than the peer's of {judged(its['plan']):.4g}.")

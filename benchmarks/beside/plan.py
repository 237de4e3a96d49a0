"""One search with LeWM, at its paper's settings: ours beside the peer's CEMSolver, with the same weights and random numbers.

300 candidates, 30 rounds, 5 blocks of 5 actions, a window of 3, from one picture to another. The two pictures are drawn anew in
every repeat and encoded within the time that counts. A plan is looked at once the clock has stopped: its energy is worked out by
the predictor's own steps, from pictures encoded anew, and must be what the search said, as good as the peer's, and better than
what one round finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

TYPES = ("float32", "bfloat16")
_NEAR = {"float32": 2e-3, "bfloat16": 5e-2}
"""How far what a search says of its plan may lie from what the predictor's own steps say, as a share."""
_WORSE = {"float32": 0.01, "bfloat16": 0.1}
"""By how much a plan may be worse than the peer's exact one; rounded searches part ways by less than seeds do."""


def measure(
    peer: str | None,
    setting: Setting = LEWM,
    repeats: int = 5,
    seed: int = 0,
    ours: str = "auto",
    peers: Sequence[str] = TYPES,
) -> dict[str, Any]:
    """Rounds a core-second of each side, their ratios, ours as a share of the floor, and how far apart exact plans lie.

    Args:
        peer: a Python that has it; None measures ours alone.
        setting: how hard both search.
        repeats: timed ones.
        seed: the repeats' seeds follow it.
        ours: in which type we multiply; `auto` is what an engine chooses on this chip.
        peers: likewise, of the peer.
    """
    with TemporaryDirectory() as folder, both("plan", peer) as sides:
        return beside(sides, folder, setting, repeats, seed, ours, peers)


def beside(
    sides: Mapping[str, Side],
    folder: str,
    setting: Setting = LEWM,
    repeats: int = 5,
    seed: int = 0,
    type: str = "auto",
    peers: Sequence[str] = TYPES,
) -> dict[str, Any]:
    """The same for sides that are there already."""
    asked, ours = asdict(setting), sides["ours"]
    if "peer" in sides:
        sides["peer"].ask("prepare", folder=folder, size=setting.size)
    kind = ours.ask("prepare", folder=folder, **asked, type=type)["type"]

    def solving(side: Side, type: str, rounds: int) -> Callable[[int], Answer]:
        return lambda repeat: side.ask(
            "solve", **{**asked, "rounds": rounds if repeat else 1, "seed": seed + repeat, "type": type}
        )

    asks = {f"ours {kind}": solving(ours, kind, setting.rounds)}
    if "peer" in sides:
        few = {"float32": setting.rounds, "bfloat16": setting.rounds if kind == "bfloat16" else _FEWER}
        asks |= {f"peer {type}": solving(sides["peer"], type, min(few[type], setting.rounds)) for type in peers}
    answers = interleaved(asks, repeats)
    mine, exact = answers[f"ours {kind}"], answers.get("peer float32")
    for repeat, answer in enumerate(mine, start=1):
        look(ours, {**asked, "seed": seed + repeat, "type": kind}, answer, exact[repeat - 1] if exact else None)
    found: dict[str, Any] = {name: rate(each, "rounds") for name, each in answers.items()}
    floor = ours.ask("floor", **asked, type=kind)
    share = found[f"ours {kind}"]["median"] * floor["seconds"] / setting.rounds
    found[f"ours {kind}"]["share of floor"] = share
    for type in peers if "peer" in sides else ():
        found[f"over peer {type}"] = ratio(mine, answers[f"peer {type}"], "rounds")
        # What an engine that did nothing but the products would reach on this chip.
        found[f"floor over peer {type}"] = found[f"over peer {type}"]["median"] / share
    found["bfloat16 over float32"] = floor["bfloat16 over float32"]
    return found | exactness(ours, {**asked, "seed": seed}, mine if kind == "float32" else None, exact)


def exactness(
    ours: Side, asked: Mapping[str, Any], mine: Sequence[Answer] | None, peer: Sequence[Answer] | None
) -> dict[str, float]:
    """How far our float32 lies from a plain forward, and its plans from the peer's of the same draws; nothing of it is timed.

    Where what was timed was of another type, the first repeat is searched again in float32.
    """
    apart = {"rollout difference": ours.ask("agree", **asked, type="float32")["difference"]}
    if peer is None:
        return apart
    if mine is None:
        mine = [ours.ask("solve", **{**asked, "seed": asked["seed"] + 1, "type": "float32"})]
    pairs = zip(mine, peer, strict=False)
    worst = max(float(np.abs(np.subtract(one["plan"], other["plan"])).max()) for one, other in pairs)
    return apart | {"plan difference": worst}


def look(ours: Side, asked: Mapping[str, Any], mine: Answer, its: Answer | None) -> None:
    """Whether a plan is one; RuntimeError says why not."""
    if np.shape(mine["plan"])[0] != asked["horizon"]:
        raise RuntimeError(f"ours returned {np.shape(mine['plan'])} for a horizon of {asked['horizon']}.")

    def judged(plan: Any) -> float:
        return ours.ask("judge", **asked, plan=plan)["energy"]

    true, kind = judged(mine["plan"]), asked["type"]
    if abs(true - mine["energy"]) > _NEAR[kind] * true:
        raise RuntimeError(
            f"ours said its plan has the energy {mine['energy']:.4g}; encoded and stepped anew it has {true:.4g}."
        )
    if asked["rounds"] > 1:
        one = judged(ours.ask("solve", **{**asked, "rounds": 1})["plan"])
        if true >= one:
            raise RuntimeError(f"ours returned a plan of {true:.4g} after all its rounds; one round finds {one:.4g}.")
    if its is not None and true > (1 + _WORSE[kind]) * judged(its["plan"]):
        raise RuntimeError(f"ours returned a plan of {true:.4g}, worse than the peer's of {judged(its['plan']):.4g}.")

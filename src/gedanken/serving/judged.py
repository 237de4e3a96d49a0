"""How often a model reaches its goals, in the world it was trained in: the long work a server can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gedanken.environments import make_world
from gedanken.evaluation.manifest import make_manifest
from gedanken.evaluation.rows import row
from gedanken.recipes import Loaded
from gedanken.recipes.planning_report import drive

_STEPS = 200


def judged(loaded: Loaded, pairs: int, seed: int, tell: Callable[[float], None]) -> dict[str, Any]:
    """Success at step 200 with its 95 % interval, on pairs of the world the model was trained in.

    Raises:
        UnknownName: it was not trained in a world we ship.
    """
    world = make_world(str(loaded.lineage.get("data", "")))
    manifest = make_manifest(world.id, {"wall": loaded.lineage.get("wall", "fixed")}, "dev", pairs)
    found = row("gedanken", drive(world, loaded.agent(seed), manifest, _STEPS, tell).result)
    success = found.at_end
    return {"success": success.mean, "low": success.low, "high": success.high, "pairs": found.pairs, "world": world.id}

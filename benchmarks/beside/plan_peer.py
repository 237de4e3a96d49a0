"""The peer's side of `plan`: stable-worldmodel's CEMSolver over its LeWM, with drawn weights.

Its random numbers are laid out as ours are, steps first, so that from one seed both imagine the same candidates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from stable_worldmodel.policy import PlanConfig  # pyright: ignore[reportMissingImports]
from stable_worldmodel.solver.cem import CEMSolver  # pyright: ignore[reportMissingImports]

from beside import lewm_peer
from beside.side import answer, spent

_made: dict[str, Any] = {}
_randn = torch.randn


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Make the model, and leave its weights in the folder."""
    model = _made["model"] = lewm_peer.full(request["size"])
    lewm_peer.lewm_weights.write(model, str(Path(request["folder"]) / "weights.safetensors"))
    return {"weights": sum(each.numel() for each in model.parameters())}


def solve(request: dict[str, Any]) -> dict[str, Any]:
    """One plan; pictures are normalised before the clock starts."""
    candidates, horizon = request["candidates"], request["horizon"]
    solver = CEMSolver(
        _made["model"],
        num_samples=candidates,
        n_steps=request["rounds"],
        topk=candidates // 10,
        seed=request["seed"],
    )
    space = Box(-np.inf, np.inf, (1, lewm_peer.FULL["action"] // request["skip"]))
    config = PlanConfig(horizon=horizon, receding_horizon=horizon, action_block=request["skip"])
    solver.configure(action_space=space, n_envs=1, config=config)
    pixels = lewm_peer.normalised(pictures(request))
    asked = {"pixels": pixels[:1], "goal": pixels[1:], "action": torch.zeros(1, 1, lewm_peer.FULL["action"])}
    torch.randn = _steps_first
    try:
        with spent() as counted, torch.autocast("cpu", torch.bfloat16, enabled=request["type"] == "bfloat16"):
            found = solver.solve(asked)
    finally:
        torch.randn = _randn
    return {"seconds": counted.seconds, "rounds": request["rounds"], "plan": found["actions"][0].tolist()}


def _steps_first(*shape: int, **options: Any) -> torch.Tensor:
    if len(shape) != 4:
        return _randn(*shape, **options)
    batch, candidates, horizon, width = shape
    return _randn(horizon, batch, candidates, width, **options).permute(1, 2, 0, 3)


def pictures(request: dict[str, Any]) -> torch.Tensor:
    """Start and goal, drawn by the seed, as on our side."""
    coarse = np.random.default_rng(request["seed"]).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    return torch.from_numpy(coarse.repeat(request["size"] // 4, 1).repeat(request["size"] // 4, 2))[:, None]


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"prepare": prepare, "solve": solve})

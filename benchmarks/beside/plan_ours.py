"""Our side of `plan`: `gedanken`'s cross-entropy search over rollouts of LeWM, with the peer's weights where there are some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from beside import plan_floor
from beside.side import answer, spent
from gedanken import chip
from gedanken.energies import GoalEnergy
from gedanken.models import JEPA
from gedanken.models.engine import engine_of
from gedanken.planners import CEMConfig, cem
from gedanken.recipes import build, lewm_paper, read_lewm
from gedanken.types import ActionSpec, Context, Goal, Search

_made: dict[str, Any] = {}


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Read the weights that the peer left in the folder; without them draw some, every gate open."""
    weights, size, skip = Path(request["folder"]) / "weights.safetensors", request["size"], request["skip"]
    action = ActionSpec(2, (-1e3, -1e3), (1e3, 1e3))
    if weights.is_file():
        model, recipe = read_lewm(weights, action, skip)
    else:
        torch.manual_seed(0)
        recipe = lewm_paper(size)
        model = build(recipe, action).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                drawn = torch.randn_like(parameter)
                parameter.copy_(
                    drawn * parameter[0].numel() ** -0.5 if parameter.dim() > 1 else parameter + 0.2 * drawn
                )
    model.rollout_type = request.get("type", "auto")
    _made.update(model=model, recipe=recipe)
    with torch.no_grad():
        engine = engine_of(model.predictor, torch.zeros(1, 1, 1, recipe.encoder.latent), model.rollout_type)
    return {"type": str(getattr(engine, "dtype", None)).removeprefix("torch.")}


def solve(request: dict[str, Any]) -> dict[str, Any]:
    """One plan from one picture to another, both encoded within the time that counts."""
    model, pixels = _made["model"], pictures(request)
    model.rollout_type = request["type"]
    config = CEMConfig(
        candidates=request["candidates"],
        elites=request["candidates"] // 10,
        rounds=request["rounds"],
        momentum=0.0,
        returns="mean",
        plain=True,
    )
    horizon, width = request["horizon"], model.action_mean.numel()
    with spent() as counted, torch.inference_mode():
        latents = model.encode({"pixels": pixels})
        context, goal = Context(latents[:1], latents.new_zeros(1, 0, width)), Goal(latents[1:, 0])

        def energy(actions: Tensor) -> Tensor:
            return GoalEnergy("last")(model.rollout(context, actions), goal, actions)

        start = Search(torch.zeros(1, horizon, width), torch.ones(1, horizon, width), -1e3, 1e3)
        plan = cem(energy, start, config=config, generator=torch.Generator().manual_seed(request["seed"]))
    return {
        "seconds": counted.seconds,
        "rounds": request["rounds"],
        "plan": plan.actions[0].tolist(),
        "energy": float(plan.energy),
    }


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """The energy of a plan by the predictor's own steps in float32, the pictures encoded anew."""
    model: JEPA = _made["model"]
    latents = model.encode({"pixels": pictures(request)}).detach()
    actions = torch.tensor(request["plan"])[None, None]
    with torch.enable_grad():  # engines are for inference alone
        rollout = model.rollout(Context(latents[:1], latents.new_zeros(1, 0, actions.shape[-1])), actions)
    return {"energy": float(GoalEnergy("last")(rollout, Goal(latents[1:, 0]), actions).detach())}


@torch.no_grad()
def agree(request: dict[str, Any]) -> dict[str, Any]:
    """The largest difference between rollouts that plan and the predictor's own steps."""
    model, worst = _made["model"], 0.0
    model.rollout_type = request["type"]
    latents = model.encode({"pixels": pictures(request)}).transpose(0, 1)
    for frames in (1, 2):
        actions = torch.randn(1, 8, request["horizon"], model.action_mean.numel())
        context = Context(latents[:, :frames], actions[:, 0, : frames - 1])
        with torch.enable_grad():
            plain = model.rollout(context, actions).latents.detach()
        worst = max(worst, float((model.rollout(context, actions).latents - plain).abs().max()))
    return {"difference": worst}


def floor(request: dict[str, Any]) -> dict[str, Any]:
    """Core-seconds that the products of a search take at the rate they have alone, at the shapes of LeWM's MLP."""
    recipe, candidates, horizon = _made["recipe"], request["candidates"], request["horizon"]
    width = _made["model"].action_mean.numel()
    rounds = (
        plan_floor.of_round(recipe.predictor, recipe.encoder.latent, width, candidates, horizon) * request["rounds"]
    )
    operations = rounds + plan_floor.of_frames(recipe.encoder, 2)
    seconds = {type: operations * _slowness(type) for type in ("float32", "bfloat16")}
    faster = seconds["float32"] / seconds["bfloat16"]
    return {"seconds": seconds[request["type"]], "operations": operations, "bfloat16 over float32": faster}


def _slowness(type: chip.Dtype) -> float:
    """Core-seconds of an operation of LeWM's MLP, whose products up and down are as large."""
    rates = [chip.matrix_rate(*chip.SHAPES[name], type) for name in ("transformer up", "transformer down")]
    return sum(1 / rate for rate in rates) / 2


def pictures(request: dict[str, Any]) -> Tensor:
    """Start and goal `[2, 1, height, width, 3]`, drawn by the seed, as on the peer's side: coarse, so that they differ."""
    coarse = np.random.default_rng(request["seed"]).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    return torch.from_numpy(coarse.repeat(request["size"] // 4, 1).repeat(request["size"] // 4, 2))[:, None]


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"prepare": prepare, "solve": solve, "judge": judge, "agree": agree, "floor": floor})

"""What a longer horizon and more candidates cost a model that is made to be planned with: rounds of a search, pictures aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from beside.side import spent
from beside.sides import Answer, interleaved, pinned, ratio
from gedanken.energies import GoalEnergy
from gedanken.models import JEPA
from gedanken.planners import CEMConfig, cem
from gedanken.recipes import build, lewm_banded
from gedanken.types import ActionSpec, Context, Goal, Search

CASES = {"usual": (300, 5), "horizon 20": (300, 20), "1,000 candidates": (1000, 5)}
"""Candidates and horizon."""


def measure(repeats: int = 7, rounds: int = 3) -> dict[str, Any]:
    """Core-seconds of a round of each case, and how many times the usual's each takes."""
    model = drawn()

    def asking(candidates: int, horizon: int) -> Callable[[int], Answer]:
        return lambda seed: searched(model, candidates, horizon, rounds, seed)

    with pinned():
        answers = interleaved({name: asking(*case) for name, case in CASES.items()}, repeats)
    found: dict[str, Any] = {name: [each["seconds"] / rounds for each in seconds] for name, seconds in answers.items()}
    times = {
        f"{name} over usual": ratio(answers["usual"], seconds, "rounds")
        for name, seconds in answers.items()
        if name != "usual"
    }
    return {**found, **times}


def drawn() -> JEPA:
    """The model with drawn weights, every gate open: what a search takes does not depend on them."""
    torch.manual_seed(0)
    model = build(lewm_banded(64), ActionSpec(2, (-1e3, -1e3), (1e3, 1e3))).eval()
    with torch.no_grad():
        for parameter in model.predictor.parameters():
            parameter.copy_(
                torch.randn_like(parameter) * (parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.2)
            )
    return model


def searched(model: JEPA, candidates: int, horizon: int, rounds: int, seed: int) -> Answer:
    """One search; RuntimeError where it found nothing, for then it did not search."""
    torch.manual_seed(seed)
    width, latent = model.action_mean.numel(), torch.randn(2, 1, 1, 192)
    context, goal = Context(latent[:1], torch.zeros(1, 0, width)), Goal(latent[1:, 0])
    imagined: list[tuple[int, ...]] = []

    def energy(actions: Tensor) -> Tensor:
        rollout = model.rollout(context, actions)
        imagined.append(tuple(rollout.latents.shape[:3]))
        return GoalEnergy("last")(rollout, goal, actions)

    config = CEMConfig(candidates=candidates, elites=candidates // 10, rounds=rounds, momentum=0.0, plain=True)
    start = Search(torch.zeros(1, horizon, width), torch.ones(1, horizon, width), -1e3, 1e3)
    torch.set_num_threads(1)
    with spent() as counted, torch.inference_mode():
        plan = cem(energy, start, config=config, generator=torch.Generator().manual_seed(seed))
    if imagined != [(1, candidates, horizon)] * rounds or not (plan.trace.mean[-1] < plan.trace.mean[0]).all():
        raise RuntimeError(f"of {rounds} rounds of {candidates} candidates, {imagined} were imagined to no avail.")
    return {"seconds": counted.seconds, "rounds": rounds}

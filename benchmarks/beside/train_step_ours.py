"""Our side of `train_step`: the recipe `lewm_paper`, its objective, and the loop's own step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from beside import train_floor
from beside.drawn import batch
from beside.side import answer, spent
from gedanken import chip
from gedanken.recipes import build, lewm_paper, read_lewm
from gedanken.recipes.lewm import PAPER_BATCH, LeWM, LeWMConfig
from gedanken.training.descent import Descent
from gedanken.training.precision import Dtype, autocast, fastest_dtype
from gedanken.types import ActionSpec, Windows

_CPU = torch.device("cpu")
_TIMED = 2
"""Windows by which the faster type is told."""
_made: dict[str, Any] = {}


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Read the weights that the peer left in the folder, or draw some; and ask in which type a step is faster here."""
    weights, action = Path(request["folder"]) / "weights.safetensors", ActionSpec(2, (-1e3, -1e3), (1e3, 1e3))
    torch.manual_seed(0)
    paper = lewm_paper(request["size"])
    if weights.is_file():
        model, recipe = read_lewm(weights, action, request["skip"])
    else:
        model, recipe = build(paper, action), paper
    # The peer weighs SIGReg alike for all batches, and we by the paper's.
    sigreg = LeWMConfig().sigreg * request["batch"] / PAPER_BATCH
    config = LeWMConfig(sigreg=sigreg, slices=1024)
    objective, train = LeWM(config, recipe.encoder.latent, action.width, request["skip"]), paper.train
    descent = Descent(list(model.parameters()), train.beta2, train.weight_decay, train.clip)
    _made.update(model=model.train(), objective=objective, recipe=recipe, descent=descent, rate=train.learning_rate)
    few = windows({**request, "batch": _TIMED})

    def trial() -> None:  # in whose autocast it is called
        torch.stack(list(objective(model, few, Generator()).values())).sum().backward()

    return {"type": fastest_dtype(trial, _CPU)}


def one(request: dict[str, Any]) -> dict[str, Any]:
    """What a step without dropout finds."""
    layers: nn.Module = _made["model"].predictor.layers
    layers.eval()  # all that drops anything; norms over the batch stand elsewhere
    found: dict[str, Any] = {}
    terms = _terms(windows(request), request["seed"], "float32")
    moved = _moving(lambda: found.update(norm=float(_made["descent"](sum(terms.values()), _made["rate"]))))
    found |= {name: float(term.detach()) for name, term in terms.items()}
    found |= {f"gradient of {name}": _pull(weight) for name, weight in _ends().items()}
    layers.train()
    return {**found, "moved": moved}


def train(request: dict[str, Any]) -> dict[str, Any]:
    """Some steps, pictures in memory."""
    given, losses, times = windows(request), [], []

    def steps() -> None:
        with spent() as counted:
            for step in range(request["steps"]):
                loss = _loss(given, request["seed"] + step, request["type"])
                _made["descent"](loss, _made["rate"])
                losses.append(loss.detach())
        times.append(counted.seconds)

    moved = _moving(steps)
    return {
        "seconds": times[0],
        "frames": request["steps"] * request["batch"] * request["frames"],
        "loss": float(losses[-1]),
        "moved": moved,
    }


def floor(request: dict[str, Any]) -> dict[str, Any]:
    """Core-seconds that the products of a step take at the rate they have alone, at the shapes of LeWM's MLP."""
    recipe, width = _made["recipe"], _made["model"].action_mean.numel()
    operations = train_floor.of_step(recipe, width, request["batch"], request["frames"])
    rates = [chip.matrix_rate(*chip.SHAPES[name], request["type"]) for name in ("transformer up", "transformer down")]
    return {"seconds": operations * sum(1 / rate for rate in rates) / 2, "operations": operations}


def windows(request: dict[str, Any]) -> Windows:
    """Pictures and actions, drawn by the seed as on the peer's side."""
    pixels, actions = batch(request)
    return Windows({"pixels": torch.from_numpy(pixels)}, torch.from_numpy(actions))


def _terms(given: Windows, seed: int, type: Dtype) -> Mapping[str, Tensor]:
    with autocast(_CPU, type):
        return _made["objective"](_made["model"], given, Generator().manual_seed(seed))


def _loss(given: Windows, seed: int, type: Dtype) -> Tensor:
    return torch.stack(list(_terms(given, seed, type).values())).sum()


def _ends() -> dict[str, nn.Parameter]:
    """Weights at both ends: the first that pixels meet, and the last that predicts."""
    model = _made["model"]
    return {"the first weights": model.encoder.embed.weight, "the last weights": model.predictor.head[-1].weight}


def _pull(weight: nn.Parameter) -> float:
    return 0.0 if weight.grad is None else float(weight.grad.norm())


def _moving(work: Callable[[], None]) -> float:
    """How far `work` moves the first weights."""
    first = _ends()["the first weights"]
    before = first.detach().clone()
    work()
    return float((first.detach() - before).norm())


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"prepare": prepare, "one": one, "train": train, "floor": floor})

"""The peer's side of `train_step`: stable-worldmodel's LeWM with its SIGReg, one module's forward as its own script has it.

Its data pipeline and its trainer are left out, which would cost it more. Its random directions come from torch's global
generator: seeded alike, they are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from stable_worldmodel.wm.loss import SIGReg  # pyright: ignore[reportMissingImports]

from beside import lewm_peer
from beside.drawn import batch
from beside.side import answer, spent

_WEIGHT, _RATE, _DECAY, _CLIP = 0.09, 5e-5, 1e-3, 1.0
_made: dict[str, Any] = {}


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Make the model, and leave its weights in the folder."""
    model = lewm_peer.full(request["size"])
    lewm_peer.lewm_weights.write(model, str(Path(request["folder"]) / "weights.safetensors"))
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    _made.update(model=model.train(), optimiser=optimiser, sigreg=SIGReg(17, 1024))
    return {}


def one(request: dict[str, Any]) -> dict[str, Any]:
    """What a step without dropout finds."""
    model = _made["model"]
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
        elif hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.kept, module.dropout = module.dropout, 0.0
    found: dict[str, Any] = {}
    torch.manual_seed(request["seed"])
    terms = _terms(*_batch(request))
    moved = _moving(lambda: found.update(norm=float(_step(sum(terms.values())))))
    found |= {name: float(term.detach()) for name, term in terms.items()}
    found |= {f"gradient of {name}": _pull(weight) for name, weight in _ends().items()}
    model.train()
    for module in model.modules():
        if hasattr(module, "kept"):
            module.dropout = module.kept
    return {**found, "moved": moved}


def train(request: dict[str, Any]) -> dict[str, Any]:
    """Some steps; pictures are normalised before the clock starts."""
    given, losses, times = _batch(request), [], []

    def steps() -> None:
        with spent() as counted:
            for step in range(request["steps"]):
                torch.manual_seed(request["seed"] + step)
                with torch.autocast("cpu", torch.bfloat16, enabled=request["type"] == "bfloat16"):
                    loss = torch.stack(list(_terms(*given).values())).sum()
                _step(loss)
                losses.append(loss.detach())
        times.append(counted.seconds)

    moved = _moving(steps)
    return {
        "seconds": times[0],
        "frames": request["steps"] * request["batch"] * request["frames"],
        "loss": float(losses[-1]),
        "moved": moved,
    }


def _batch(request: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, actions = (torch.from_numpy(each) for each in batch(request))
    return lewm_peer.normalised(pixels), actions


def _terms(pixels: torch.Tensor, actions: torch.Tensor) -> dict[str, torch.Tensor]:
    model = _made["model"]
    seen = model.encode({"pixels": pixels, "action": actions})
    latents = seen["emb"]
    predicted = model.predict(latents[:, :-1], seen["act_emb"])
    return {
        "prediction": (predicted - latents[:, 1:]).square().mean(),
        "sigreg": _WEIGHT * _made["sigreg"](latents.transpose(0, 1)),
    }


def _step(loss: Any) -> torch.Tensor:
    _made["optimiser"].zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(_made["model"].parameters(), _CLIP)
    _made["optimiser"].step()
    return norm


def _ends() -> dict[str, torch.nn.Parameter]:
    model = _made["model"]
    first = model.encoder.embeddings.patch_embeddings.projection.weight
    return {"the first weights": first, "the last weights": model.pred_proj.net[-1].weight}


def _pull(weight: torch.nn.Parameter) -> float:
    return 0.0 if weight.grad is None else float(weight.grad.norm())


def _moving(work: Callable[[], Any]) -> float:
    first = _ends()["the first weights"]
    before = first.detach().clone()
    work()
    return float((first.detach() - before).norm())


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"prepare": prepare, "one": one, "train": train})

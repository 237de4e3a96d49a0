"""Model and objective as one module: all that is trained, behind one call, which is where several processes hook in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gedanken.training.collapse import Health, measure
from gedanken.types import Windows


class Whole(nn.Module):
    """What one run trains; its state has the names `model.…` and `objective.…`."""

    def __init__(self, model: nn.Module, objective: nn.Module) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    @property
    def modules_by_name(self) -> dict[str, nn.Module]:
        """Both, as a checkpoint names them."""
        return {"model": self.model, "objective": self.objective}

    def forward(self, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        """The objective's weighted terms of this process's windows."""
        return self.objective(self.model, windows, generator)

    @torch.no_grad()
    def health(self, windows: Windows) -> Health:
        """The collapse meter's reading on `windows`."""
        model: Any = self.model
        model.eval()  # as it will be used: dropout alone would make an ignored action seem to matter
        latents = model.encode(windows.observations)
        health = measure(latents, lambda now, actions: model.open_loop(now, actions, 1)[0], windows.actions)
        model.train()
        return health

"""A linear layer trained in other coordinates: the whitened principal components of what it reads.

Gradient descent is slow along directions in which the inputs hardly vary. Whitening them (Le Cun et al. 1998, "Efficient
BackProp", section 4.3) changes how a layer learns and not what it can say, as long as the directions left out do not vary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.errors import BadInput

_LEAST_VARIANCE = 1e-5
"""Added to every component's variance, so that one which never varies is not blown up."""
_ROWS = 400_000


@contextmanager
def whitened(
    part: nn.Module,
    latents: Float[Tensor, "rows P D"],
    components: int,
    layers: Sequence[str] = ("from_latent",),
) -> Iterator[None]:
    """Within, these layers of `part` are trained in the whitened components of `latents`; after, each is one layer again.

    Args:
        part: what is trained.
        latents: whose components these are.
        components: how many, the leading ones; 0 changes nothing.
        layers: names of linear layers that read latents.

    Raises:
        BadInput: there is no such linear layer.
    """
    if not components:
        yield
        return
    for name in layers:
        layer = getattr(part, name, None)
        if not isinstance(layer, nn.Linear):
            raise BadInput(f"{type(part).__name__} has no linear layer `{name}`; train it with components=0.")
        setattr(part, name, _Whitened(layer, latents, components).to(layer.weight.device))
    try:
        yield
    finally:
        for name in layers:
            setattr(part, name, getattr(part, name).folded())


class _Whitened(nn.Module):
    """`layer` as a function of the leading components of `latents`, each of mean 0 and variance 1."""

    mean: Tensor
    onto: Tensor

    @torch.no_grad()
    def __init__(self, layer: nn.Linear, latents: Tensor, components: int) -> None:
        super().__init__()
        rows = latents.flatten(0, 1)
        rows = rows[:: 1 + len(rows) // _ROWS].double()
        mean = rows.mean(dim=0)
        variance, directions = torch.linalg.eigh(torch.cov((rows - mean).T))
        leading = slice(-min(components, len(mean)), None)  # eigh sorts upwards
        scale = (variance[leading].clamp_min(0) + _LEAST_VARIANCE).sqrt()
        self.register_buffer("mean", mean.float())
        self.register_buffer("onto", (directions[:, leading] / scale).float())
        self.layer = nn.Linear(len(scale), layer.out_features)
        self.layer.weight.copy_(layer.weight.cpu() @ (directions[:, leading] * scale).float())
        self.layer.bias.copy_(layer.bias.cpu() + layer.weight.cpu() @ self.mean)

    def forward(self, latents: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows out"]:
        return self.layer((latents - self.mean) @ self.onto)

    @torch.no_grad()
    def folded(self) -> nn.Linear:
        """The same function as one layer of the latents themselves."""
        one = nn.Linear(len(self.mean), self.layer.out_features, device=self.mean.device)
        one.weight.copy_(self.layer.weight @ self.onto.T)
        one.bias.copy_(self.layer.bias - one.weight @ self.mean)
        return one

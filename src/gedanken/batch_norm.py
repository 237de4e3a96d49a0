"""BatchNorm over the whole batch, also where several processes hold a part of it each.

torch's SyncBatchNorm does this on GPUs alone and refuses CPU tensors. In one process, and in `eval()`, this is torch's own.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.collectives import batch_mean, processes


class BatchNorm(nn.BatchNorm1d):
    """Rows `[rows, F]` to mean 0 and deviation 1 over all rows of all processes, each of which has as many."""

    def forward(self, rows: Float[Tensor, "rows F"]) -> Float[Tensor, "rows F"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if processes() == 1 or not self.training:
            return super().forward(rows)
        values = rows.float()
        mean = batch_mean(values.mean(dim=0))
        centred = values - mean
        variance = batch_mean(centred.square().mean(dim=0))
        self._remember(mean.detach(), variance.detach(), processes() * len(rows))
        return (centred * (variance + self.eps).rsqrt() * self.weight + self.bias).to(rows.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """What `eval()` will use; of the variance, its unbiased estimate."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)

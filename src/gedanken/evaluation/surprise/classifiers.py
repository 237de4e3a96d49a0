"""Controls trained with labels: a network told which clips are impossible, and shown a part that must not tell.

It sees single frames, or four frames of the context alone, or four of the outcome alone; both together is a baseline that
may know, and no control. It is fitted on quadruplets by other names than those it is then asked about.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.environments.table import Quadruplet
from gedanken.errors import BadInput, unknown_name
from gedanken.evaluation.surprise.clips import FOUR, IMPOSSIBLE

SIGHTS = ("single frame", "context only", "outcome only", "context and outcome")
"""What a classifier may see; the last is a baseline."""

_SHOWN = 4  # frames of each half
_BATCH = 48


class Classifier(nn.Module):
    """A small convolutional network's belief that what it sees is of an impossible clip, as a logit."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.encoder = ConvEncoder(ConvEncoderConfig(width=16, latent=32, channels=3 * frames))
        self.encoder.pixel_mean.fill_(128.0)
        self.encoder.pixel_std.fill_(64.0)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pictures uint8 `[n, 64, 64, channels]` → logits `[n]`."""
        return self.head(self.encoder.encode({"pixels": pixels[:, None]}).flatten(1))[:, 0]


def seen(quad: Quadruplet, sight: str) -> Tensor:
    """What is seen of the four clips (`FOUR`), uint8 `[4, views, 64, 64, channels]`; the frames of a view are channels."""
    last, cut = quad.frames.shape[1], quad.crossing
    halves = {
        "context only": [_spread(0, cut)],
        "outcome only": [_spread(cut, last)],
        "context and outcome": [_spread(0, cut) + _spread(cut, last)],
        "single frame": [[frame] for frame in range(0, last, 2)],
    }
    if sight not in halves:
        raise unknown_name("sight", sight, SIGHTS)
    views = [torch.stack([torch.cat(list(quad.clip(*each)[rows]), -1) for rows in halves[sight]]) for each in FOUR]
    return torch.stack(views)


def fitted(quads: Sequence[Quadruplet], sight: str, *, steps: int = 150, seed: int = 0) -> Classifier:
    """A classifier trained on these quadruplets, with their labels.

    Raises:
        BadInput: there are none.
        UnknownName: there is no such sight.
    """
    if not quads:
        raise BadInput("a classifier needs quadruplets to be fitted on; give some.")
    pixels = torch.stack([seen(quad, sight) for quad in quads])
    views = pixels.shape[2]
    labels = torch.tensor([float(each in IMPOSSIBLE) for each in FOUR])[None, :, None].expand(len(quads), -1, views)
    pixels, labels = pixels.flatten(0, 2), labels.flatten()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(pixels.shape[-1] // 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    generator = Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randperm(len(pixels), generator=generator)[:_BATCH]
        loss = binary_cross_entropy_with_logits(model(pixels[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def judged(model: Classifier, quads: Sequence[Quadruplet], sight: str) -> Tensor:
    """Mean logit of each of the four clips, `[Q, 4]` in the order of `FOUR`."""
    answers = []
    for quad in quads:
        views = seen(quad, sight)
        answers.append(model(views.flatten(0, 1)).view(4, -1).double().mean(1))
    return torch.stack(answers)


def _spread(first: int, last: int) -> list[int]:
    """Four frames spread evenly from `first` to before `last`."""
    return torch.linspace(first, last - 1, _SHOWN).round().long().tolist()

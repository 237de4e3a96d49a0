"""What must not tell possible from impossible: scorers that know nothing of physics, and see only how much a clip moves.

Published before any model's results. Each reads single frames or neighbouring ones, which stand in as many possible clips as
in impossible ones; `classifiers.py` has those that are trained with labels.
"""

from __future__ import annotations

from io import BytesIO

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.evaluation.surprise.clips import Clips, Scorer
from gedanken.models import JEPA, GRUPredictor, GRUPredictorConfig
from gedanken.types import ActionSpec

_FOREGROUND = 24.0  # grey levels by which a moving pixel differs from the clip's median
_WINDOW = 5  # pixels along the side of the square that optical flow is fitted in


def frame_difference(clips: Clips) -> Tensor:
    """Mean absolute change of each frame since the last, in grey levels."""
    return _changes(clips).abs().flatten(2).mean(2)


def copy_last(clips: Clips) -> Tensor:
    """Squared error of predicting that nothing changes."""
    return _changes(clips).square().flatten(2).mean(2)


def optical_flow(clips: Clips) -> Tensor:
    """Mean length of the flow (Lucas and Kanade 1981, squares of 5 px) between neighbouring grey frames, in px."""
    grey = clips.frames.float().mean(-1)
    before, after = grey[:, :-1], grey[:, 1:]
    dx, dy = torch.zeros_like(before), torch.zeros_like(before)
    dx[..., 1:-1] = (before[..., 2:] - before[..., :-2]) / 2
    dy[..., 1:-1, :] = (before[..., 2:, :] - before[..., :-2, :]) / 2
    dt = after - before
    xx, xy, yy, xt, yt = (_averaged(one * other) for one, other in ((dx, dx), (dx, dy), (dy, dy), (dx, dt), (dy, dt)))
    xx, yy = xx + 1.0, yy + 1.0  # where nothing is to be seen, nothing flows
    determinant = xx * yy - xy * xy
    u, v = (xy * yt - yy * xt) / determinant, (xy * xt - xx * yt) / determinant
    return _from_second((u * u + v * v).sqrt().flatten(2).mean(2))


def file_size(clips: Clips) -> Tensor:
    """Bytes of each frame as a PNG."""
    sizes = [[_png_bytes(frame) for frame in clip] for clip in clips.frames]
    return torch.tensor(sizes, dtype=torch.float32)


def constant_velocity(clips: Clips) -> Tensor:
    """px by which the centre of what moves misses where a constant velocity would have brought it (a tracker of one blob)."""
    frames = clips.frames.float()
    moving = ((frames - frames.median(1, keepdim=True).values).abs().amax(-1) > _FOREGROUND).float()
    mass = moving.flatten(2).sum(2)
    pixel = torch.arange(moving.shape[-1], dtype=torch.float32)
    x, y = (moving.sum(axis) @ pixel / mass.clamp(min=1) for axis in (2, 3))
    place = torch.stack((x, y), -1)
    seen = (mass > 0).float()
    missed = (place[:, 2:] - 2 * place[:, 1:-1] + place[:, :-2]).norm(dim=-1)
    curve = torch.zeros_like(mass)
    curve[:, 2:] = missed * seen[:, 2:] * seen[:, 1:-1] * seen[:, :-2]
    return curve


class RandomModel:
    """A world model with first weights: random convolutions, and a random recurrent predictor of the next latent."""

    def __init__(self, seed: int = 0, action: int = 3) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = ConvEncoder(ConvEncoderConfig(width=16, latent=64))
            predictor = GRUPredictor(GRUPredictorConfig(hidden=64), 64, action)
        spec = ActionSpec(action, (-1.0,) * action, (1.0,) * action)
        self.model = JEPA(encoder, predictor, spec, frame_skip=1).eval()
        encoder.pixel_mean.fill_(128.0)
        encoder.pixel_std.fill_(64.0)

    @torch.no_grad()
    def __call__(self, clips: Clips) -> Tensor:
        """Squared error of the next latent, mean over its numbers."""
        latents = self.model.encode({"pixels": clips.frames})
        ahead = self.model.open_loop(latents, clips.actions, 1)[0]
        return _from_second((ahead - latents[:, 1:]).square().flatten(2).mean(2))


def untrained_controls() -> list[Scorer]:
    """The controls that need no fitting, by the names of the leakage table."""
    return [
        Scorer("frame difference", frame_difference),
        Scorer("largest frame difference", frame_difference, by="max"),
        Scorer("optical flow", optical_flow),
        Scorer("file size", file_size),
        Scorer("copy-last", copy_last),
        Scorer("random encoder", RandomModel()),
    ]


def _changes(clips: Clips) -> Tensor:
    """Signed change of each frame since the last; none for the first."""
    frames = clips.frames.float()
    return torch.cat((torch.zeros_like(frames[:, :1]), frames[:, 1:] - frames[:, :-1]), dim=1)


def _from_second(curve: Tensor) -> Tensor:
    return torch.cat((torch.zeros_like(curve[:, :1]), curve), dim=1)


def _averaged(values: Tensor) -> Tensor:
    flat = values.flatten(0, 1)[:, None]
    return avg_pool2d(flat, _WINDOW, stride=1, padding=_WINDOW // 2).view_as(values)


def _png_bytes(frame: Tensor) -> int:
    out = BytesIO()
    Image.fromarray(frame.numpy()).save(out, "PNG")
    return len(out.getvalue())

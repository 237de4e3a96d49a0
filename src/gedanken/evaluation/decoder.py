"""What a latent shows: a small decoder fitted after the fact, for human eyes only.

The model never learns from it: it is fitted on latents that were encoded before, so no gradient can reach the encoder. It
predicts the difference to the mean frame, each pixel weighed by how far it is from that frame; with even weights a small
moving dot is cheapest to leave out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Generator, Tensor, nn

from gedanken.contracts import WorldModel
from gedanken.data import WindowSampler
from gedanken.errors import BadInput, ShapeError

_BATCH = 32
_LEARNING_RATE = 4e-3
_CHANNELS = 32
_HEAVIEST = 6.0
"""Largest weight, beside 1 for a pixel at its mean: more draws a ring around each small thing, less lets it fade."""
_COARSE = 8
"""Side of a cell that the linear layer writes; the convolutions refine it."""


@dataclass(frozen=True)
class FrameBank:
    """Frames and what the model makes of them: to fit a decoder on, and to find the nearest real frame in.

    Args:
        latents: `[F, P, D]`, detached.
        frames: `[F, height, width, channels]` uint8.
    """

    latents: Float[Tensor, "F P D"]
    frames: UInt8[Tensor, "frames height width channels"]

    def __post_init__(self) -> None:
        height, width = self.frames.shape[1:3]
        if len(self.latents) != len(self.frames) or not len(self.frames):
            raise ShapeError(f"a bank needs one latent a frame; got {len(self.latents)} and {len(self.frames)}.")
        if height % _COARSE or width % _COARSE:
            raise ShapeError(f"frames are {height}×{width} pixels; each side must be a multiple of {_COARSE}.")


class InspectionDecoder(nn.Module):
    """Latents `[..., P, D]` → frames uint8 `[..., height, width, channels]`.

    Args:
        latent: P·D, numbers in one latent.
        mean_frame: `[height, width, channels]` grey levels, which the decoder adds its output to.
        scale: grey levels that an output of 1 stands for.
    """

    mean_frame: Tensor

    def __init__(self, latent: int, mean_frame: Float[Tensor, "height width channels"], scale: float) -> None:
        super().__init__()
        height, width, channels = mean_frame.shape
        self.register_buffer("mean_frame", mean_frame)
        self.scale = scale
        self.coarse = nn.Sequential(
            nn.Linear(latent, _CHANNELS * (height // _COARSE) * (width // _COARSE)),
            nn.Unflatten(1, (_CHANNELS, height // _COARSE, width // _COARSE)),
        )
        # Sub-pixel convolutions: all work is done at a quarter of the resolution, where matrices are small.
        self.refine = nn.Sequential(
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(_CHANNELS, 16 * channels, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, latents: Float[Tensor, "F P D"]) -> Float[Tensor, "F height width channels"]:
        """The difference to the mean frame, in units of `scale`."""
        return self.refine(self.coarse(latents.flatten(1))).permute(0, 2, 3, 1)

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "*rows P D"]) -> UInt8[Tensor, "*rows height width channels"]:
        """Frames to look at."""
        difference = self(latents.flatten(0, -3)) * self.scale
        frames = (self.mean_frame + difference).round().clamp(0, 255).byte()
        return frames.unflatten(0, latents.shape[:-2])


@torch.no_grad()
def frame_bank(model: WorldModel, sampler: WindowSampler, frames: int = 3000, seed: int = 0) -> FrameBank:
    """Encode about `frames` frames of the sampler's windows.

    Args:
        model: the frozen model; it is only asked to encode.
        sampler: where frames come from; its windows need a stream `pixels`.
        frames: how many, rounded up to whole windows.
        seed: which.
    """
    if frames < 2:
        raise BadInput(f"frames={frames} are too few for a bank; 3000 are a usual choice.")
    generator = Generator().manual_seed(seed)
    latents, pixels, count = [], [], 0
    while count < frames:
        seen = sampler.sample(_BATCH, generator).observations
        latents.append(model.encode(seen).flatten(0, 1).float())
        pixels.append(seen["pixels"].flatten(0, 1))
        count += len(latents[-1])
    return FrameBank(torch.cat(latents)[:frames].clone(), torch.cat(pixels)[:frames].clone())


def fit_decoder(
    bank: FrameBank,
    steps: int = 400,
    seed: int = 0,
    watch: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> InspectionDecoder:
    """Fit a decoder to a bank by weighted least squares.

    Args:
        bank: latents and the frames they should show.
        steps: optimiser steps of 32 frames each.
        seed: of the weights and of the frames drawn.
        watch: called as (step, steps, loss) after each step.
    """
    if steps < 1:
        raise BadInput(f"steps={steps} must be at least 1; 400 are a usual choice.")
    mean = bank.frames.float().mean(dim=0)
    scale = _deviation(bank.frames, mean)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = InspectionDecoder(bank.latents[0].numel(), mean, scale)
    decoder.refine.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimiser = torch.optim.Adam(decoder.parameters(), lr=_LEARNING_RATE)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.1)
    generator = Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(len(bank.frames), (_BATCH,), generator=generator)
        wanted = (bank.frames[rows].float() - mean) / scale
        loss = (_weights(wanted) * (decoder(bank.latents[rows]) - wanted).square()).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        decay.step()
        watch(step + 1, steps, loss.item())
    return decoder.eval()


def nearest_frames(
    latents: Float[Tensor, "*rows P D"], bank: FrameBank
) -> UInt8[Tensor, "*rows height width channels"]:
    """For each latent the real frame whose own latent is nearest: what the model means, without a decoder in between."""
    flat = latents.flatten(0, -3).flatten(1).float()
    nearest = torch.cdist(flat, bank.latents.flatten(1)).argmin(dim=1)
    return bank.frames[nearest].unflatten(0, latents.shape[:-2])


def _deviation(frames: Tensor, mean: Tensor) -> float:
    """Root mean square difference to the mean frame in grey levels, a chunk at a time; at least one level."""
    squares = sum((chunk.float() - mean).square().sum().item() for chunk in frames.split(256))
    return max(1.0, (squares / frames.numel()) ** 0.5)


def _weights(wanted: Tensor) -> Tensor:
    """1 for a pixel at its mean, up to `_HEAVIEST` for one that differs much; all colours of a pixel alike."""
    return 1 + wanted.square().mean(dim=-1, keepdim=True).clamp(max=_HEAVIEST)

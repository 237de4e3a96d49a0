"""Pixels to tokens that look at each other: a vision transformer (arXiv:2010.11929), small enough for a CPU.

Its latent is the class token, or one vector for each patch, for a predictor that should know what is where. Each frame is
seen by itself. In training it costs about 16 times the small convolutional encoder, so start with that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from gedanken.encoders.head import Head, check_head, head_layers
from gedanken.encoders.pixels import checked_pixels, normalised_frames, register_statistics
from gedanken.errors import BadInput
from gedanken.types import Observation

Output = Literal["token", "patches"]

_DEEPEST = 64
"""Blocks cost memory even where no weight is allocated, and a model file may ask for any number of them."""

_EMBEDDING_STD = 0.02

_TOKENS = 4608
"""Tokens in one go on a CPU, all of 64 frames at 64 px: what is kept of more is so large that the system takes its memory back
after each use, and to have it anew takes a tenth of a training step at 224 px."""


@dataclass(frozen=True, kw_only=True)
class ViTEncoderConfig:
    """How pixels become tokens, and tokens the latent.

    Args:
        kind: tells this configuration from another encoder's.
        size: (height, width) of a frame in pixels, each a multiple of `patch`.
        channels: colours of a frame.
        patch: side of a square patch in pixels.
        width: of a token.
        depth: blocks of attention and MLP.
        heads: attention heads, which share the width evenly.
        mlp_ratio: hidden units of a block's MLP, as a multiple of the width.
        norm_eps: added to the variance in each LayerNorm, so that a token without any is not divided by 0.
        latent: D, the latent's width.
        output: `token` gives one vector a frame (P = 1), `patches` one a patch (P = rows × columns of `grid`).
        head: how features become the latent; `batch_norm_mlp` where SIGReg keeps latents from collapsing.
        head_hidden: hidden units of `batch_norm_mlp`.
    """

    kind: Literal["vit"] = "vit"
    size: tuple[int, int] = (64, 64)
    channels: int = 3
    patch: int = 8
    width: int = 96
    depth: int = 4
    heads: int = 3
    mlp_ratio: int = 4
    norm_eps: float = 1e-5
    latent: int = 128
    output: Output = "token"
    head: Head = "layer_norm"
    head_hidden: int = 512

    def __post_init__(self) -> None:
        if min(self.channels, self.patch, self.width, self.heads, self.mlp_ratio, self.latent) < 1:
            raise BadInput("channels, patch, width, heads, mlp_ratio and latent must each be at least 1.")
        if any(side <= 0 or side % self.patch for side in self.size):
            raise BadInput(
                f"size={self.size} must be positive multiples of patch={self.patch}; resize the frames first."
            )
        if not 1 <= self.depth <= _DEEPEST:
            raise BadInput(f"depth={self.depth} must lie between 1 and {_DEEPEST}.")
        if self.width % self.heads:
            raise BadInput(f"width={self.width} must be a multiple of heads={self.heads}.")
        if self.output not in ("token", "patches"):
            raise BadInput(f"output={self.output!r} is unknown; choose token or patches.")
        if not 0 < self.norm_eps < 1:
            raise BadInput(f"norm_eps={self.norm_eps} must lie between 0 and 1; 1e-5 is usual.")
        check_head(self.head, self.head_hidden)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the latent's P patches, row by row; (1, 1) where the latent is one token."""
        if self.output == "token":
            return 1, 1
        return self.size[0] // self.patch, self.size[1] // self.patch


class ViTEncoder(nn.Module):
    """Frames `[B, T, height, width, channels]` uint8 → latents `[B, T, P, D]`.

    Pixels are normalised inside, by statistics that are part of the model file.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: ViTEncoderConfig) -> None:
        super().__init__()
        self.config = config
        register_statistics(self, config.channels)
        patches = config.size[0] * config.size[1] // config.patch**2
        self.embed = nn.Conv2d(config.channels, config.width, config.patch, config.patch)
        self.positions = nn.Parameter(_EMBEDDING_STD * torch.randn(patches, config.width))
        # The class token has a place of its own and so needs no position.
        self.token = nn.Parameter(_EMBEDDING_STD * torch.randn(config.width)) if config.output == "token" else None
        self.blocks = nn.Sequential(*(_Block(config) for _ in range(config.depth)))
        self.last_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.project, self.norm = head_layers(config.head, config.width, config.latent, config.head_hidden)

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the `pixels` stream.

        Raises:
            ShapeError: if frames have another size or number of channels than the encoder was made for.
        """
        pixels = checked_pixels(observation, self.config.size, self.config.channels)
        frames = pixels.flatten(0, 1)
        seen = torch.cat([self._seen(some) for some in frames.split(self._at_once(frames))])
        latents = self.norm(self.project(self.last_norm(seen).flatten(0, 1)).float())
        return latents.view(*pixels.shape[:2], seen.shape[1], -1)

    def _at_once(self, frames: Tensor) -> int:
        """Frames that go through the blocks together."""
        return len(frames) if frames.device.type != "cpu" else max(1, _TOKENS // (len(self.positions) + 1))

    def _seen(self, frames: Tensor) -> Float[Tensor, "frames tokens width"]:
        """What is read of each frame after the last block: the class token, or all patches."""
        normal = normalised_frames(frames[None], self.pixel_mean, self.pixel_std)
        tokens = self.embed(normal).flatten(2).transpose(1, 2) + self.positions
        if self.token is not None:
            tokens = torch.cat([self.token.expand(len(tokens), 1, -1), tokens], dim=1)
        *others, last = self.blocks
        for block in others:
            tokens = block(tokens)
        # Of the last block nothing but the class token is read, and the others are only looked at.
        return last(tokens, wanted=None if self.token is None else 1)


class _Block(nn.Module):
    """Attention among the tokens of one frame, then an MLP on each; both normalised before and added to what came in."""

    def __init__(self, config: ViTEncoderConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.mlp_ratio * config.width
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.to_attention = nn.Linear(width, 3 * width)
        self.from_attention = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width, eps=config.norm_eps), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    def forward(
        self, tokens: Float[Tensor, "frames tokens width"], wanted: int | None = None
    ) -> Float[Tensor, "frames wanted width"]:
        """Tokens after this block: the first `wanted` of them, all by default."""
        normed = self.attention_norm(tokens)
        if wanted is None:
            split = self.to_attention(normed).unflatten(-1, (3, self.heads, -1))
            queries, keys, values = split.permute(2, 0, 3, 1, 4)
        else:
            width, layer = tokens.shape[-1], self.to_attention
            asked = linear(normed[:, :wanted], layer.weight[:width], layer.bias[:width])
            queries = asked.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            looked_at = linear(normed, layer.weight[width:], layer.bias[width:]).unflatten(-1, (2, self.heads, -1))
            keys, values = looked_at.permute(2, 0, 3, 1, 4)
        gathered = scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        tokens = tokens[:, :wanted] + self.from_attention(gathered)
        return tokens + self.mlp(tokens)

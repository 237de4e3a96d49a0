"""Numbers from sensors to one vector, by a small MLP; what is missing is said to be missing.

Each number comes with a mark that is 1 where it is absent, and the weights of that mark are what stands for it: a learned
token of absence. A stream that is left out, NaN and infinity all mean absent.

A moment is encoded by itself, as pixels are: kept latents, agents and reports encode frames one at a time. Where one sample
does not tell the state (a place without its velocity) the past is remembered by the predictor (`state_space`, the usual one
for sensors) and not stacked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gedanken.encoders.head import Head, check_head, head_layers
from gedanken.errors import BadInput, ShapeError
from gedanken.types import Observation

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_DEEPEST = 64
_WIDEST = 2**20
_REACH = 10.0
"""Deviations from the mean, beyond which only the side is told: one glitch must not drown all else."""


@dataclass(frozen=True, kw_only=True)
class SensorEncoderConfig:
    """How numbers become a vector.

    Args:
        kind: tells this configuration from another encoder's.
        streams: names of the streams that are read.
        widths: numbers in one sample of each stream, whatever its shape.
        hidden: units of a hidden layer.
        depth: hidden layers.
        latent: D, the latent's width.
        readings: begin the latent with the normalised numbers themselves (0 where absent), so that nothing a sensor told is
            lost; the features take up what is left of D. Wants a predictor without a norm.
        head: how features become the latent; `batch_norm_mlp` where SIGReg keeps latents from collapsing.
        head_hidden: hidden units of `batch_norm_mlp`.
        hide: share of the training windows from which a stream is hidden, so that its absence is learned. The last one
            that is there stays, so a model of one stream never trains on none.
    """

    kind: Literal["sensors"] = "sensors"
    streams: tuple[str, ...] = ("sensors",)
    widths: tuple[int, ...] = (1,)
    hidden: int = 256
    depth: int = 2
    latent: int = 64
    readings: bool = False
    head: Head = "layer_norm"
    head_hidden: int = 256
    hide: float = 0.1

    def __post_init__(self) -> None:
        if not self.streams or len(self.streams) != len(self.widths) or len(set(self.streams)) != len(self.streams):
            raise BadInput(
                f"{len(self.streams)} streams with {len(self.widths)} widths; name each stream once, with a width."
            )
        wrong = [name for name in self.streams if name == "pixels" or not _NAME.fullmatch(name)]
        if wrong:
            raise BadInput(
                f"{wrong[0][:80]!r} is no name of a sensor stream; take up to 64 letters, digits or underscores."
            )
        if min(self.widths) < 1 or sum(self.widths) > _WIDEST:
            raise BadInput(f"widths={self.widths[:8]} must each be at least 1, and {_WIDEST} in all at most.")
        if min(self.hidden, self.latent) < 1 or not 1 <= self.depth <= _DEEPEST:
            raise BadInput(
                f"hidden={self.hidden} and latent={self.latent} must be at least 1, depth={self.depth} 1 to {_DEEPEST}."
            )
        if self.features < 1:
            raise BadInput(
                f"latent={self.latent} leaves nothing beside {sum(self.widths)} readings; make it larger than that."
            )
        if not 0 <= self.hide < 1:
            raise BadInput(f"hide={self.hide} is a share of at least 0 and below 1.")
        check_head(self.head, self.head_hidden)

    @property
    def features(self) -> int:
        """Learned numbers in a latent."""
        return self.latent - (sum(self.widths) if self.readings else 0)


class SensorEncoder(nn.Module):
    """Streams `[B, T, ...]` of numbers → latents `[B, T, 1, D]`.

    Numbers are normalised inside by `sensor_mean_<stream>` and `sensor_std_<stream>`, which are part of the model file.
    """

    def __init__(self, config: SensorEncoderConfig) -> None:
        super().__init__()
        self.config = config
        for name, width in zip(config.streams, config.widths, strict=True):
            self.register_buffer(f"sensor_mean_{name}", torch.zeros(width))
            self.register_buffer(f"sensor_std_{name}", torch.ones(width))
        layers: list[nn.Module] = [nn.Linear(2 * sum(config.widths), config.hidden), nn.GELU()]
        for _ in range(config.depth - 1):
            layers += [nn.Linear(config.hidden, config.hidden), nn.GELU()]
        self.body = nn.Sequential(*layers)
        self.project, self.norm = head_layers(config.head, config.hidden, config.features, config.head_hidden)

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of the streams that are there.

        Raises:
            ShapeError: if a stream has samples of another width than the encoder was made for, or none is there.
        """
        numbers, absent = self.read(observation)
        if self.training and self.config.hide:
            absent = absent | self._hidden(absent)
        numbers = numbers.masked_fill(absent, 0.0)
        # Eight bits of bfloat16 would blur what a sensor can tell.
        with torch.autocast(numbers.device.type, enabled=False):
            rows = self.body(torch.cat([numbers, absent.float()], dim=-1).flatten(0, 1))
            features = self.norm(self.project(rows)).view(*numbers.shape[:2], 1, -1)
        return torch.cat([numbers[:, :, None], features], dim=-1) if self.config.readings else features

    def read(self, observation: Observation) -> tuple[Float[Tensor, "B T n"], Bool[Tensor, "B T n"]]:
        """All streams side by side as z-scores, 0 where absent, and which are absent; raises like `encode`."""
        there = [observation[name] for name in self.config.streams if name in observation]
        if not there:
            raise ShapeError(
                f"this encoder reads {', '.join(self.config.streams)}; the observation has {sorted(observation)}."
            )
        parts = [
            self._normalised(name, width, observation[name])
            if name in observation
            else there[0].new_full((*there[0].shape[:2], width), torch.nan, dtype=torch.float32)
            for name, width in zip(self.config.streams, self.config.widths, strict=True)
        ]
        numbers = torch.cat(parts, dim=-1)
        absent = ~torch.isfinite(numbers)
        return numbers.masked_fill(absent, 0.0).clamp(-_REACH, _REACH), absent

    def _normalised(self, name: str, width: int, values: Tensor) -> Float[Tensor, "B T n"]:
        flat = values.unsqueeze(-1) if values.dim() == 2 else values.flatten(2) if values.dim() > 2 else values
        if flat.dim() != 3 or flat.shape[2] != width:
            raise ShapeError(f"{name!r} is {tuple(values.shape)}; expected [B, T, ...] with {width} numbers a sample.")
        mean, std = getattr(self, f"sensor_mean_{name}"), getattr(self, f"sensor_std_{name}")
        return ((flat - mean) / std).float()

    def _hidden(self, absent: Bool[Tensor, "B T n"]) -> Bool[Tensor, "B 1 n"]:
        """Streams hidden from whole windows, never all that are there."""
        there = [~part.flatten(1).all(dim=1) for part in absent.split(self.config.widths, dim=-1)]
        lots = torch.rand(len(absent), len(there), device=absent.device).masked_fill(~torch.stack(there, dim=1), -1.0)
        hidden = (lots < self.config.hide) & (lots < lots.max(dim=1, keepdim=True).values)
        widths = torch.tensor(self.config.widths, device=absent.device)
        return hidden.repeat_interleave(widths, dim=1)[:, None]

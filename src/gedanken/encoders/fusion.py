"""Pixels and sensors to one latent, either of which may be missing.

Each is encoded to a vector by an encoder of its own, and one linear layer joins the two. Where one is absent a learned token
takes its place. In training each is hidden from some of the windows, so that its token is learned and the other does not come
to be relied on alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gedanken.contracts import Encoder
from gedanken.encoders.conv import ConvEncoderConfig
from gedanken.encoders.head import Head, check_head, head_layers
from gedanken.encoders.sensors import SensorEncoder, SensorEncoderConfig
from gedanken.errors import BadInput, ShapeError
from gedanken.types import Observation


@runtime_checkable
class PixelEncoderConfig(Protocol):
    """Configuration of any encoder that reads `pixels`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def latent(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class FusionEncoderConfig:
    """How a picture and numbers become one latent.

    Args:
        kind: tells this configuration from another encoder's.
        pixels: of the encoder of pixels; any that is registered.
        sensors: of the encoder of numbers.
        latent: D, the joined latent's width.
        head: how both become the latent; `batch_norm_mlp` where SIGReg keeps latents from collapsing.
        head_hidden: hidden units of `batch_norm_mlp`.
        hide: share of the training windows from which all sensors are hidden, and as many from which the pixels are.
    """

    kind: Literal["fusion"] = "fusion"
    pixels: PixelEncoderConfig = field(default_factory=ConvEncoderConfig)
    sensors: SensorEncoderConfig = field(default_factory=SensorEncoderConfig)
    latent: int = 128
    head: Head = "layer_norm"
    head_hidden: int = 512
    hide: float = 0.15

    def __post_init__(self) -> None:
        if getattr(self.pixels, "streams", ("pixels",)) != ("pixels",):
            raise BadInput(
                f"a {type(self.pixels).__name__} reads {', '.join(getattr(self.pixels, 'streams', ()))}; "
                "fusion takes an encoder of pixels there, such as a ConvEncoderConfig."
            )
        if self.latent < 1 or not 0 <= self.hide <= 0.5:
            raise BadInput(f"latent={self.latent} must be at least 1, and hide={self.hide} a share from 0 to 0.5.")
        check_head(self.head, self.head_hidden)

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of all streams that are read."""
        return ("pixels", *self.sensors.streams)


class FusionEncoder(nn.Module):
    """Pixels and sensor streams `[B, T, ...]` → latents `[B, T, 1, D]`.

    Args:
        config: its configuration.
        pixels: built from `config.pixels`.
    """

    def __init__(self, config: FusionEncoderConfig, pixels: nn.Module) -> None:
        super().__init__()
        if not isinstance(pixels, Encoder):
            raise BadInput(f"{type(pixels).__name__} has no `encode`; see gedanken.contracts.Encoder.")
        self.config = config
        self.pixels = pixels
        self.sensors = SensorEncoder(config.sensors)
        self.without_pixels = nn.Parameter(torch.zeros(config.pixels.latent))
        self.without_sensors = nn.Parameter(torch.zeros(config.sensors.latent))
        features = config.pixels.latent + config.sensors.latent
        self.project, self.norm = head_layers(config.head, features, config.latent, config.head_hidden)

    def encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        """Latents of what is there.

        Raises:
            ShapeError: if there are neither pixels nor sensors, or one of them does not fit its encoder.
        """
        there = {name: observation[name] for name in self.config.streams if name in observation}
        if not there:
            raise ShapeError(f"this encoder reads {', '.join(self.config.streams)}; there is {sorted(observation)}.")
        batch, past = next(iter(there.values())).shape[:2]
        seen, read = (token.expand(batch, past, 1, -1) for token in (self.without_pixels, self.without_sensors))
        numbers = {name: values for name, values in there.items() if name != "pixels"}
        if numbers:
            silent = self.sensors.read(numbers)[1].all(dim=-1)[..., None, None]
            read = torch.where(silent, read, self.sensors.encode(numbers))
        if "pixels" in there:
            if numbers and self.training:
                lots = torch.rand(batch, 1, 1, 1, device=read.device)
                without_sensors, without_pixels = lots < self.config.hide, lots > 1 - self.config.hide
                read = torch.where(without_sensors, self.without_sensors, read)
                seen = torch.where(without_pixels, seen, self._seen(there["pixels"]))
            else:
                seen = self._seen(there["pixels"])
        joined = torch.cat([seen.float(), read.float()], dim=-1)
        return self.norm(self.project(joined.flatten(0, 2)).float()).view(*joined.shape[:3], -1)

    def _seen(self, pixels: Tensor) -> Float[Tensor, "B T 1 D"]:
        latents = self.pixels.encode({"pixels": pixels})  # pyright: ignore[reportCallIssue]
        if latents.shape[2] != 1:
            raise ShapeError(
                f"the encoder of pixels gives {latents.shape[2]} patches and fusion joins one vector a frame; choose one "
                "that gives a vector, such as a ViT with output='token'."
            )
        return latents

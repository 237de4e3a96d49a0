"""The smallest world a JEPA can learn: a soft dot in 16×16 grey frames, moved by its action, stopped by the border."""

import numpy as np
import torch
from torch import Generator

from gedanken.encoders import ConvEncoderConfig
from gedanken.models import ResidualMLPConfig
from gedanken.recipes import PLDMConfig, Recipe
from gedanken.training import TrainConfig
from gedanken.types import ActionSpec, Episode, StreamSpec, Windows

SIZE = 16
REACH = 2.0
SPECS = {"pixels": StreamSpec((SIZE, SIZE, 1), "uint8", 10.0)}
ACTION = ActionSpec(2, (-REACH, -REACH), (REACH, REACH), unit="px", rate_hz=10.0)


def drawn(places: torch.Tensor) -> torch.Tensor:
    """Frames `[..., 16, 16, 1]` uint8 of dots at `places` `[..., 2]` in pixels (x, y)."""
    cells = torch.arange(float(SIZE))
    across = (cells - places[..., :1]).square()
    down = (cells - places[..., 1:]).square()
    return (255 * torch.exp(-(across[..., None, :] + down[..., :, None]) / 4)).to(torch.uint8)[..., None]


def walked(start: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Places `[B, T, 2]` from starts `[B, 2]` under actions `[B, T-1, 2]`."""
    places = [start]
    for step in range(actions.shape[1]):
        places.append((places[-1] + actions[:, step]).clamp(1, SIZE - 2))
    return torch.stack(places, dim=1)


class DotWindows:
    """Windows of freshly drawn walks; the draw depends on the generator alone."""

    def __init__(self, length: int = 5) -> None:
        self.length = length

    def sample(self, count: int, generator: Generator) -> Windows:
        start = 1 + (SIZE - 3) * torch.rand(count, 2, generator=generator)
        actions = REACH * (2 * torch.rand(count, self.length - 1, 2, generator=generator) - 1)
        return Windows({"pixels": drawn(walked(start, actions))}, actions)


def dot_episodes(count: int, steps: int = 16, seed: int = 0) -> list[Episode]:
    """Recorded walks, one moment an environment step."""
    windows = DotWindows(steps + 1).sample(count, Generator().manual_seed(seed))
    frames, actions = windows.observations["pixels"].numpy(), windows.actions.numpy().astype(np.float32)
    return [Episode({"pixels": frames[row]}, actions[row], SPECS, ACTION) for row in range(count)]


def dot_recipe(**train: object) -> Recipe:
    """A model of some thousand weights, trained in a second or two."""
    settings = {"steps": 120, "batch": 32, "learning_rate": 1e-2, "dtype": "float32", "device": "cpu", **train}
    return Recipe(
        name="dot",
        window=4,
        frame_skip=1,
        encoder=ConvEncoderConfig(size=(SIZE, SIZE), channels=1, width=4, latent=8),
        predictor=ResidualMLPConfig(hidden=32),
        objective=PLDMConfig(ahead=3),
        train=TrainConfig(**settings),
    )

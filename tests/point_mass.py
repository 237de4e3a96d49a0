"""The smallest world without a picture: a point pushed along a line, told by its place and its speed, and a lamp that is
dark in the picture.

Fusion sees the place as a stripe in a tiny picture, and only a sensor tells the lamp.
"""

import numpy as np

from gedanken.encoders import SensorEncoderConfig
from gedanken.models import ResidualMLPConfig
from gedanken.recipes import PLDMConfig, Recipe
from gedanken.training import TrainConfig
from gedanken.types import ActionSpec, Episode, StreamSpec

SPECS = {
    "place": StreamSpec((1,), "float32", 10.0, "m"),
    "speed": StreamSpec((1,), "float32", 10.0, "m/s"),
}
ACTION = ActionSpec(1, (-1.0,), (1.0,), unit="N", rate_hz=10.0)


def mass_episodes(count: int, steps: int = 30, seed: int = 0, offset: float = 50.0) -> list[Episode]:
    """Pushed at random: v' = 0.8 v + u, x' = x + v' − 0.05 x; the place is told as x + `offset`."""
    episodes = []
    for number in range(count):
        draw = np.random.default_rng((seed, number))
        push = draw.uniform(-1, 1, steps)
        place, speed = [draw.normal(0, 4)], [draw.normal(0, 1)]
        for each in push:
            speed.append(0.8 * speed[-1] + each)
            place.append(0.95 * place[-1] + speed[-1])
        streams = {
            "place": np.array(place, np.float32)[:, None] + np.float32(offset),
            "speed": np.array(speed, np.float32)[:, None],
        }
        episodes.append(Episode(streams, push[:, None].astype(np.float32), SPECS, ACTION))
    return episodes


def mass_recipe(**train: object) -> Recipe:
    """A model of some thousand weights, trained in a few seconds."""
    settings = {"steps": 200, "batch": 32, "learning_rate": 5e-3, "dtype": "float32", "device": "cpu", **train}
    return Recipe(
        name="mass",
        window=5,
        frame_skip=1,
        encoder=SensorEncoderConfig(streams=("place", "speed"), widths=(1, 1), hidden=32, latent=8, hide=0.0),
        predictor=ResidualMLPConfig(hidden=32),
        objective=PLDMConfig(ahead=3, temporal_similarity=0.0),
        train=TrainConfig(**settings),
    )

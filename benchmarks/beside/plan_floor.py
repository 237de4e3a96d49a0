"""Operations that no exact way of planning with LeWM can leave out, counted from its sizes: a product is 2·rows·inner·outer."""

from __future__ import annotations

from gedanken.encoders import ViTEncoderConfig
from gedanken.models import WindowTransformerConfig
from gedanken.models.engine.schedule import schedule


def of_round(config: WindowTransformerConfig, latent: int, action: int, candidates: int, horizon: int) -> float:
    """Of one round from one frame: each (frame, place) once, attention only where there is another token to look at, of the last
    layer what predicts, and each action once."""
    width, inner = config.width, config.heads * config.head_width
    steps = schedule(config.window, 1, horizon)
    total = 0
    for step in steps:
        for number in range(config.depth):
            wanted = step.places[:1] if number == config.depth - 1 else step.places
            total += len(step.places) * width * 2 * inner
            total += sum((2 * inner if place else width) * width for place in wanted)
            total += len(wanted) * 2 * width * config.hidden
            total += width * 6 * width
        total += action * config.action_hidden + config.action_hidden * width
        total += width * config.head_hidden + config.head_hidden * latent
    return 2.0 * total * candidates


def of_frames(config: ViTEncoderConfig, frames: int) -> float:
    """Of encoding frames."""
    patches = config.size[0] * config.size[1] // config.patch**2
    tokens, width = patches + 1, config.width
    block = tokens * (4 + 2 * config.mlp_ratio) * width**2 + 2 * tokens**2 * width
    ends = patches * config.channels * config.patch**2 * width + config.head_hidden * (width + config.latent)
    return 2.0 * frames * (config.depth * block + ends)

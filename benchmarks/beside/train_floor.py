"""Operations that no exact way of training LeWM can leave out: two products backward for each one, but none towards pixels."""

from __future__ import annotations

from gedanken.encoders import ViTEncoderConfig
from gedanken.models import WindowTransformerConfig
from gedanken.recipes import Recipe


def of_step(recipe: Recipe, action: int, batch: int, frames: int) -> float:
    """Of one step: frames encoded once, and what is predicted from all but the last of them by one causal pass."""
    encoder, predictor = recipe.encoder, recipe.predictor
    assert isinstance(encoder, ViTEncoderConfig)
    assert isinstance(predictor, WindowTransformerConfig)
    patches, width = encoder.size[0] * encoder.size[1] // encoder.patch**2, encoder.width
    seen = batch * frames * (of_tokens(encoder, patches + 1) + encoder.head_hidden * (width + encoder.latent))
    first = batch * frames * patches * encoder.channels * encoder.patch**2 * width
    told = batch * (frames - 1) * of_token(predictor, encoder.latent, action)
    return 2.0 * (3 * seen + 2 * first + 3 * told)


def of_tokens(config: ViTEncoderConfig, tokens: int) -> int:
    """Multiplications of one frame's blocks; in the last one only the class token asks and goes on."""
    width = config.width
    block = tokens * (4 + 2 * config.mlp_ratio) * width**2 + 2 * tokens**2 * width
    last = 2 * tokens * width**2 + (2 + 2 * config.mlp_ratio) * width**2 + 2 * tokens * width
    return (config.depth - 1) * block + last


def of_token(config: WindowTransformerConfig, latent: int, action: int) -> int:
    """Multiplications of one predicted frame; what its attention multiplies besides is less than a thousandth."""
    width, inner = config.width, config.heads * config.head_width
    layer = 4 * width * inner + 2 * width * config.hidden + 6 * width**2
    embedded = (
        action * config.action_squeeze + config.action_squeeze * config.action_hidden + config.action_hidden * width
    )
    return config.depth * layer + embedded + config.head_hidden * (width + latent)

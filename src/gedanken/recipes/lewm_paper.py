"""LeWM as its paper has it (arXiv:2603.19312): 18.0 M weights, a ViT-tiny that sees 224 px or 64 px, and its plain planner.

For comparison with papers, and on a GPU: on a CPU its encoder costs a hundred times the one of `two_rooms.py`. `lewm_banded`
has a predictor that is made to be planned with in its place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gedanken.agent import AgentConfig
from gedanken.encoders import ViTEncoderConfig
from gedanken.models import CausalTransformerConfig, WindowTransformerConfig
from gedanken.planners import CEMConfig
from gedanken.recipes.lewm import PAPER_BATCH, LeWMConfig
from gedanken.recipes.recipe import Recipe
from gedanken.training import TrainConfig

PATCH: dict[int, int] = {224: 14, 64: 8}
"""Side of a patch for each size of picture."""

_NORM_EPS = 1e-12  # of the ViT the paper's code builds on; with a usual one, small tokens come out smaller

_CEM = CEMConfig(candidates=300, elites=30, rounds=30, momentum=0.0, returns="mean", plain=True)


def lewm_paper(size: Literal[224, 64] = 224, steps: int = 100_000, seed: int = 0) -> Recipe:
    """The paper's run; how many steps its ten epochs are depends on the recordings.

    Args:
        size: side of a frame in pixels; 224 with patches of 14, as in the paper, or 64 with patches of 8.
        steps: optimiser steps of 128 windows.
        seed: of the weights, the windows drawn and all else.
    """
    encoder = ViTEncoderConfig(
        size=(size, size),
        patch=PATCH[size],
        width=192,
        depth=12,
        heads=3,
        norm_eps=_NORM_EPS,
        latent=192,
        head="batch_norm_mlp",
        head_hidden=2048,
    )
    train = TrainConfig(
        steps=steps, batch=PAPER_BATCH, learning_rate=5e-5, weight_decay=1e-3, warm_up=0.01, clip=1.0, seed=seed
    )
    return Recipe(
        name=f"lewm-{size}",
        window=4,
        frame_skip=5,
        encoder=encoder,
        predictor=WindowTransformerConfig(),
        objective=LeWMConfig(slices=1024),
        train=train,
        agent=AgentConfig(horizon=5, warm=_CEM, cold=_CEM, spread=1.0, past=3, patience=5),
    )


def lewm_banded(size: Literal[224, 64] = 224, steps: int = 100_000, seed: int = 0) -> Recipe:
    """The same with a predictor that knows time by distance, so that a window that slides costs one frame a step, and with
    attention as wide as its tokens: 3 heads of 64 where the paper has 16. Whether it reaches goals as well was not measured.
    """
    predictor = CausalTransformerConfig(
        width=192, action_width=192, depth=6, heads=3, head_width=64, mlp_ratio=10, window=3, norm=False
    )
    return replace(lewm_paper(size, steps, seed), name=f"lewm-banded-{size}", predictor=predictor)

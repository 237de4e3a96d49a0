"""Rollouts of `WindowTransformer` that compute nothing twice; see `schedule.py`."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from gedanken.models.engine.folding import affine, after_norm, before_norm, one_after_other
from gedanken.models.engine.product import Product
from gedanken.models.engine.schedule import Step, schedule
from gedanken.models.engine.window_layer import Kept, WindowLayer
from gedanken.models.window_transformer import WindowTransformer


class WindowEngine:
    """A copy of a predictor's weights as its rollouts want them.

    Args:
        predictor: in evaluation mode, of float32 on a CPU.
        dtype: of products: float32, with which rollouts are the predictor's own to 1e-5, or bfloat16.
    """

    def __init__(self, predictor: WindowTransformer, dtype: torch.dtype = torch.float32) -> None:
        config, head = predictor.config, cast(Any, predictor.head)
        self.window, self.width, self.dtype = config.window, config.width, dtype
        self.latent: int = head[-1].out_features
        self.action: int = cast(Any, predictor.from_action)[0].in_features
        self.positions = predictor.positions.detach().clone()
        token = predictor.from_latent
        self.from_latent = Product(*affine(token), torch.float32) if isinstance(token, nn.Linear) else None
        # Actions are few numbers, whose rounding would move every layer: they are embedded in float32.
        squeeze, widen, _, embed = cast(Any, predictor.from_action)
        self.widen = Product(*one_after_other(affine(squeeze), affine(widen)), torch.float32)
        self.embed = Product(*affine(embed), torch.float32)
        self.layers = [WindowLayer(layer, config.heads, dtype) for layer in predictor.layers]
        first, norm, _, second = head
        self.last_eps = predictor.last.eps
        self.head_up = Product(*before_norm(after_norm(predictor.last, affine(first)), norm), dtype, gelu=True)
        self.head_down = Product(*affine(second), dtype)

    def __call__(
        self, latents: Float[Tensor, "B T D"], past: Float[Tensor, "B past A"], actions: Float[Tensor, "B N H A"]
    ) -> Float[Tensor, "B N H D"]:
        """Latents predicted, in float32.

        Args:
            latents: of the context, oldest first; frames that the window cannot see are not read.
            past: the T−1 normalised actions between them, the same for all candidates and computed once.
            actions: normalised, of all candidates.
        """
        candidates, horizon = actions.shape[1:3]
        context = min(latents.shape[1], self.window)
        latents, past = latents[:, -context:], past[:, past.shape[1] - context + 1 :]
        before = self._condition(past.transpose(0, 1))
        after = self._condition(actions.permute(2, 0, 1, 3))
        kept: list[deque[Kept]] = [deque(maxlen=self.window - 1) for _ in self.layers]
        predicted: list[Tensor] = []
        for step in schedule(self.window, context, horizon):
            if step.frame < context - 1:
                token, condition = latents[:, step.frame, None], before[step.frame]
            else:
                token = predicted[-1] if predicted else latents[:, -1, None].expand(-1, candidates, -1)
                condition = after[step.frame - context + 1]
            seen = self._through(step, self._token(token), condition.flatten(0, -2), kept)
            if step.predicts:
                predicted.append(self._head(seen[0]))
        return torch.stack(predicted, dim=2)

    def _condition(self, actions: Tensor) -> Tensor:
        """The embedded action as the layers read it, after the SiLU that each begins with."""
        embedded = self.embed(silu(self.widen(actions.flatten(0, -2))))
        return silu(embedded).to(self.dtype).view(*actions.shape[:-1], self.width)

    def _token(self, latents: Tensor) -> Tensor:
        if self.from_latent is None:
            return latents
        return self.from_latent(latents.flatten(0, -2)).view(*latents.shape[:-1], -1)

    def _through(self, step: Step, token: Tensor, condition: Tensor, kept: list[deque[Kept]]) -> Tensor:
        """Tokens of the frame at its places, through all layers; of the last one, only what predicts."""
        # Largest place first: a slice backwards, which torch does not have.
        tokens = token + self.positions[list(step.places), None, None]
        for number, (layer, earlier) in enumerate(zip(self.layers, kept, strict=True), start=1):
            wanted = len(step.places) if number < len(self.layers) else int(step.predicts)
            tokens, memory = layer(tokens, condition, step.places, list(earlier), wanted)
            earlier.appendleft(memory)
        return tokens

    def _head(self, tokens: Tensor) -> Tensor:
        rows = torch.nn.functional.layer_norm(tokens, (self.width,), eps=self.last_eps).to(self.dtype)
        return self.head_down(self.head_up(rows.flatten(0, -2))).float().view(*tokens.shape[:-1], -1)

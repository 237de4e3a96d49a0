"""A small causal transformer over the last frames, whose past is computed once and then only looked up.

Each frame is P tokens, which attend to the tokens of the last `window` frames, their own included. The action that leaves a
frame enters its tokens by AdaLN-zero (arXiv:2212.09748), as in LeWM's predictor (arXiv:2603.19312): it shifts, scales and
gates every layer, and the gates start shut, so that an untrained predictor copies the last latent.

Time is known by distance alone: a learned preference of each head for each distance in frames. So keys and values hold
wherever the window slides to, they are kept from the moment a frame's action is known, and a step costs one frame's tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gedanken.errors import BadInput
from gedanken.models.predictor import LatentState

_DEEPEST = 64
_WIDEST_WINDOW = 256
"""Layers and frames cost time and memory even where no weight is allocated, and a model file may ask for any number."""


@dataclass(frozen=True, kw_only=True)
class CausalTransformerConfig:
    """How large the predictor is, and how far back a layer looks.

    Args:
        kind: tells this predictor from the others in a file.
        width: numbers in a token.
        action_width: units an action is embedded in, from which each layer reads its shifts, scales and gates.
        depth: layers.
        heads: attention heads of a layer.
        head_width: numbers in a head's query, key and value.
        mlp_ratio: hidden units of a layer's MLP, in units of `width`.
        window: frames a layer looks at, the present one included. Through all layers a prediction depends on
            depth · (window − 1) + 1 frames.
        dropout: share of what each branch adds that is dropped in training.
        norm: whether predictions end in a LayerNorm, as the latents of an encoder with one do.
    """

    kind: Literal["causal_transformer"] = "causal_transformer"
    width: int = 128
    action_width: int = 32
    depth: int = 2
    heads: int = 4
    head_width: int = 32
    mlp_ratio: int = 2
    window: int = 3
    dropout: float = 0.1
    norm: bool = True

    def __post_init__(self) -> None:
        if min(self.width, self.action_width, self.heads, self.head_width, self.mlp_ratio) < 1:
            raise BadInput("width, action_width, heads, head_width and mlp_ratio must each be at least 1.")
        if not 1 <= self.depth <= _DEEPEST or not 1 <= self.window <= _WIDEST_WINDOW:
            raise BadInput(
                f"depth={self.depth} must lie between 1 and {_DEEPEST}, and window={self.window} between 1 and {_WIDEST_WINDOW}."
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout={self.dropout} must be a share from 0 to below 1.")


class CausalTransformer(nn.Module):
    """Keeps the `Predictor` contract; its state is the latents, which of the W−1 frames before are known, and each layer's
    keys and values of those frames, `[..., W-1, P, 2·heads·head_width]`.

    It does not know where in a picture a patch lies, except by what the latents say.
    """

    def __init__(self, config: CausalTransformerConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config = config
        self.past = config.depth * (config.window - 1) + 1
        self.from_latent = nn.Linear(latent, config.width)
        self.from_action = nn.Sequential(nn.Linear(action, config.action_width), nn.SiLU())
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.depth))
        self.last = nn.LayerNorm(config.width)
        self.to_change = nn.Linear(config.width, latent)
        self.norm = nn.LayerNorm(latent) if config.norm else nn.Identity()
        nn.init.zeros_(self.to_change.weight)
        nn.init.zeros_(self.to_change.bias)

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows action_width"]:
        """The action, embedded; each layer reads its shifts, scales and gates off it."""
        return self.from_action(actions)

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past action_width"]) -> LatentState:
        """The state at every frame, by one pass over the sequence."""
        batch, frames = latents.shape[:2]
        slots = torch.arange(1 - self.config.window, 0, device=latents.device)
        known = (torch.arange(frames, device=latents.device)[:, None] + slots >= 0).expand(batch, -1, -1)
        tokens, kept = self.from_latent(latents[:, :-1]), []
        for layer in self.layers:
            tokens, memory = layer(tokens, condition, known[:, :-1])
            kept.append(nn.functional.pad(memory[:, :, 1:], (0, 0, 0, 0, 0, 0, 1, 0)))  # nothing before the first
        return latents, known, *kept

    def step(self, state: LatentState, condition: Float[Tensor, "*rows action_width"]) -> LatentState:
        """The state one model step later, for the price of one frame's tokens."""
        latents, known, *earlier = state
        tokens, kept = self.from_latent(latents), []
        for layer, cached in zip(self.layers, earlier, strict=True):
            tokens, memory = layer(tokens, condition, known, cached)
            kept.append(memory[..., 1:, :, :])
        known = nn.functional.pad(known, (0, 1), value=True)[..., 1:]
        return self.norm(latents + self.to_change(self.last(tokens)).float()), known, *kept


class _Layer(nn.Module):
    def __init__(self, config: CausalTransformerConfig) -> None:
        super().__init__()
        width, inner = config.width, config.heads * config.head_width
        self.config = config
        self.modulate = nn.Linear(config.action_width, 6 * width)
        self.to_query = nn.Linear(width, inner)
        self.to_memory = nn.Linear(width, 2 * inner)
        self.preference = nn.Parameter(torch.zeros(config.heads, config.window))
        self.from_heads = nn.Linear(inner, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.mlp_ratio * width), nn.GELU(), nn.Linear(config.mlp_ratio * width, width)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(
        self,
        tokens: Float[Tensor, "*rows P width"],
        condition: Float[Tensor, "*rows action_width"],
        known: Bool[Tensor, "*rows earlier"],
        cached: Float[Tensor, "*rows earlier P memory"] | None = None,
    ) -> tuple[Float[Tensor, "*rows P width"], Float[Tensor, "*rows window P memory"]]:
        """Tokens after this layer, and the keys and values of all frames in each one's window, its own last.

        Without `cached` the rows are `[B, T]`, a sequence whose frames are each other's past.
        """
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = self.modulate(condition).unsqueeze(-2).chunk(6, dim=-1)
        modulated = self.norm(tokens) * (1 + scale) + shift
        own = self.to_memory(modulated).unsqueeze(-3)
        memory = torch.cat([self._before(own) if cached is None else cached, own], dim=-3)
        attended = self.from_heads(self._attended(self.to_query(modulated), memory, known))
        tokens = tokens + gate * self.dropout(attended)
        changed = self.mlp(self.norm(tokens) * (1 + mlp_scale) + mlp_shift)
        return tokens + mlp_gate * self.dropout(changed), memory

    def _before(self, own: Float[Tensor, "B T 1 P memory"]) -> Float[Tensor, "B T earlier P memory"]:
        """For each frame the keys and values of the W−1 frames before it, zeros where there are none."""
        earlier = self.config.window - 1
        padded = nn.functional.pad(own[:, :, 0], (0, 0, 0, 0, earlier, 0))
        frames = torch.arange(own.shape[1], device=own.device)[:, None]
        return padded[:, frames + torch.arange(earlier, device=own.device)]

    def _attended(
        self,
        query: Float[Tensor, "*rows P inner"],
        memory: Float[Tensor, "*rows window P memory"],
        known: Bool[Tensor, "*rows earlier"],
    ) -> Float[Tensor, "*rows P inner"]:
        shape, patches, heads = query.shape, query.shape[-2], self.config.heads
        query = query.flatten(0, -3).unflatten(-1, (heads, -1))
        keys, values = memory.flatten(0, -4).flatten(1, 2).unflatten(-1, (2, heads, -1)).unbind(2)
        seen = nn.functional.pad(known, (0, 1), value=True).unsqueeze(-2)
        preference = self.preference.masked_fill(~seen, -torch.inf).repeat_interleave(patches, dim=-1)
        attended = nn.functional.scaled_dot_product_attention(
            query.transpose(1, 2),
            keys.transpose(1, 2),
            values.transpose(1, 2),
            attn_mask=preference.flatten(0, -3).unsqueeze(-2).to(query.dtype),
        )
        return attended.transpose(1, 2).reshape(shape)

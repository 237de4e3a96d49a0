"""LeWM's predictor: a causal transformer over the last frames, each of which knows its place in the window (arXiv:2603.19312).

The action that leaves a frame enters its tokens by AdaLN-zero (arXiv:2212.09748): it shifts, scales and gates every layer, and
the gates start shut. Predictions end in the same kind of head as LeWM's encoder, without a norm.

Places are absolute: when the window slides, every frame in it gets another place, and nothing worked out for the old one holds.
So a step costs the whole window here; `engine/` computes only what is new. `causal_transformer.py` knows time by distance
alone and costs one frame a step: take that one, unless it is LeWM itself that is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gedanken.batch_norm import BatchNorm
from gedanken.errors import BadInput
from gedanken.models.predictor import LatentState

_DEEPEST = 64
_WIDEST_WINDOW = 256
"""Layers and frames cost time and memory even where no weight is allocated, and a model file may ask for any number."""

_WHITENING_EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class WindowTransformerConfig:
    """How large the predictor is; the defaults are LeWM's, for latents of width 192.

    Args:
        kind: tells this predictor from the others in a file.
        width: numbers in a token; where the latent has as many, it is a token as it is.
        action_squeeze: units of the action's first, linear layer.
        action_hidden: units of its second, before the SiLU.
        depth: layers.
        heads: attention heads of a layer.
        head_width: numbers in a head's query, key and value.
        hidden: units of a layer's MLP.
        window: frames a prediction looks at, the present one included.
        head_hidden: units of the head between its two linear layers.
        dropout: share that is dropped in training, of attention weights, of an MLP's units and of what each branch adds.
    """

    kind: Literal["window_transformer"] = "window_transformer"
    width: int = 192
    action_squeeze: int = 10
    action_hidden: int = 768
    depth: int = 6
    heads: int = 16
    head_width: int = 64
    hidden: int = 2048
    window: int = 3
    head_hidden: int = 2048
    dropout: float = 0.1

    def __post_init__(self) -> None:
        sizes = ("width", "action_squeeze", "action_hidden", "heads", "head_width", "hidden", "head_hidden")
        if min(getattr(self, name) for name in sizes) < 1:
            raise BadInput(f"{', '.join(sizes)} must each be at least 1.")
        if not 1 <= self.depth <= _DEEPEST or not 1 <= self.window <= _WIDEST_WINDOW:
            raise BadInput(
                f"depth={self.depth} must lie between 1 and {_DEEPEST}, and window={self.window} between 1 and {_WIDEST_WINDOW}."
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout={self.dropout} must be a share from 0 to below 1.")


class WindowTransformer(nn.Module):
    """Keeps the `Predictor` contract; its state is the latents, those of the W−1 frames before and the conditions that left
    them, `[..., W-1, P, D]` and `[..., W-1, width]`, and which of these are known."""

    def __init__(self, config: WindowTransformerConfig, latent: int, action: int) -> None:
        super().__init__()
        self.config = config
        self.past = config.window
        self.from_latent = nn.Identity() if latent == config.width else nn.Linear(latent, config.width)
        # As large as latents are, which SIGReg brings to deviation 1.
        self.positions = nn.Parameter(torch.randn(config.window, config.width))
        self.from_action = nn.Sequential(
            nn.Linear(action, config.action_squeeze),
            nn.Linear(config.action_squeeze, config.action_hidden),
            nn.SiLU(),
            nn.Linear(config.action_hidden, config.width),
        )
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.depth))
        self.last = nn.LayerNorm(config.width)
        self.head = nn.Sequential(
            nn.Linear(config.width, config.head_hidden),
            BatchNorm(config.head_hidden),
            nn.GELU(),
            nn.Linear(config.head_hidden, latent),
        )

    def condition(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows width"]:
        """The action, embedded; each layer reads its shifts, scales and gates off it."""
        return self.from_action(actions)

    def starts(self, latents: Float[Tensor, "B T P D"], condition: Float[Tensor, "B past width"]) -> LatentState:
        """The state at every frame: copies of what came before it."""
        batch, frames = latents.shape[:2]
        before = self.config.window - 1
        numbers = torch.arange(frames, device=latents.device)[:, None] + torch.arange(before, device=latents.device)
        known = (numbers >= before).expand(batch, -1, -1)
        earlier = nn.functional.pad(latents[:, :-1], (0, 0, 0, 0, before, 0))[:, numbers]
        conditions = nn.functional.pad(condition, (0, 0, before, 0))[:, numbers]
        return latents, earlier, conditions, known

    def step(self, state: LatentState, condition: Float[Tensor, "*rows width"]) -> LatentState:
        """The state one model step later."""
        latents, earlier, conditions, known = state
        frames = torch.cat([earlier, latents.unsqueeze(-3)], dim=-3)
        conditions = torch.cat([conditions, condition.unsqueeze(-2)], dim=-2)
        known = nn.functional.pad(known, (0, 1), value=True)
        predicted = self._predicted(frames, conditions, known)
        return predicted, frames[..., 1:, :, :], conditions[..., 1:, :], known[..., 1:]

    def _predicted(
        self,
        frames: Float[Tensor, "*rows window P D"],
        conditions: Float[Tensor, "*rows window width"],
        known: Bool[Tensor, "*rows window"],
    ) -> Float[Tensor, "*rows P D"]:
        rows, (window, patches) = frames.shape[:-3], frames.shape[-3:-1]
        # The first known frame stands at place 0, however few there are.
        place = (known.cumsum(dim=-1) - 1).clamp_min(0)
        tokens = self.from_latent(frames) + self.positions[place].unsqueeze(-2)
        tokens = tokens.reshape(-1, window * patches, self.config.width)
        each = conditions.reshape(-1, window, self.config.width).repeat_interleave(patches, dim=1)
        sees = self._sees(known.reshape(-1, window), patches)
        for layer in self.layers:
            tokens = layer(tokens, each, sees)
        seen = self.last(tokens[:, -patches:]).flatten(0, 1)
        return self.head(seen).float().view(*rows, patches, -1)

    def _sees(self, known: Bool[Tensor, "flat window"], patches: int) -> Bool[Tensor, "flat 1 tokens tokens"]:
        """Which token looks at which: at known frames up to its own, and always at its own, so that none looks at nothing."""
        own = torch.eye(known.shape[1], dtype=torch.bool, device=known.device)
        sees = (known[:, None, :] & torch.ones_like(own).tril()) | own
        return sees.repeat_interleave(patches, dim=1).repeat_interleave(patches, dim=2)[:, None]


class _Layer(nn.Module):
    def __init__(self, config: WindowTransformerConfig) -> None:
        super().__init__()
        width, inner = config.width, config.heads * config.head_width
        self.config = config
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        # Without weights of its own: the action's shift and scale take their place.
        self.whiten = nn.LayerNorm(width, eps=_WHITENING_EPS, elementwise_affine=False)
        self.attention_norm = nn.LayerNorm(width)
        self.to_attention = nn.Linear(width, 3 * inner, bias=False)
        self.from_heads = nn.Linear(inner, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, width),
        )
        self.dropout = nn.Dropout(config.dropout)
        for parameter in self.modulate.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        tokens: Float[Tensor, "flat tokens width"],
        condition: Float[Tensor, "flat tokens width"],
        sees: Bool[Tensor, "flat 1 tokens tokens"],
    ) -> Float[Tensor, "flat tokens width"]:
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = self.modulate(condition).chunk(6, dim=-1)
        attended = self._attended(self.attention_norm(self.whiten(tokens) * (1 + scale) + shift), sees)
        tokens = tokens + gate * self.dropout(attended)
        changed = self.mlp(self.whiten(tokens) * (1 + mlp_scale) + mlp_shift)
        return tokens + mlp_gate * self.dropout(changed)

    def _attended(self, tokens: Tensor, sees: Tensor) -> Tensor:
        split = self.to_attention(tokens).unflatten(-1, (3, self.config.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = split
        dropped = self.config.dropout if self.training else 0.0
        gathered = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=sees, dropout_p=dropped)
        return self.from_heads(gathered.transpose(1, 2).flatten(2))

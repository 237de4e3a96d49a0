"""What each tensor of our LeWM is called, and how it is laid out, in stable-worldmodel's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """How one of our tensors is made of theirs: the shape each of theirs has, and what is done with them."""

    shapes: Callable[[Shape], tuple[Shape, ...]]
    made: Callable[..., Tensor]


_SAME = Layout(lambda shape: (shape,), lambda theirs: theirs)
_STACKED = Layout(lambda shape: ((shape[0] // 3, *shape[1:]),) * 3, lambda *theirs: torch.cat(theirs))
_LEADING = Layout(lambda shape: ((1, *shape),), lambda theirs: theirs[0])
_CONVOLVED = Layout(lambda shape: ((*shape, 1),), lambda theirs: theirs[..., 0])
# Their class token has a place, which is added to it whatever it sees; in ours it is part of the token.
_PLACES = Layout(lambda shape: ((1, shape[0] + 1, *shape[1:]),), lambda theirs: theirs[0, 1:])
_TOKEN = Layout(lambda shape: ((1, 1, *shape),), lambda token, places: token[0, 0] + places[0, 0])

_POSITIONS = "encoder.embeddings.position_embeddings"
_RULES: tuple[tuple[str, str, Layout], ...] = (
    (r"encoder\.embed\.(\w+)", r"encoder.embeddings.patch_embeddings.projection.\1", _SAME),
    (r"encoder\.token", rf"encoder.embeddings.cls_token {_POSITIONS}", _TOKEN),
    (r"encoder\.positions", _POSITIONS, _PLACES),
    (r"encoder\.blocks\.(\d+)\.attention_norm\.(\w+)", r"encoder.layers.\1.layernorm_before.\2", _SAME),
    (
        r"encoder\.blocks\.(\d+)\.to_attention\.(\w+)",
        " ".join(rf"encoder.layers.\1.attention.{part}_proj.\2" for part in "qkv"),
        _STACKED,
    ),
    (r"encoder\.blocks\.(\d+)\.from_attention\.(\w+)", r"encoder.layers.\1.attention.o_proj.\2", _SAME),
    (r"encoder\.blocks\.(\d+)\.mlp\.0\.(\w+)", r"encoder.layers.\1.layernorm_after.\2", _SAME),
    (r"encoder\.blocks\.(\d+)\.mlp\.1\.(\w+)", r"encoder.layers.\1.mlp.fc1.\2", _SAME),
    (r"encoder\.blocks\.(\d+)\.mlp\.3\.(\w+)", r"encoder.layers.\1.mlp.fc2.\2", _SAME),
    (r"encoder\.last_norm\.(\w+)", r"encoder.layernorm.\1", _SAME),
    (r"encoder\.project\.(\d)\.(\w+)", r"projector.net.\1.\2", _SAME),
    (r"predictor\.positions", "predictor.pos_embedding", _LEADING),
    (r"predictor\.from_action\.0\.weight", "action_encoder.patch_embed.weight", _CONVOLVED),
    (r"predictor\.from_action\.0\.bias", "action_encoder.patch_embed.bias", _SAME),
    (r"predictor\.from_action\.1\.(\w+)", r"action_encoder.embed.0.\1", _SAME),
    (r"predictor\.from_action\.3\.(\w+)", r"action_encoder.embed.2.\1", _SAME),
    (r"predictor\.layers\.(\d+)\.modulate\.1\.(\w+)", r"predictor.transformer.layers.\1.adaLN_modulation.1.\2", _SAME),
    (r"predictor\.layers\.(\d+)\.attention_norm\.(\w+)", r"predictor.transformer.layers.\1.attn.norm.\2", _SAME),
    (r"predictor\.layers\.(\d+)\.to_attention\.(\w+)", r"predictor.transformer.layers.\1.attn.to_qkv.\2", _SAME),
    (r"predictor\.layers\.(\d+)\.from_heads\.(\w+)", r"predictor.transformer.layers.\1.attn.to_out.0.\2", _SAME),
    (r"predictor\.layers\.(\d+)\.mlp\.(\d)\.(\w+)", r"predictor.transformer.layers.\1.mlp.net.\2.\3", _SAME),
    (r"predictor\.last\.(\w+)", r"predictor.transformer.norm.\1", _SAME),
    (r"predictor\.head\.(\d)\.(\w+)", r"pred_proj.net.\1.\2", _SAME),
)


@dataclass(frozen=True)
class Source:
    """Where one of our tensors comes from.

    Args:
        name: ours.
        theirs: the names it is made of.
        shape: ours.
        layout: how.
    """

    name: str
    theirs: tuple[str, ...]
    shape: Shape
    layout: Layout

    def shapes(self) -> dict[str, Shape]:
        """The shape that each of theirs must have."""
        return dict(zip(self.theirs, self.layout.shapes(self.shape), strict=False))

    def made(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Our tensor."""
        return self.layout.made(*(tensors[name] for name in self.theirs))


def sources(ours: Mapping[str, Tensor]) -> list[Source]:
    """Of every tensor that their checkpoint has; statistics of pixels and actions it has not."""
    found = []
    for name, tensor in ours.items():
        for pattern, theirs, layout in _RULES:
            if match := re.fullmatch(pattern, name):
                found.append(Source(name, tuple(match.expand(theirs).split()), tuple(tensor.shape), layout))
    return found

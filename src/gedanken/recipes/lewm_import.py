"""LeWM's weights from stable-worldmodel, as `scripts/lewm_weights.py` wrote them, under our own layer names.

That script runs where the checkpoint's own package is installed; what it writes holds tensors and a line of JSON, and is read
here as strictly as a model file: every tensor by its name and shape, and nothing besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gedanken.encoders import ViTEncoderConfig
from gedanken.errors import BadInput, BadModelFile
from gedanken.models import JEPA, WindowTransformerConfig
from gedanken.recipes.lewm_names import sources
from gedanken.recipes.lewm_paper import lewm_paper
from gedanken.recipes.recipe import Recipe, build
from gedanken.strict_json import count, field, parse_object
from gedanken.types import ActionSpec

_FORMAT = "stable-worldmodel LeWM"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels, in shares of white, as LeWM's pictures are normalised."""


def read_lewm(path: str | Path, action: ActionSpec, frame_skip: int = 5) -> tuple[JEPA, Recipe]:
    """The model, in evaluation mode, and the recipe that `gedanken.save` wants beside it.

    The checkpoint says nothing of actions: they are taken as z-scores until `model.set_statistics` gives `action_mean` and
    `action_std` of the data it was trained on. Before an agent plans with it, `recipes.fit.calibrate` measures its step.

    Args:
        path: what `scripts/lewm_weights.py` wrote.
        action: what one environment action is; frame_skip of them are a model step.
        frame_skip: environment steps in one model step.
    Raises:
        BadModelFile: another kind of file, or a tensor that is missing, left over, of another shape or not finite.
        BadInput: the weights are for actions of another width.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            told = (file.metadata() or {}).get("lewm")
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            recipe = _recipe(path, told, shapes, frame_skip)
            expected = _expected(path, recipe, action)
            _check(path, shapes, expected)
            tensors = {name: _read(path, name, file.get_tensor) for name in shapes}
    except (OSError, SafetensorError) as error:
        raise BadModelFile(f"{path.name} cannot be read as tensors ({str(error)[:120]}).") from error
    model = build(recipe, action)
    model.load_state_dict(_renamed(model.state_dict(), tensors), strict=True)
    model.set_statistics({"pixel_mean": 255 * torch.tensor(_MEAN), "pixel_std": 255 * torch.tensor(_STD)})
    return model.eval(), recipe


def _recipe(path: Path, told: str | None, shapes: Mapping[str, tuple[int, ...]], frame_skip: int) -> Recipe:
    """The paper's, with the sizes of this checkpoint."""
    try:
        config = parse_object(told or "{}")
        if config.get("format") != _FORMAT:
            raise BadInput("it was not written by scripts/lewm_weights.py")
        width, channels, patch, _ = shapes["encoder.embeddings.patch_embeddings.projection.weight"]
        heads, side = count(config.get("predictor_heads")), count(config.get("size"))
        encoder = ViTEncoderConfig(
            size=(side, side),
            channels=channels,
            patch=patch,
            width=width,
            depth=_layers("encoder.layers", shapes),
            heads=count(config.get("heads")),
            mlp_ratio=shapes["encoder.layers.0.mlp.fc1.weight"][0] // width,
            norm_eps=field(config, "norm_eps", float),
            latent=shapes["projector.net.3.weight"][0],
            head="batch_norm_mlp",
            head_hidden=shapes["projector.net.0.weight"][0],
        )
        squeeze, _, _ = shapes["action_encoder.patch_embed.weight"]
        predictor = WindowTransformerConfig(
            width=shapes["predictor.pos_embedding"][2],
            action_squeeze=squeeze,
            action_hidden=shapes["action_encoder.embed.0.weight"][0],
            depth=_layers("predictor.transformer.layers", shapes),
            heads=heads,
            head_width=shapes["predictor.transformer.layers.0.attn.to_out.0.weight"][1] // max(heads, 1),
            hidden=shapes["predictor.transformer.layers.0.mlp.net.1.weight"][0],
            window=shapes["predictor.pos_embedding"][1],
            head_hidden=shapes["pred_proj.net.0.weight"][0],
        )
        paper = lewm_paper()
        return replace(paper, name="lewm", frame_skip=frame_skip, encoder=encoder, predictor=predictor)
    except (BadInput, KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise BadModelFile(f"{path.name} holds no LeWM: {error}; write it with scripts/lewm_weights.py.") from error


def _layers(prefix: str, shapes: Mapping[str, Any]) -> int:
    return len({name.split(".")[prefix.count(".") + 1] for name in shapes if name.startswith(f"{prefix}.")})


def _expected(path: Path, recipe: Recipe, action: ActionSpec) -> dict[str, tuple[int, ...]]:
    """Shapes by the names of the file; built on the meta device, which allocates nothing."""
    try:
        with torch.device("meta"):
            ours = build(recipe, action).state_dict()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise BadModelFile(
            f"{path.name} asks for sizes no tensor can have ({str(error).splitlines()[0][:120]})."
        ) from error
    return {name: shape for source in sources(ours) for name, shape in source.shapes().items()}


def _check(path: Path, shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> None:
    odd = sorted(set(shapes) ^ set(expected))
    if odd:
        raise BadModelFile(
            f"{path.name} {'lacks' if odd[0] in expected else 'has besides'} the tensor {odd[0][:80]!r}; it is no LeWM."
        )
    for name, shape in shapes.items():
        if name == "action_encoder.patch_embed.weight" and shape[1] != expected[name][1]:
            raise BadInput(
                f"the weights are for {shape[1]} numbers a model step; this action and frame_skip make {expected[name][1]}."
            )
        if shape != expected[name]:
            raise BadModelFile(f"{path.name}: {name} is {shape} where the others ask for {expected[name]}.")


def _read(path: Path, name: str, get: Callable[[str], Tensor]) -> Tensor:
    tensor = get(name)
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise BadModelFile(f"{path.name} holds NaN or infinity in {name!r}; it cannot be used.")
    return tensor


def _renamed(ours: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {**ours, **{source.name: source.made(tensors) for source in sources(ours)}}

"""`gedanken info`: what a model file says about itself."""

from __future__ import annotations

from pathlib import Path

import tyro


def info(model: tyro.conf.Positional[Path], /) -> None:
    """Say what a model file holds, without loading its weights.

    Example: gedanken info runs/demo/model.safetensors

    Args:
        model: a model file, hf:owner/name, or `bundled` for the one in the package.
    """
    from gedanken import modelfile
    from gedanken.cli.console import console, table
    from gedanken.recipes import Recipe, bundled_model
    from gedanken.recipes.hub import located

    path = bundled_model() if str(model) == "bundled" else located(model)
    header = modelfile.read_header(path)
    size = sum(_count(shape) for _, shape in header.tensors.values())
    recipe = header.config.get("recipe")
    name = Recipe.from_dict(recipe).name if isinstance(recipe, dict) else "?"
    action = header.action
    facts = [
        ("recipe", name),
        ("numbers", f"{size:,} in {len(header.tensors)} tensors"),
        ("observation", ", ".join(f"{key} {spec.dtype} {spec.shape}" for key, spec in header.observation.items())),
        ("action", f"{action.width} numbers, {action.low} to {action.high} {action.unit}, norm {action.norm}"),
        ("model step", f"{header.frame_skip} environment steps, so A = {header.frame_skip * action.width}"),
        *((f"trained: {key}", str(value)) for key, value in header.lineage.items()),
        ("seed", str(header.seed)),
        ("library", header.library),
        ("SHA-256", header.content_hash),
    ]
    table(str(model), ("what", ""), facts, words=True)
    console.print("next: gedanken evaluate " + str(model))


def _count(shape: tuple[int, ...]) -> int:
    number = 1
    for side in shape:
        number *= side
    return number

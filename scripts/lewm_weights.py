"""A stable-worldmodel LeWM as plain tensors, which `gedanken.recipes.read_lewm` takes: run by a Python that has that package.

    .peers/bin/python scripts/lewm_weights.py NAME lewm.safetensors

NAME is what its `load_pretrained` takes: a `.pt` file, a folder or a repository's name. Such checkpoints are pickles, which
gedanken never reads; here its own package unpickles them, in its own environment. Only open what you trust.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from safetensors.torch import save_file

FORMAT = "stable-worldmodel LeWM"


def describe(model: Any) -> dict[str, Any]:
    """What the tensors' shapes do not tell."""
    encoder = model.encoder.config
    return {
        "format": FORMAT,
        "size": encoder.image_size,
        "heads": encoder.num_attention_heads,
        "norm_eps": encoder.layer_norm_eps,
        "predictor_heads": model.predictor.transformer.layers[0].attn.heads,
    }


def write(model: Any, path: str) -> None:
    """All weights and statistics of `model` under its own names, with `describe` beside them."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(tensors, path, {"lewm": json.dumps(describe(model))})


def main() -> None:
    """Read a checkpoint by the peer's own loader and write it."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    from stable_worldmodel.wm.utils import load_pretrained  # pyright: ignore[reportMissingImports]

    write(load_pretrained(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
    main()

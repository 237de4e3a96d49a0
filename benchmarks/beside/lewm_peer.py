"""The peer's LeWM with random weights, and what it answers: for comparisons, and for the small reference that tests keep.

    .peers/bin/python -m beside.lewm_peer ../tests/recipes/lewm     # in benchmarks/: writes that reference anew

It runs in the peer's environment. Every weight is drawn, gates, norms and batch statistics too: as it is made, AdaLN-zero lets
no layer through, and whatever a predictor did would look right.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from stable_worldmodel.wm.lewm.lewm import LeWM  # pyright: ignore[reportMissingImports]
from stable_worldmodel.wm.lewm.module import MLP, Embedder, Predictor  # pyright: ignore[reportMissingImports]
from transformers import ViTConfig, ViTModel  # pyright: ignore[reportMissingImports]

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import lewm_weights  # pyright: ignore[reportMissingImports]

FULL = {"width": 192, "layers": 12, "heads": 3, "depth": 6, "inner": 64, "mlp": 2048, "projected": 2048, "action": 10}
PATCH = {224: 14, 64: 8}
TINY = {"width": 6, "layers": 2, "heads": 3, "depth": 2, "inner": 3, "mlp": 8, "projected": 8, "action": 4}
_GAIN = 1.0
"""Deviation of a layer's outputs for inputs of deviation 1."""
_HEADS = {"full": 16, "tiny": 2}
_MEAN, _STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def made(sizes: dict[str, int], size: int, patch: int, heads: int, seed: int = 0) -> Any:
    """A model whose every weight matters, and whose latents are moved by pictures and by actions."""
    torch.manual_seed(seed)
    width = sizes["width"]
    vision = ViTConfig(
        hidden_size=width,
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=4 * width,
        image_size=size,
        patch_size=patch,
    )
    predictor = Predictor(
        num_frames=3,
        depth=sizes["depth"],
        heads=heads,
        mlp_dim=sizes["mlp"],
        input_dim=width,
        hidden_dim=width,
        output_dim=width,
        dim_head=sizes["inner"],
        dropout=0.1,
    )

    def projection() -> Any:
        return MLP(width, sizes["projected"], width, norm_fn=torch.nn.BatchNorm1d)

    encoder = ViTModel(vision, add_pooling_layer=False)
    model = LeWM(encoder, predictor, Embedder(sizes["action"], emb_dim=width), projection(), projection())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight") and parameter.dim() > 1:
                parameter.normal_(std=_GAIN * parameter[0].numel() ** -0.5)
            else:
                parameter.add_(0.2 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if "running" in name:
                buffer.add_(0.2 * torch.rand_like(buffer))
    return model.eval()


def full(size: int, seed: int = 0) -> Any:
    """LeWM at its own sizes, 18.0 M weights."""
    return made(FULL, size, PATCH[size], _HEADS["full"], seed)


def tiny(seed: int = 0) -> Any:
    """The same layers with a few thousand weights."""
    return made(TINY, 8, 4, _HEADS["tiny"], seed)


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels uint8 `[..., height, width, 3]` as its own transforms make them, `[..., 3, height, width]`."""
    return ((pixels.float() / 255 - _MEAN) / _STD).movedim(-1, -3)


@torch.no_grad()
def rolled(model: Any, pixels: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Latents `[B, N, H, D]` after each action of `[B, N, T-1+H, A]`, from the frames `[B, T, height, width, 3]`."""
    count, frames = actions.shape[1], pixels.shape[1]
    seen = normalised(pixels)[:, None].expand(-1, count, *[-1] * 4)
    return model.rollout({"pixels": seen}, actions)["predicted_emb"][:, :, frames:]


def main() -> None:
    """Write the tiny model's weights, and what it answers to drawn pictures and actions."""
    folder, model = Path(sys.argv[1]), tiny()
    folder.mkdir(parents=True, exist_ok=True)
    lewm_weights.write(model, str(folder / "weights.safetensors"))
    pixels = torch.randint(0, 256, (2, 3, 8, 8, 3), dtype=torch.uint8)
    actions = torch.randn(2, 3, 2 + 5, TINY["action"])
    # What was done before is the same for all candidates.
    actions[:, :, :2] = actions[:, :1, :2]
    with torch.no_grad():
        answers = {"pixels": pixels, "actions": actions, "latents": model.encode({"pixels": normalised(pixels)})["emb"]}
    for frames in (1, 2, 3):
        answers[f"rollout from {frames}"] = rolled(model, pixels[:, 3 - frames :], actions[:, :, 3 - frames :])
    save_file({name: tensor.contiguous() for name, tensor in answers.items()}, str(folder / "answers.safetensors"))


if __name__ == "__main__":
    main()

"""Pictures in, and what is imagined out: for a person who wants to try one thought experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Generator, Tensor

from gedanken.environments import make_world
from gedanken.errors import BadInput
from gedanken.recipes.saved import Loaded
from gedanken.types import Context, Observation, State, StreamSpec

_BANK = 4096
"""Frames drawn to find what an imagined latent looks like: the nearest is about a pixel away in two-rooms-v1."""
_ENLARGED = 3


def picture(path: Path, observation: Mapping[str, StreamSpec]) -> Observation:
    """A picture as one observation of the model: `pixels` uint8 `[1, height, width, 3]`, resized where it must be.

    Raises:
        BadInput: the file is not a picture.
    """
    height, width, _ = observation["pixels"].shape
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB").resize((width, height), Image.Resampling.BOX))
    except (OSError, UnidentifiedImageError) as error:
        raise BadInput(f"{path} is not a picture that can be read ({error}); give a PNG or JPEG.") from error
    return {"pixels": torch.from_numpy(pixels)[None]}


def drawn_task(loaded: Loaded, seed: int) -> tuple[Observation, Observation]:
    """Start and goal pictures of one task of the world the model was trained in."""
    world, start, goal = _task(loaded, seed)
    return world.observe(start), world.observe(goal)


@torch.no_grad()
def imagined_strip(loaded: Loaded, action: Sequence[float], steps: int, start: Path | None, seed: int) -> Image.Image:
    """The start and `steps` imagined frames side by side; below, where the world is ours, what really happens.

    An imagined latent is shown as the nearest of some thousand frames of the world: a JEPA draws no pixels.

    Raises:
        BadInput: the action has another width than the model's, or `steps` is below 1.
    """
    model = loaded.model
    if len(action) != model.action.width or steps < 1:
        raise BadInput(
            f"an action has {model.action.width} numbers and steps is at least 1; got {tuple(action)}, {steps}."
        )
    world, state, _ = _task(loaded, seed)
    seen = world.observe(state) if start is None else picture(start, loaded.observation)
    latents = model.encode({"pixels": seen["pixels"][:, None]})
    width = model.frame_skip * model.action.width
    actions = torch.tensor(action).repeat(model.frame_skip).expand(1, 1, steps, width)
    rollout = model.rollout(Context(latents, torch.zeros(1, 0, width)), actions)
    bank = world.observe(world.sample(_BANK, Generator().manual_seed(seed)))["pixels"]
    rows = [torch.cat([seen["pixels"], _nearest(model.encode({"pixels": bank[:, None]}), rollout.latents[0, 0], bank)])]
    if start is None:
        rows.append(_happened(world, state, torch.tensor(action), steps, model.frame_skip))
    return _strip(torch.stack(rows))


def _task(loaded: Loaded, seed: int):
    source = loaded.lineage.get("data", "")
    try:
        world = make_world(str(source))
    except BadInput as error:
        raise BadInput(
            f"the model was trained on {source or 'data it does not name'}, which is no world we ship; give pictures."
        ) from error
    start, goal = world.pairs(1, Generator().manual_seed(seed))
    return world, start, goal


def _nearest(bank: Tensor, latents: Tensor, frames: Tensor) -> Tensor:
    return frames[torch.cdist(latents.flatten(1), bank.flatten(1)).argmin(dim=1)]


def _happened(world, state: State, action: Tensor, steps: int, frame_skip: int) -> Tensor:
    frames = [world.observe(state)["pixels"]]
    for _ in range(steps):
        for _ in range(frame_skip):
            state = world.step(state, action[None])
        frames.append(world.observe(state)["pixels"])
    return torch.cat(frames)


def _strip(rows: Tensor) -> Image.Image:
    """Frames `[rows, columns, height, width, 3]` as one picture, enlarged, with a gap between."""
    gapped = torch.nn.functional.pad(rows, (0, 0, 0, 2, 0, 2), value=255)
    whole = gapped.permute(0, 2, 1, 3, 4).flatten(0, 1).flatten(1, 2).numpy()
    image = Image.fromarray(whole)
    return image.resize((image.width * _ENLARGED, image.height * _ENLARGED), Image.Resampling.NEAREST)

"""Make the README's picture from the bundled model: `python scripts/make_pictures.py`.

The upper row is the first plan as it was imagined, before anything was done; the lower row is what then happened.
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Generator, Tensor

from gedanken.environments import make_world
from gedanken.evaluation.decoder import FrameBank, nearest_frames
from gedanken.recipes import bundled_model, load

TARGET = Path(__file__).parent.parent / "docs" / "pictures" / "two-rooms.png"
SEED, MOMENTS, SCALE, GAP, CAPTION = 4, 8, 2, 8, 26


def main() -> None:
    loaded, world, generator = load(bundled_model()), make_world("two-rooms-v1"), Generator().manual_seed(SEED)
    now, goal = world.pairs(1, generator)
    agent = loaded.agent()
    agent.begin(world.observe(goal))
    frames = world.observe(world.sample(6000, generator))["pixels"]
    bank = FrameBank(loaded.model.encode({"pixels": frames[:, None]})[:, 0].detach(), frames)
    decision = agent.act(world.observe(now))
    imagined = nearest_frames(agent.imagine(decision.plan.actions), bank)[0]
    happened = [world.observe(now)["pixels"]]
    for _ in range(2 * MOMENTS):
        for action in decision.steps():
            now = world.step(now, action)
        happened.append(world.observe(now)["pixels"])
        decision = agent.act(world.observe(now))
    aim = world.observe(goal)["pixels"]
    rows = [
        torch.cat([happened[0], imagined[1 : 2 * MOMENTS : 2], aim]),
        torch.cat([*happened[: 2 * MOMENTS + 1 : 2], aim]),
    ]
    TARGET.parent.mkdir(exist_ok=True)
    drawn(rows).save(TARGET, optimize=True)
    print(f"{TARGET.name}: {'at the goal' if bool(world.reached(now, goal)) else 'not at the goal'}")


def drawn(rows: list[Tensor]) -> Image.Image:
    """Two rows of frames `[F, 64, 64, 3]` with captions; the last frame of each is the goal."""
    side = 64 * SCALE
    count = len(rows[0])
    image = Image.new("RGB", (count * (side + GAP) + 3 * GAP, 2 * (side + GAP + CAPTION)), "white")
    pen = ImageDraw.Draw(image)
    for number, (row, caption) in enumerate(zip(rows, ("imagined, before it moved", "what happened"), strict=True)):
        top = number * (side + GAP + CAPTION)
        pen.text((GAP, top + 6), caption, fill=(40, 40, 40), font_size=15)
        pen.text((count * (side + GAP) - side, top + 6), "the goal it was shown", fill=(40, 40, 40), font_size=15)
        for column, frame in enumerate(row):
            left = GAP + column * (side + GAP) + (2 * GAP if column == count - 1 else 0)
            image.paste(
                Image.fromarray(frame.numpy()).resize((side, side), Image.Resampling.NEAREST), (left, top + CAPTION)
            )
    return image


if __name__ == "__main__":
    main()

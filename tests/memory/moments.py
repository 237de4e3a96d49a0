"""Moments with a known answer, for the tests of the episodic memory."""

import numpy as np
import torch

from gedanken.types import Moment

ENCODER, OTHER = "a" * 64, "b" * 64


def latents(count: int, patches: int = 1, width: int = 16, seed: int = 0) -> torch.Tensor:
    """`[count, P, D]`, as float16 keeps them."""
    return torch.randn(count, patches, width, generator=torch.Generator().manual_seed(seed)).half().float()


def moments(
    count: int, episode: str = "walk", seed: int = 0, since: float = 1000.0, pictures: bool = False
) -> list[Moment]:
    """One a second, each with an action and a surprise of its own."""
    values = latents(count, seed=seed)
    return [
        Moment(
            latent=values[k],
            episode=episode,
            time=since + k,
            action=torch.tensor([float(k), seed]),
            pixels=picture(1000 * seed + k) if pictures else None,
            surprise=k / 10,
        )
        for k in range(count)
    ]


def picture(number: int) -> torch.Tensor:
    """A picture `[64, 64, 3]` of few colours that says its number."""
    cells = torch.tensor([number >> bit & 1 for bit in range(16)]).reshape(4, 4)
    return (
        (60 + 120 * cells[..., None].expand(4, 4, 3)).repeat_interleave(16, 0).repeat_interleave(16, 1).to(torch.uint8)
    )


def brute_force(keys: torch.Tensor, query: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the least squared distance, mean over P and D, newest first among equals; written without looking at ours."""
    apart = keys.double().numpy() - query.half().double().numpy()
    distances = (apart**2).mean(axis=(1, 2))
    order = sorted(range(len(keys)), key=lambda row: (distances[row], -row))[:count]
    return np.array(order), distances[order].astype(np.float32)

"""How long a memory takes to recall, and how many bytes an hour of it takes.

Latents are those of the bundled model for rendered pictures of two-rooms, each of a state drawn anew; pictures with the
noise of a camera are the 1000 of the donkey track. Times are of one core, warm, for one query and ten memories.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from claims.ledger import ROOT
from gedanken import load, make_world
from gedanken.data.formats import open_episodes
from gedanken.encoders import fingerprint
from gedanken.memory import EpisodicMemory
from gedanken.recipes import bundled_model
from gedanken.types import Moment

HOUR = 36_000
"""Moments in an hour at 10 Hz."""

_BATCH = 1000
_TRACK = ROOT / "examples" / "data" / "donkey_track" / "donkey_track.parquet"


def rooms(count: int, seed: int, pictures: bool = True) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Latents `[n, 1, 128]` and pictures `[n, 64, 64, 3]` of drawn states in drawn colours, in batches."""
    world, model = make_world("two-rooms-v1", wall="random"), load(bundled_model()).model
    generator = Generator().manual_seed(seed)
    for start in range(0, count, _BATCH):
        state = world.sample(min(_BATCH, count - start), generator)
        pixels = world.observe({**state, **world.factors("train", len(state["position"]), generator)})["pixels"]
        with torch.no_grad():
            yield model.encode({"pixels": pixels[:, None]})[:, 0], pixels if pictures else None


def track() -> tuple[Tensor, Tensor | None]:
    """The same of a real drive."""
    frames = next(stream for stream in open_episodes(_TRACK)[0].streams.values() if len(stream.shape) == 4)
    small = [np.asarray(Image.fromarray(frames[k]).resize((64, 64), Image.Resampling.BOX)) for k in range(len(frames))]
    pixels = torch.from_numpy(np.stack(small))
    with torch.no_grad():
        return load(bundled_model()).model.encode({"pixels": pixels[:, None]})[:, 0], pixels


def like_rooms(count: int) -> Iterator[tuple[Tensor, None]]:
    """Latents near those of 4000 pictures, without pictures: as many as are asked for in little time."""
    seen = torch.cat([latents for latents, _ in rooms(min(4000, count), seed=1)])
    generator, spread = Generator().manual_seed(2), 0.1 * seen.std(dim=0)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        rows = torch.randint(len(seen), (size,), generator=generator)
        yield seen[rows] + spread * torch.randn((size, *seen.shape[1:]), generator=generator), None


def written(path: Path, batches: Iterator[tuple[Tensor, Tensor | None]]) -> dict[str, float]:
    """Write all batches; bytes of the closed file and core-seconds, both for each moment."""
    count, seconds, still = 0, 0.0, torch.zeros(8)
    encoder = fingerprint(load(bundled_model()).model.encoder)
    with EpisodicMemory.open(path, encoder, run="claim") as memory:
        for latents, pixels in batches:
            moments = [
                Moment(latent, "drawn", (count + k) / 10, still, None if pixels is None else pixels[k], 0.5)
                for k, latent in enumerate(latents)
            ]
            began = time.process_time()
            memory.write(moments)
            seconds += time.process_time() - began
            count += len(moments)
    return {"moments": count, "bytes": path.stat().st_size / count, "write_ms": 1000 * seconds / count}


def recalled(path: Path, queries: Tensor, checked: int) -> dict[str, Any]:
    """Core and wall milliseconds of each query, and the share of the first `checked` found as comparing all finds them."""
    torch.set_num_threads(1)
    encoder, core, wall = fingerprint(load(bundled_model()).model.encoder), [], []
    with EpisodicMemory.reader(path, encoder) as memory:
        began = time.process_time()
        for query in queries[:20]:
            memory.nearest(query[None])
        waking = time.process_time() - began
        for query in queries:
            began = time.thread_time(), time.perf_counter()
            memory.nearest(query[None])
            core.append(1000 * (time.thread_time() - began[0]))
            wall.append(1000 * (time.perf_counter() - began[1]))
        equal = exactly(memory, queries[:checked])
    return {
        "core_ms": quantiles(core),
        "wall_ms": quantiles(wall),
        "exact": equal,
        "waking_s": waking,
        "queries": len(queries),
    }


def exactly(memory: EpisodicMemory, queries: Tensor) -> float:
    """Share of queries whose ten memories are those that a full comparison in float64 finds."""
    (ids, keys), same = memory.keys(), 0
    for query in queries:
        exact, apart = query.flatten().numpy().astype(np.float16).astype(np.float64), []
        for start in range(0, len(keys), 20_000):
            apart.append(((keys[start : start + 20_000].astype(np.float64) - exact) ** 2).mean(axis=1))
        order = np.lexsort((-ids, np.concatenate(apart)))[:10]
        same += memory.nearest(query[None]).ids[0].tolist() == ids[order].tolist()
    return same / len(queries)


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 5 % and 95 %."""
    return {name: float(np.quantile(values, share)) for name, share in (("p5", 0.05), ("median", 0.5), ("p95", 0.95))}


def queries(count: int) -> Tensor:
    """Latents `[count, 1, 128]` of pictures that are in no memory."""
    return torch.cat([latents for latents, _ in rooms(count, seed=77)])


def measured(batches: Iterator[tuple[Tensor, Tensor | None]], asked: int, checked: int) -> dict[str, Any]:
    """Write a memory, recall from it, and throw it away."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "recall.db"
        size = written(path, batches)
        return {**size, **(recalled(path, queries(asked), checked) if asked else {})}

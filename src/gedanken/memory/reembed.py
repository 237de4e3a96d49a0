"""A memory for another encoder: every latent made again from its thumbnail, all or none."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor

from gedanken.errors import BadInput
from gedanken.memory.episodic import EpisodicMemory
from gedanken.memory.facts import write_facts
from gedanken.memory.forgetting import delete_landmarks
from gedanken.memory.rows import check_moment, moment_row
from gedanken.types import Moment, Observation


def reembedded(
    path: str | os.PathLike[str], encode: Callable[[Observation], Tensor], fingerprint: str, *, batch: int = 64
) -> int:
    """Give the memory at `path` the latents of another encoder; how many there are.

    A thumbnail of few colours is the very picture that was seen; any other lost a little (docs/memory.md), and so its
    latent is near to the one that the whole picture would have had, and not the same.

    Args:
        path: a memory that nobody else writes to.
        encode: streams `[B, T, ...]` → latents `[B, T, P, D]`, such as a model's `encode`; it is given pixels alone.
        fingerprint: of that encoder.
        batch: thumbnails encoded at once.
    Raises:
        BadInput: a moment has no thumbnail; nothing was changed.
        BadMemoryFile, StorageError: as for `EpisodicMemory.open`.
    """
    with EpisodicMemory.open(path) as memory, memory.database.transaction() as connection:
        rows = connection.execute("SELECT id, episode FROM moments ORDER BY id").fetchall()
        blind = connection.execute(
            "SELECT count(*) FROM moments WHERE id NOT IN (SELECT moment FROM thumbnails)"
        ).fetchone()
        if blind[0]:
            raise BadInput(
                f"{blind[0]} of {len(rows)} moments in {memory.path.name} have no thumbnail to embed again; forget them first, "
                "or begin a new memory."
            )
        episodes, shape = dict(rows), None
        for start in range(0, len(rows), batch):
            some = memory.read([row[0] for row in rows[start : start + batch]])
            latents = _encoded(encode, [each.moment for each in some])
            for each, latent in zip(some, latents, strict=True):
                moment = Moment(
                    latent, each.moment.episode, each.moment.time, each.moment.action, None, each.moment.surprise
                )
                check_moment(moment, shape)
                shape = (int(latent.shape[0]), int(latent.shape[1]))
                row = moment_row(each.id, episodes[each.id], moment)
                connection.execute(
                    "UPDATE moments SET latent = ?, checksum = ? WHERE id = ?", (row[4], row[6], each.id)
                )
        delete_landmarks(connection)  # what they were chosen by is another space now
        generation = memory.facts().generation + 1
        patches, width = shape or (None, None)
        write_facts(connection, fingerprint=fingerprint, patches=patches, width=width, generation=generation, unclean=1)
    with EpisodicMemory.open(path):  # the old latents' bytes go
        return len(rows)


def _encoded(encode: Callable[[Observation], Tensor], moments: list[Moment]) -> Tensor:
    pixels = [moment.pixels for moment in moments if moment.pixels is not None]
    if len({tuple(each.shape) for each in pixels}) > 1:
        raise BadInput("thumbnails of different sizes cannot be encoded together; begin a new memory for each camera.")
    with torch.no_grad():
        return encode({"pixels": torch.stack(pixels)[:, None]})[:, 0]

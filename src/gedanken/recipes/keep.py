"""Latents encoded once and kept, for what is trained after the encoder.

The encoder is most of the work of a training step and soon sees enough; what comes after it learns longer and from more.
A kept latent takes a twentieth of a frame's memory, and a step on kept latents a fifth of the time (docs/decisions/0008).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import process_time

import torch
from torch import Tensor, nn

from gedanken.contracts import WorldModel
from gedanken.data.kept import LATENTS, KeptLatents
from gedanken.data.windows import stretches
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.types import Episode, Observation

_ENCODED_AT_ONCE = 256


def keep(
    model: JEPA, episodes: Iterable[Episode], length: int, streams: Sequence[str] = ("pixels",)
) -> tuple[KeptLatents, float]:
    """Every stretch's latents on the model's clock, and the core-seconds that encoding them took, drawing left out.

    Args:
        model: whose encoder sees each frame once, on its own device.
        episodes: read once and not kept.
        length: T, latents in a window.
        streams: what the encoder reads.
    Raises:
        BadInput: no stretch is as long as a window, or an episode has other streams or actions than the model.
    """
    latents, actions, spent = encoded(model, episodes, streams)
    return KeptLatents(latents, actions, length), spent


@torch.no_grad()
def encoded(
    model: JEPA, episodes: Iterable[Episode], streams: Sequence[str] = ("pixels",)
) -> tuple[list[Tensor], list[Tensor], float]:
    """Of each stretch the latents `[L, P, D]`, and the actions `[L-1, A]` between them; the core-seconds as for `keep`.

    Raises:
        BadInput: an episode has other streams or actions than the model.
    """
    model.eval()
    latents, actions, counts = _Pile(), _Pile(), list[int]()
    waiting: list[tuple[Mapping[str, Tensor], Tensor]] = []
    spent = 0.0

    def encode() -> None:
        nonlocal spent
        begun = process_time()
        # Each frame is a row of its own, so that no encoder sees one episode beside another.
        device = model.action_mean.device
        frames = {name: torch.cat([each[name] for each, _ in waiting])[:, None].to(device) for name in streams}
        latents.add(model.encode(frames)[:, 0].cpu())
        actions.add(torch.cat([done for _, done in waiting]))
        counts.extend(len(done) for _, done in waiting)
        waiting.clear()
        spent += process_time() - begun

    for frames, done in on_model_clock(model, episodes, streams):
        waiting.append((frames, done))
        if sum(len(done) + 1 for _, done in waiting) >= _ENCODED_AT_ONCE:
            encode()
    if waiting:
        encode()
    seen = latents.rows().split([count + 1 for count in counts]) if counts else ()
    done = actions.rows().split(counts) if counts else ()
    return list(seen), list(done), spent


def on_model_clock(
    model: WorldModel, episodes: Iterable[Episode], streams: Sequence[str]
) -> Iterator[tuple[Mapping[str, Tensor], Tensor]]:
    """Each stretch as frames `[L, ...]` of each stream, one a model step, and the actions `[L-1, A]` between them."""
    skip = model.frame_skip
    for number, episode in enumerate(episodes):
        if not set(streams) <= set(episode.streams) or episode.action.width != model.action.width:
            raise BadInput(
                f"episode {number} has the streams {sorted(episode.streams)} and actions of width {episode.action.width}; the "
                f"model was trained on {', '.join(map(repr, streams))} and width {model.action.width}."
            )
        for start, stop in stretches(episode):
            steps = (stop - start - 1) // skip
            rows = slice(start, start + steps * skip + 1, skip)
            frames = {name: torch.from_numpy(episode.streams[name][rows].copy()) for name in streams}
            done = torch.from_numpy(episode.actions[start : start + steps * skip].copy())
            yield frames, done.reshape(steps, skip * model.action.width).float()


class _Pile:
    """Rows of float32 one after the other, in one piece of memory that grows.

    Many small pieces, left among frames that are freed, would keep thirty times their own memory from being used again.
    """

    def __init__(self) -> None:
        self._bytes, self._shape = bytearray(), torch.Size()

    def add(self, rows: Tensor) -> None:
        self._bytes += rows.float().contiguous().numpy().data.cast("B")
        self._shape = rows.shape[1:]

    def rows(self) -> Tensor:
        return torch.frombuffer(self._bytes, dtype=torch.float32).view(-1, *self._shape)


def on_kept_latents(model: JEPA) -> JEPA:
    """`model` as one that is shown latents instead of frames; the two share a predictor."""
    alone = JEPA(_Kept(), model.predictor, model.action, model.frame_skip).to(model.action_mean.device)
    alone.set_statistics({name: getattr(model, name) for name in ("action_mean", "action_std")})
    return alone


class _Kept(nn.Module):
    """An encoder of what is encoded already."""

    def encode(self, observation: Observation) -> Tensor:
        return observation[LATENTS]

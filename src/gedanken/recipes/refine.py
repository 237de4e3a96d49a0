"""The predictor goes on alone, on latents that were encoded once and kept.

The encoder is most of the work of a training step and soon sees enough; how things meet takes the predictor far longer to
learn, and from many places rather than many pictures of one. A kept latent takes a twentieth of a frame's memory, and a step
on kept latents a fifth of the time (docs/decisions/0008). Latents vary much in few directions and little in many; seen along
their principal components, each with unit variance, the predictor learns faster, and afterwards nothing is left of the change
of coordinates but another first layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from time import process_time

import torch
from torch import Generator, Tensor, nn

from gedanken.contracts import WorldModel
from gedanken.data.kept import LATENTS, KeptLatents
from gedanken.data.windows import stretches
from gedanken.energies.losses import open_loop_errors
from gedanken.errors import BadInput
from gedanken.models import JEPA
from gedanken.recipes.whitened import whitened
from gedanken.training import RunFolder, TrainConfig, train
from gedanken.training.loop import Trained, Watcher, pick_device
from gedanken.types import Episode, Observation, Windows

_ENCODED_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class RefineConfig:
    """How the predictor is trained further while the encoder stays as it is.

    Args:
        window: T, latents in a window.
        ahead: steps predicted in open loop from the first latents of a window.
        starts: latents of a window to predict from, its first ones.
        components: leading principal components of the latents that the predictor sees, whitened; 0 shows it the latents as
            they are. Needs a predictor whose first layer `from_latent` is linear.
        train: how long and how hard.
    """

    window: int = 7
    ahead: int = 6
    starts: int = 1
    components: int = 0
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=10_000, batch=192, learning_rate=4e-3, beta2=0.95, log_every=100)
    )

    def __post_init__(self) -> None:
        if not 1 <= self.ahead < self.window or not 1 <= self.starts <= self.window - self.ahead:
            raise BadInput(
                f"a window of {self.window} latents does not hold ahead={self.ahead} steps from starts={self.starts} "
                "latents each; make it at least ahead + starts."
            )
        if self.components < 0:
            raise BadInput(f"components={self.components} must be at least 1, or 0 for latents as they are.")


def refine(
    model: JEPA,
    episodes: Iterable[Episode],
    config: RefineConfig,
    run: RunFolder | None = None,
    watch: Watcher = lambda progress: None,
    identity: Mapping[str, object] | None = None,
    streams: Sequence[str] = ("pixels",),
) -> Trained:
    """Train `model`'s predictor in place; the encoder and all statistics stay.

    Args:
        model: on the CPU, its statistics set.
        episodes: what the encoder is shown once; more layouts and encounters than it was trained on do most good.
        config: windows, and how long and how hard.
        run: a folder of its own, apart from that of the training before; an unfinished run found there is resumed.
        watch: told of every logged step.
        identity: what else makes this run itself, plain JSON.
        streams: what the encoder reads.
    Returns:
        how it ended; encoding counts among its core-seconds, and what drawing the episodes costs does not.
    Raises:
        BadInput: the episodes are too short, or the predictor's first layer cannot be whitened.
        TrainingStopped, BadRunFolder: see `gedanken.training.train`.
    """
    device = pick_device(config.train.device)
    model.to(device)
    kept, spent = _encoded(model, episodes, config.window, streams)
    alone = JEPA(_Kept(), model.predictor, model.action, model.frame_skip).to(device)
    alone.set_statistics({name: getattr(model, name) for name in ("action_mean", "action_std")})
    told = {"refine": asdict(config), "latents": kept.fingerprint(), **(identity or {})}
    with whitened(model.predictor, kept.latents, config.components):
        trained = train(alone, _Ahead(config), kept, config.train, run, watch, told)
    model.eval().cpu()
    return replace(trained, core_seconds=trained.core_seconds + spent)


class _Kept(nn.Module):
    """An encoder of what is encoded already."""

    def encode(self, observation: Observation) -> Tensor:
        return observation[LATENTS]


class _Ahead(nn.Module):
    """Nothing but the error of the latents predicted."""

    def __init__(self, config: RefineConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, model: JEPA, windows: Windows, generator: Generator) -> Mapping[str, Tensor]:
        latents = model.encode(windows.observations)
        predicted = model.open_loop(latents, windows.actions, self.config.ahead, self.config.starts)
        return {"prediction": open_loop_errors(predicted, latents).mean()}


@torch.no_grad()
def _encoded(
    model: JEPA, episodes: Iterable[Episode], length: int, streams: Sequence[str]
) -> tuple[KeptLatents, float]:
    """Every stretch's latents on the model's clock, and the core-seconds that encoding them took."""
    model.eval()
    latents: list[Tensor] = []
    actions: list[Tensor] = []
    waiting: list[Mapping[str, Tensor]] = []
    spent = 0.0

    def encode() -> None:
        nonlocal spent
        begun = process_time()
        # Each frame is a row of its own, so that no encoder sees one episode beside another.
        device = model.action_mean.device
        frames = {name: torch.cat([each[name] for each in waiting])[:, None].to(device) for name in streams}
        latents.extend(model.encode(frames)[:, 0].cpu().split([len(each[streams[0]]) for each in waiting]))
        waiting.clear()
        spent += process_time() - begun

    for frames, done in _on_model_clock(model, episodes, streams):
        waiting.append(frames)
        actions.append(done)
        if sum(len(each[streams[0]]) for each in waiting) >= _ENCODED_AT_ONCE:
            encode()
    if waiting:
        encode()
    return KeptLatents(latents, actions, length), spent


def _on_model_clock(
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

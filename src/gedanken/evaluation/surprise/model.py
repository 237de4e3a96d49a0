"""How surprised a world model is: its prediction error of the next latent, whitened on possible clips, per frame and place.

s_t = mean over places and numbers of (ẑ_t − z_t)² / σ², where σ² is the mean squared error of that place and number at that
frame in possible clips: what is hard to predict in any clip surprises nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from gedanken.errors import BadInput
from gedanken.evaluation.surprise.clips import Clips, Scorer
from gedanken.models import JEPA
from gedanken.types import Episode

_FLOOR = 0.05  # share of the mean variance below which no number's variance is taken for true

_AT_ONCE = 16


class ModelSurprise:
    """A model's surprise; call it with clips, or ask `places` for a heat map.

    Args:
        model: a JEPA that has learned from possible clips.
        variance: `[K, P, D]` mean squared error of each step's prediction in possible clips; see `whitened_on`.
    """

    def __init__(self, model: JEPA, variance: Float[Tensor, "K P D"]) -> None:
        self.model, self.variance = model, variance

    @classmethod
    def whitened_on(cls, model: JEPA, episodes: Iterable[Episode]) -> ModelSurprise:
        """The surprise of a model, whitened on possible clips of one length.

        Raises:
            BadInput: no clips, or clips of several lengths, or shorter than two model steps.
        """
        total, count = torch.zeros(()), 0
        for episode in episodes:
            errors = squared_errors(model, clips_of([episode]))[0]
            if count and errors.shape != total.shape:
                raise BadInput(f"clips to whiten on must be of one length; got {len(total)} and {len(errors)} steps.")
            total, count = total + errors, count + 1
        if not count:
            raise BadInput("there are no possible clips to whiten on; give at least one, a hundred are usual.")
        mean = total / count
        return cls(model, mean.clamp(min=_FLOOR * float(mean.mean())))

    @classmethod
    def of(cls, model: JEPA) -> ModelSurprise:
        """The surprise of a model that was told what errors are usual, by which its file whitens them.

        Raises:
            BadInput: it was never told.
        """
        if model.usual is None:
            raise BadInput("this model does not know what errors are usual; give possible clips to whiten on.")
        return cls(model, model.usual.variance)

    def places(self, clips: Clips) -> Float[Tensor, "C K P"]:
        """Surprise of each model step at each place of the latent's grid; about 1 on average in possible clips.

        Raises:
            BadInput: the clips have another length than those it was whitened on.
        """
        errors = squared_errors(self.model, clips)
        if errors.shape[1:] != self.variance.shape:
            raise BadInput(
                f"these clips have {errors.shape[1]} model steps and it was whitened on {len(self.variance)}; cut them to "
                "one length."
            )
        return (errors / self.variance).mean(-1)

    def __call__(self, clips: Clips) -> Float[Tensor, "C L"]:
        """Surprise of each frame; frames within a model step, and the first, surprise nobody."""
        skip, curve = self.model.frame_skip, torch.zeros(clips.frames.shape[:2])
        found = self.places(clips).mean(-1)
        curve[:, skip : skip * found.shape[1] + 1 : skip] = found
        return curve


@torch.no_grad()
def squared_errors(model: JEPA, clips: Clips) -> Float[Tensor, "C K P D"]:
    """Squared error of each next latent, predicted from all frames before it: K model steps.

    Raises:
        BadInput: the clips are shorter than a model step, or their actions are not the model's.
    """
    skip, width = model.frame_skip, clips.actions.shape[-1]
    steps = clips.actions.shape[1] // skip
    if width != model.action.width or steps < 1:
        raise BadInput(
            f"clips of {clips.actions.shape[1]} actions of width {width} do not fit this model, which asks for width "
            f"{model.action.width} and at least {skip} actions."
        )
    frames = clips.frames[:, : steps * skip + 1 : skip]
    actions = clips.actions[:, : steps * skip].reshape(len(frames), steps, skip * width)
    return model.errors(model.encode({"pixels": frames}), actions)


def whole_of(scorer: Scorer, episodes: Iterable[Episode]) -> Float[Tensor, " C"]:
    """The surprise of whole recordings of one length, a few at a time."""
    found, waiting = list[Tensor](), list[Episode]()
    for episode in episodes:
        waiting.append(episode)
        if len(waiting) == _AT_ONCE:
            found.append(scorer.whole(scorer.curves(clips_of(waiting))))
            waiting.clear()
    if waiting:
        found.append(scorer.whole(scorer.curves(clips_of(waiting))))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def clips_of(episodes: Iterable[Episode]) -> Clips:
    """Episodes of one length as clips nobody knows the true state of."""
    kept = list(episodes)
    if len({len(episode) for episode in kept}) != 1:
        raise BadInput(f"clips must be of one length; got {sorted({len(episode) for episode in kept})} frames.")
    frames = torch.stack([torch.from_numpy(episode.streams["pixels"][:]) for episode in kept])
    return Clips(frames, torch.stack([torch.from_numpy(episode.actions).float() for episode in kept]), {})

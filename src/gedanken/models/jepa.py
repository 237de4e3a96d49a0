"""A joint-embedding predictive world model: an encoder, and a predictor that never leaves latent space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gedanken.contracts import Encoder
from gedanken.errors import BadInput, ShapeError
from gedanken.models.engine import RolloutType, engine_of
from gedanken.models.error_head import ErrorHead
from gedanken.models.predictor import CarryingPredictor, LatentState, Predictor, RecallingPredictor
from gedanken.models.reachability import ReachHead
from gedanken.models.slow_clock import SlowClock
from gedanken.models.usual import Usual, surprised
from gedanken.types import ActionSpec, Context, Observation, Recollection, Rollout, Surprised


class JEPA(nn.Module):
    """Encoder and predictor, with the statistics that turn an environment's units into theirs.

    Args:
        encoder: a module that keeps the `Encoder` contract.
        predictor: a module that keeps the `Predictor` contract, one model step in latent space.
        action: what one environment action is.
        frame_skip: environment steps in one model step, so A = frame_skip × action.width.
        error_head: says what error to expect of a step (`error_head.py`); None where that was not learned.
        reach_head: says how many steps two latents lie apart (`reachability.py`); likewise.
        slow_clock: predicts many steps at once (`slow_clock.py`); likewise.
        usual: what errors are usual where nothing unusual happens (`usual.py`); likewise.

    `rollout_type` is that of an engine's products (`models/engine/`): "float32" keeps rollouts exact on any chip.
    """

    action_mean: Tensor
    action_std: Tensor
    step_change: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        predictor: nn.Module,
        action: ActionSpec,
        frame_skip: int,
        error_head: ErrorHead | None = None,
        reach_head: ReachHead | None = None,
        slow_clock: SlowClock | None = None,
        usual: Usual | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise BadInput(f"{type(encoder).__name__} has no `encode`; see gedanken.contracts.Encoder.")
        if not isinstance(predictor, Predictor):
            raise BadInput(
                f"{type(predictor).__name__} has not all of `past`, `condition`, `starts` and `step`; see "
                "gedanken.models.Predictor."
            )
        self.encoder = encoder
        self.predictor = predictor
        self.action = action
        self.frame_skip = frame_skip
        self.error_head = error_head
        self.reach_head = reach_head
        self.slow_clock = slow_clock
        self.usual = usual
        self.rollout_type: RolloutType = "auto"
        self.register_buffer("action_mean", torch.zeros(frame_skip * action.width))
        self.register_buffer("action_std", torch.ones(frame_skip * action.width))
        # Median squared latent change of one model step in the training data: the unit of every threshold in planning.
        self.register_buffer("step_change", torch.zeros(()))

    def set_statistics(self, statistics: Mapping[str, Tensor]) -> None:
        """Fix the normaliser: `pixel_mean`, `pixel_std`, `action_mean`, `action_std`, fitted on the training split only.

        Raises:
            ShapeError: if one of them has another length than the model's buffer of that name.
        """
        buffers = {name.rpartition(".")[2]: buffer for name, buffer in self.named_buffers()}
        for name, value in statistics.items():
            if name not in buffers or buffers[name].shape != value.shape:
                expected = tuple(buffers[name].shape) if name in buffers else f"one of {sorted(buffers)}"
                raise ShapeError(f"statistic {name!r} has shape {tuple(value.shape)}; the model expects {expected}.")
            buffers[name].copy_(value)

    def normalised(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows A"]:
        """Actions in the environment's units → z-scores."""
        return (actions - self.action_mean) / self.action_std

    def encode(self, observations: Observation) -> Float[Tensor, "B T P D"]:
        """Streams `[B, T, ...]` → latents `[B, T, P, D]`."""
        return self.encoder.encode(observations)  # pyright: ignore[reportCallIssue]

    @property
    def past(self) -> int:
        """T, latents of a context worth keeping for a rollout; a shorter context works, as at the start of an episode."""
        return self.predictor.past

    def rollout(self, context: Context, actions: Float[Tensor, "B N H A"]) -> Rollout:
        """Latents predicted for candidate actions in the environment's own units, one latent an action.

        The context is read once, however many candidates there are. Where no gradients are wanted and the predictor has an
        engine (`models/engine/`), that computes them: the same latents, to 1e-5.

        Raises:
            ShapeError: if the actions' width is not frame_skip × the environment's, or batches differ, or the context has
                not one action less than latents.
        """
        batch, candidates, horizon, width = actions.shape
        if width != self.action_mean.numel() or batch != context.latents.shape[0]:
            raise ShapeError(
                f"actions are {tuple(actions.shape)}; expected [B={context.latents.shape[0]}, N, H, "
                f"A={self.action_mean.numel()}] (A = frame_skip {self.frame_skip} × width {self.action.width})."
            )
        self._check_context(context.latents, context.actions)
        done = self.normalised(actions)
        alone, plans = context.state is None and context.recalled is None, batch * candidates * horizon
        engine = engine_of(self.predictor, context.latents, self.rollout_type, plans) if alone else None
        if engine is None:
            latents = self._stepped(context, done)
        else:
            latents = engine(context.latents[:, :, 0], self.normalised(context.actions), done).unsqueeze(3)
        return Rollout(latents, expected_error=self._expected_error(context, done, latents))

    def _stepped(self, context: Context, done: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N H P D"]:
        """One model step after the other, as the predictor itself takes them."""
        condition = self.predictor.condition(done)
        state = tuple(part[:, -1:].expand(-1, done.shape[1], *part.shape[2:]) for part in self._begun(context))
        steps: list[Tensor] = []
        for step in range(done.shape[2]):
            state = self.predictor.step(state, condition[:, :, step])
            steps.append(state[0])
        return torch.stack(steps, dim=2)

    def _expected_error(
        self, context: Context, done: Float[Tensor, "B N H A"], latents: Float[Tensor, "B N H P D"]
    ) -> Float[Tensor, "B N H"] | None:
        """What the error head says of each step alone."""
        if self.error_head is None:
            return None
        first = context.latents[:, -1:, None].expand(-1, done.shape[1], -1, -1, -1)
        before = torch.cat([first, latents[:, :, :-1]], dim=2)
        return self.error_head(before, done, latents).clamp_min(0).expm1()

    def open_loop(
        self,
        latents: Float[Tensor, "B T P D"],
        actions: Float[Tensor, "B known A"],
        ahead: int,
        starts: int | None = None,
        recalled: Recollection | None = None,
    ) -> list[Tensor]:
        """Latents predicted 1…`ahead` steps on from every frame whose actions are known, each from the frames up to its own.

        Args:
            latents: encoded frames `[B, T, P, D]`.
            actions: in the environment's own units; action k leaves frame k. T−1 of them, or T to predict beyond the last.
            ahead: steps to predict, from 1 to the number of actions.
            starts: predict from the first so many frames only; from every frame by default.
            recalled: memories for the first frame, which is then the only one predicted from; needs a predictor that recalls.
        Returns:
            for each k the latents `[B, S, P, D]` of frames k, k+1, …; there are S = 1 + actions − k of them, or `starts`.
        Raises:
            BadInput: if there are too few actions for `ahead`, or no frame to start from.
            ShapeError: if there are not T−1 or T actions.
        """
        known = actions.shape[1]
        if not 1 <= ahead <= known:
            raise BadInput(f"ahead={ahead} needs at least as many actions; this window has {known}.")
        if known - latents.shape[1] not in (-1, 0):
            raise ShapeError(f"{latents.shape[1]} latents came with {known} actions; give one less, or as many.")
        if starts is not None and starts < 1:
            raise BadInput(f"starts={starts} must be at least 1 frame.")
        if recalled is None:
            state = self._starts(latents, actions[:, : latents.shape[1] - 1])
        else:
            state, starts = self._begun(Context(latents[:, :1], actions[:, :0], recalled=recalled)), 1
        predicted: list[Tensor] = []
        for k in range(ahead):
            count = min(known - k, starts or known)
            # Conditioned afresh at each step: gradients then add up in the order that seeded runs were made with.
            condition = self._condition(actions[:, k : k + count])
            state = self.predictor.step(tuple(part[:, :count] for part in state), condition)
            predicted.append(state[0])
        return predicted

    @torch.no_grad()
    def surprise(self, observations: Observation, actions: Float[Tensor, "B M A"]) -> Surprised:
        """How surprising recordings are, step by step and place by place, each step predicted from what was seen before it.

        Args:
            observations: streams `[B, M + 1, ...]` on the model's clock, of any length.
            actions: the M between them, in the environment's own units.
        Raises:
            BadInput: the model was never told what is usual, or there is nothing to predict.
            ShapeError: if there are not M actions.
        """
        if self.usual is None:
            raise BadInput(
                "this model does not know what errors are usual; calibrate it on recordings of what may happen "
                "(gedanken.recipes.calibrated, or `gedanken surprise --usual`)."
            )
        latents = self.encode(observations)
        if not actions.shape[1]:
            raise BadInput("one frame surprises nobody; give two at least.")
        self._check_context(latents, actions)
        return surprised(
            self.usual,
            lambda first, last: self.errors(latents[:, first : last + 1], actions[:, first:last]),
            actions.shape[1],
        )

    def errors(
        self, latents: Float[Tensor, "B T P D"], actions: Float[Tensor, "B past A"]
    ) -> Float[Tensor, "B past P D"]:
        """Squared error of each next latent, predicted from all the frames before it."""
        return (self.open_loop(latents, actions, 1)[0] - latents[:, 1:]).square()

    def watched(
        self, latents: Float[Tensor, "B T P D"], actions: Float[Tensor, "B past A"], hidden: Bool[Tensor, "B T P"]
    ) -> Float[Tensor, "B past P D"]:
        """The next latent as it is predicted at each frame of a sequence, in which some places are not seen.

        Args:
            latents: encoded frames, oldest first.
            actions: the T−1 between them, in the environment's own units.
            hidden: places that read as nothing, which is 0, whatever is there.
        Raises:
            ShapeError: if there are not T−1 actions.
        """
        self._check_context(latents, actions)
        condition = self._condition(actions)
        state = self.predictor.starts(latents[:, :1], condition[:, :0])
        state = tuple(part[:, 0] for part in state)
        predicted: list[Tensor] = []
        for frame in range(actions.shape[1]):
            seen = latents[:, frame].masked_fill(hidden[:, frame, :, None], 0.0)
            state = self.predictor.step((seen, *state[1:]), condition[:, frame])
            predicted.append(state[0])
        return torch.stack(predicted, dim=1)

    @property
    def recalls(self) -> int:
        """K, memories to recall before predicting; 0 where the predictor looks at none."""
        return self.predictor.count if isinstance(self.predictor, RecallingPredictor) else 0

    def asked(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"] | None:
        """The latents to look for in a memory before predicting from these; None where the predictor recalls nothing."""
        return self.predictor.asked(latents) if isinstance(self.predictor, RecallingPredictor) else None

    def carry(
        self, state: Tensor | None, latents: Float[Tensor, "B P D"], actions: Float[Tensor, "B A"]
    ) -> Float[Tensor, "B P hidden"] | None:
        """`Context.state` after one more latent and the action that left it; None where the predictor carries none."""
        if not isinstance(self.predictor, CarryingPredictor):
            return None
        return self.predictor.carry(state, latents, self._condition(actions))

    def _begun(self, context: Context) -> LatentState:
        """The state at the last of a context's latents, from all that the context holds."""
        latents = context.latents
        if context.state is not None:
            if not isinstance(self.predictor, CarryingPredictor):
                raise BadInput(f"a {type(self.predictor).__name__} carries no state on; give it a context without one.")
            return self.predictor.carried_on(latents[:, -1], context.state)
        if context.recalled is None:
            return self._starts(latents, context.actions)
        if not isinstance(self.predictor, RecallingPredictor):
            raise BadInput(f"a {type(self.predictor).__name__} looks at no memories; give it a context without any.")
        self._check_context(latents, context.actions)
        # Moves are sums of actions: what they are counted from is no part of them.
        recalled = replace(context.recalled, moves=context.recalled.moves / self.action_std)
        return self.predictor.starts_recalling(latents, self._condition(context.actions), recalled)

    def _condition(self, actions: Tensor) -> Tensor:
        return self.predictor.condition(self.normalised(actions))

    def _starts(self, latents: Tensor, actions: Tensor) -> LatentState:
        self._check_context(latents, actions)
        return self.predictor.starts(latents, self._condition(actions))

    def _check_context(self, latents: Tensor, actions: Tensor) -> None:
        if actions.shape[1] != latents.shape[1] - 1:
            raise ShapeError(
                f"a context of {latents.shape[1]} latents came with {actions.shape[1]} actions; it has one action less "
                "than latents."
            )

"""What travels between the parts: small frozen dataclasses, and one letter for each axis.

The axis legend, used in every annotation and docstring:

    B batch · T past (frames of context) · H horizon (model steps ahead) · N candidates
    P patches (1 for a vector) · D latent width · A action width of one model step
    L frames of a whole episode

A *model step* is a block of `frame_skip` environment steps, so A = frame_skip × the environment's action width.
Action k leaves frame k: `next = f(observation_k, action_k)`; a context of T frames has T−1 past actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gedanken.errors import BadInput, ShapeError

Observation = Mapping[str, Tensor]
"""Named streams of one moment or many; `pixels` are uint8 `[..., height, width, channels]` until the encoder."""

State = Mapping[str, Tensor]
"""A world's true state, one row a world in the batch; only evaluation, experts and baselines may look at it."""


@dataclass(frozen=True)
class StreamSpec:
    """What one named stream of an observation is.

    Args:
        shape: shape of one sample, without time; pixels are `(height, width, channels)`.
        dtype: NumPy name, such as `uint8` or `float32`.
        rate_hz: samples a second; None where the source did not say.
        unit: physical unit, or "" where there is none; where components differ, one each, joined by ", ".
        names: what the source called each component of a vector; () where it did not say.
    """

    shape: tuple[int, ...]
    dtype: str
    rate_hz: float | None = None
    unit: str = ""
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.names and self.shape != (len(self.names),):
            raise ShapeError(f"{len(self.names)} names were given for a stream of shape {self.shape}; one a component.")


@dataclass(frozen=True)
class ActionSpec:
    """What one action of an environment is, in the environment's own units.

    Args:
        width: numbers in one environment action.
        low: smallest value of each number.
        high: largest value of each number.
        norm: largest Euclidean length of one action; None where only the box counts.
        unit: physical unit, or "".
        rate_hz: actions a second; None where unknown.
    """

    width: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    norm: float | None = None
    unit: str = ""
    rate_hz: float | None = None

    def __post_init__(self) -> None:
        if not len(self.low) == len(self.high) == self.width:
            raise ShapeError(
                f"an action of width {self.width} needs as many bounds; got {len(self.low)} low and "
                f"{len(self.high)} high."
            )
        if any(lo >= hi for lo, hi in zip(self.low, self.high, strict=True)):
            raise BadInput(f"each low bound must lie below its high bound; got low={self.low}, high={self.high}.")


@runtime_checkable
class Frames(Protocol):
    """A stream of an episode, `[L, ...]`: an array, or what reads as one and decodes no more than is asked for.

    Indexing gives an array; `numpy.asarray` gives all of it.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...

    def __array__(self, dtype: Any = None, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Provenance:
    """Where a recording comes from.

    Args:
        source: who or what made it: a URL, a world id, a policy.
        licence: an SPDX name where there is one, "" where unknown.
        note: anything a later reader needs.
        ingested_by: version of the code that wrote it.
    """

    source: str = ""
    licence: str = ""
    note: str = ""
    ingested_by: str = ""


@dataclass(frozen=True)
class Episode:
    """One recording: what was seen and what was done.

    Args:
        streams: arrays `[L, ...]`, one for each named observation stream.
        actions: `[L-1, action width]` float32 in the environment's own units; action k leaves frame k.
        specs: one `StreamSpec` for each stream.
        action: what one action is.
        times: `[L]` seconds, or None where frames are evenly spaced at the streams' rate.
        resets: frames that start afresh (a teleport, a cut); no window crosses one. Frame 0 need not be named.
        provenance: where it comes from.
    """

    streams: Mapping[str, Frames]
    actions: np.ndarray
    specs: Mapping[str, StreamSpec]
    action: ActionSpec
    times: np.ndarray | None = None
    resets: tuple[int, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)

    def __len__(self) -> int:
        return len(self.actions) + 1

    def __post_init__(self) -> None:
        length = len(self.actions) + 1
        if set(self.streams) != set(self.specs):
            raise BadInput(f"streams {sorted(self.streams)} and specs {sorted(self.specs)} must name the same things.")
        if self.actions.ndim != 2 or self.actions.shape[1] != self.action.width:
            raise ShapeError(
                f"actions have shape {self.actions.shape}; expected [L-1, {self.action.width}], "
                "one row less than frames."
            )
        for name, values in self.streams.items():
            spec = self.specs[name]
            if values.shape != (length, *spec.shape) or str(values.dtype) != spec.dtype:
                raise ShapeError(
                    f"stream {name!r} is {values.dtype} {values.shape}; its spec and the {length - 1} actions ask for "
                    f"{spec.dtype} {(length, *spec.shape)}."
                )
        if self.times is not None and self.times.shape != (length,):
            raise ShapeError(f"times have shape {self.times.shape}; expected ({length},), one a frame.")
        if any(not 0 <= reset < length for reset in self.resets):
            raise BadInput(f"resets {self.resets} must be frame numbers below {length}.")


@dataclass(frozen=True)
class Windows:
    """A batch cut from episodes, on the model's clock.

    Args:
        observations: streams `[B, T, ...]`, one frame a model step.
        actions: `[B, T-1, A]` float32 in the environment's own units.
    """

    observations: Observation
    actions: Tensor


@dataclass(frozen=True)
class Recollection:
    """Memories that a prediction may look at, in any order.

    Args:
        latents: `[B, K, P, D]`.
        distances: `[B, K]` squared distance, mean over P and D, from each to what was asked for; inf where there is no memory.
        ages: `[B, K]` model steps ago.
        moves: `[B, K, A]` the actions of all model steps since then, summed, in the environment's own units: how far one has
            come since by one's own reckoning. NaN where that is not known, as of another run.
    """

    latents: Float[Tensor, "B K P D"]
    distances: Float[Tensor, "B K"]
    ages: Float[Tensor, "B K"]
    moves: Float[Tensor, "B K A"]

    def of(self, rows: Tensor | slice) -> Recollection:
        """What is recalled for some rows."""
        return Recollection(self.latents[rows], self.distances[rows], self.ages[rows], self.moves[rows])


@dataclass(frozen=True)
class Context:
    """What a prediction starts from.

    Args:
        latents: `[B, T, P, D]`, oldest first.
        actions: `[B, T-1, A]` past actions in the environment's own units.
        state: a recurrent predictor's own memory of all before the last of the latents, `[B, P, hidden]`; None where the
            latents are all there is to go by.
        recalled: memories recalled for this moment, or None.
    """

    latents: Float[Tensor, "B T P D"]
    actions: Float[Tensor, "B past A"]
    state: Tensor | None = None
    recalled: Recollection | None = None


@dataclass(frozen=True)
class Goal:
    """Where to be: the encoded goal observation, `[B, P, D]`."""

    latents: Float[Tensor, "B P D"]


@dataclass(frozen=True)
class Rollout:
    """Latents predicted for given actions.

    Args:
        latents: `[B, N, H, P, D]`; step h is the latent after action h.
        disagreement: `[B, N, H]` spread between ensemble members, or None where there is one predictor.
        expected_error: `[B, N, H]` squared error that the model expects of each step alone, in step changes (median squared
            latent change of one model step); None where it does not say.
    """

    latents: Float[Tensor, "B N H P D"]
    disagreement: Float[Tensor, "B N H"] | None = None
    expected_error: Float[Tensor, "B N H"] | None = None


@dataclass(frozen=True)
class Surprised:
    """How surprising recordings of M model steps were, step 0 being the first that could be predicted.

    Args:
        places: `[B, M, P]` squared error at each place in units of what is usual there; about 1 where nothing is unusual.
        curve: `[B, M]` the same of each step, mean over places.
        p_value: `[B]` how often a recording in which nothing unusual happens would surprise so much at some moment, at most.
        windows: `[B, W]` the same of each of the W windows it was looked at in.
    """

    places: Float[Tensor, "B M P"]
    curve: Float[Tensor, "B M"]
    p_value: Float[Tensor, " B"]
    windows: Float[Tensor, "B W"]


@dataclass(frozen=True)
class Search:
    """Where a planner starts looking, all in the environment's own units.

    Args:
        mean: `[B, H, A]` centre of the first samples; a warm start is a plan put here.
        std: `[B, H, A]` spread of the first samples.
        low: smallest value, a number or broadcastable to `[B, H, A]`.
        high: largest value, likewise.
        norm: largest Euclidean length of one step's action; None where only the box counts.
    """

    mean: Float[Tensor, "B H A"]
    std: Float[Tensor, "B H A"]
    low: float | Tensor
    high: float | Tensor
    norm: float | None = None


@dataclass(frozen=True)
class Trace:
    """How a search went: `best` and `mean` energy of each round, `[rounds, B]`."""

    best: Float[Tensor, "rounds B"]
    mean: Float[Tensor, "rounds B"]


@dataclass(frozen=True)
class Plan:
    """The action sequence a planner chose, and its energy.

    Args:
        actions: `[B, H, A]` in the environment's own units.
        energy: `[B]`; comparable only under one goal and one model.
        feasible: `[B]`; False where a guardrail is broken.
        trace: how the search went.
        frame_skip: environment steps in one model step.
    """

    actions: Float[Tensor, "B H A"]
    energy: Float[Tensor, " B"]
    feasible: Bool[Tensor, " B"]
    trace: Trace
    frame_skip: int = 1

    def steps(self) -> Float[Tensor, "B steps width"]:
        """The plan as environment steps, `[B, H·frame_skip, action width]`."""
        batch, horizon, width = self.actions.shape
        return self.actions.reshape(batch, horizon * self.frame_skip, width // self.frame_skip)

    def repeated(self, times: int) -> Plan:
        """The same plan with each action held for `times` environment steps: `[B, H, A·times]`."""
        return replace(self, actions=self.actions.repeat(1, 1, times), frame_skip=times)


@dataclass(frozen=True)
class Moment:
    """What there was to remember of one model step.

    Args:
        latent: `[P, D]`; kept as float16, and flattened it is the key that memories are found by.
        episode: a name for the recording it belongs to, chosen by who writes.
        time: seconds since 1970, UTC.
        action: `[A]` that left this moment, in the environment's own units; None where nothing was done.
        pixels: uint8 `[height, width, 3]`, of which a thumbnail of at most 64 x 64 is kept; None keeps none.
        surprise: squared distance (mean over P and D) between what was expected and what was seen; None where nothing was.
    """

    latent: Float[Tensor, "P D"]
    episode: str
    time: float
    action: Float[Tensor, " A"] | None = None
    pixels: Tensor | None = None
    surprise: float | None = None


@dataclass(frozen=True)
class Remembered:
    """A moment as it comes back.

    Args:
        id: its number in the memory; numbers grow in the order of writing and are never given twice.
        run: which process wrote it, by a name of its own.
        moment: what was written; the latent as float32, and the thumbnail in place of the pixels.
        provenance: where it comes from.
    """

    id: int
    run: str
    moment: Moment
    provenance: Provenance


@dataclass(frozen=True)
class Recalled:
    """The K memories nearest to each of B latents, nearest first; of equal distances the newest first.

    Args:
        ids: `[B, K]`; K is less than was asked for where fewer moments are remembered.
        distances: `[B, K]` squared distance, mean over P and D, as the energies have it.
        latents: `[B, K, P, D]`, which a `Recollection` takes.
    """

    ids: Int[Tensor, "B K"]
    distances: Float[Tensor, "B K"]
    latents: Float[Tensor, "B K P D"]


IMAGINED = 0
"""Id of a place on the way that is no landmark: those of remembered moments begin at 1."""


@dataclass(frozen=True)
class Route:
    """Where to go next on the way to each of B goals.

    Args:
        aims: `[B, P, D]` latents of the next landmark; of the goal itself where nothing better is known.
        target: `[B]` id of that landmark; -1 for the goal itself, `IMAGINED` for a place that was never seen.
        source: `[B]` id of the landmark that the way begins at, the nearest to now; -1 where there is none.
        steps: `[B]` model steps predicted to the aim.
        left: `[B]` cost of the whole way: predicted steps, those not to be trusted weighed more; inf where none is known.
    """

    aims: Float[Tensor, "B P D"]
    target: Int[Tensor, " B"]
    source: Int[Tensor, " B"]
    steps: Float[Tensor, " B"]
    left: Float[Tensor, " B"]

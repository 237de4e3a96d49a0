"""All that a report can show, as plain data: fill in what there is, leave out the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation.landscape import Landscape

Values = Sequence[float | int] | np.ndarray
"""Numbers to draw."""


@dataclass(frozen=True)
class SuccessRow:
    """How often one method, or one baseline, reached its goals; shares from 0 to 1.

    Args:
        name: of the method.
        at_end: share that stood at the goal at the last step.
        low, high: its 95 % interval, or None.
        any_time: share that stood there at any step, or None.
        n: number of episodes.
        core_seconds: of planning, an episode; or None.
        note: what a reader should know of this row.
    """

    name: str
    at_end: float | int
    low: float | int | None = None
    high: float | int | None = None
    any_time: float | int | None = None
    n: int = 0
    core_seconds: float | int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        shares = [share for share in (self.at_end, self.low, self.high, self.any_time) if share is not None]
        if not all(0 <= share <= 1 for share in shares) or (self.low is None) != (self.high is None):
            raise BadInput(f"{self.name!r}: success is a share from 0 to 1, with both ends of its interval or none.")


@dataclass(frozen=True)
class Figure:
    """One number that matters, ready to read: `value` is text, with its unit."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class EpisodePicture:
    """One episode: what happened beside what the model imagined, frames uint8 `[F, height, width, 3]`.

    Args:
        title: which episode.
        success: whether the goal was reached; None where there was none to reach.
        real: what was seen.
        imagined: what the model imagined, decoded; held at its last frame where shorter than `real`.
        goal: `[height, width, 3]`, or None.
        nearest: the real frames whose latents are nearest to the imagined ones, or None.
        note: such as what `imagined` stands for here.
    """

    title: str
    success: bool | None
    real: np.ndarray
    imagined: np.ndarray
    goal: np.ndarray | None = None
    nearest: np.ndarray | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("real", "imagined", "nearest"):
            _require_frames(getattr(self, name), f"{self.title!r}: {name}")
        if self.goal is not None:
            _require_frames(self.goal[None], f"{self.title!r}: goal")


@dataclass(frozen=True)
class Filmstrip:
    """Rows of frames under one another, such as what came above what was predicted.

    Args:
        title: what is shown.
        rows: a label and frames uint8 `[F, height, width, 3]` each.
        columns: a label for each frame, or none.
        note: how to read it.
    """

    title: str
    rows: Sequence[tuple[str, np.ndarray]]
    columns: Sequence[str] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for label, frames in self.rows:
            _require_frames(frames, f"{self.title!r}: {label}")


@dataclass(frozen=True)
class Recording:
    """One recorded episode: frames, and beneath them what was done and what sensors read, on one clock.

    Args:
        title: which episode.
        length: L, its frames.
        strips: a label and frames uint8 `[F, height, width, 3]` each, evenly spaced over the episode.
        lines: a label and values `[L, C]` or `[L-1, C]` each; non-finite values leave a gap.
        marks: first and last frame of what should be looked at.
        seconds_a_frame: None counts frames.
        note: how to read it.
    """

    title: str
    length: int
    strips: Sequence[tuple[str, np.ndarray]] = ()
    lines: Sequence[tuple[str, np.ndarray]] = ()
    marks: Sequence[tuple[int, int]] = ()
    seconds_a_frame: float | int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for label, frames in self.strips:
            _require_frames(frames, f"{self.title!r}: {label}")
        for label, values in self.lines:
            if values.ndim != 2 or not self.length - 1 <= len(values) <= self.length:
                raise ShapeError(f"{self.title!r}: {label} is {values.shape}; expected [{self.length}, channels].")


@dataclass(frozen=True)
class Series:
    """One line of a chart; `low` and `high` make a band around it. Non-finite values leave a gap.

    A `faint` line is drawn thin in the colour of the one after it and left out of the legend: raw values under smooth ones.
    """

    name: str
    x: Values
    y: Values
    low: Values | None = None
    high: Values | None = None
    faint: bool = False

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.x, self.y, self.low, self.high) if values is not None}
        if len(lengths) != 1 or (self.low is None) != (self.high is None):
            raise ShapeError(f"{self.name!r}: x, y and both ends of a band must have the same length; got {lengths}.")


@dataclass(frozen=True)
class Chart:
    """Lines over a common axis.

    Args:
        title: what is on the vertical axis.
        series: at most six lines.
        x_label, y_label: of the axes, with units.
        note: how to read it.
        log_y: None takes a logarithmic axis where values span a factor of 8 and are all positive.
        mark: a value of y that means something, and its name.
    """

    title: str
    series: Sequence[Series]
    x_label: str = ""
    y_label: str = ""
    note: str = ""
    log_y: bool | None = None
    mark: tuple[float | int, str] | None = None


@dataclass(frozen=True)
class EndStates:
    """Where plans were imagined to end against where they did, one point an episode.

    Args:
        imagined: `[E]` distance to the goal at the end, as the model imagined it.
        executed: `[E]` the same as it came.
        success: `[E]` bool, or None.
        unit: of both.
        note: what the distance is.
    """

    imagined: np.ndarray
    executed: np.ndarray
    success: np.ndarray | None = None
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.imagined, self.executed, self.success) if values is not None}
        if len(lengths) != 1:
            raise ShapeError(f"end states need as many imagined as executed distances; got lengths {lengths}.")


@dataclass(frozen=True)
class Misses:
    """Why goals were missed: what each failed episode was filed under, and what turned failures into successes.

    Args:
        causes: each cause with what it means, and how many episodes were filed under it.
        cures: each replay, how many it turned into successes, and how many it was tried on.
        failed: how many episodes failed, replayed or not.
        episodes: how many were driven.
        note: how to read it.
    """

    causes: Sequence[tuple[str, str, int]]
    cures: Sequence[tuple[str, int, int]]
    failed: int
    episodes: int
    note: str = ""

    def __post_init__(self) -> None:
        filed = sum(count for _, _, count in self.causes)
        if not 0 <= filed <= self.failed <= self.episodes or any(not 0 <= done <= of for _, done, of in self.cures):
            raise BadInput(
                f"{filed} episodes filed, {self.failed} failed, {self.episodes} driven: each must be at most the next, "
                "and no replay can reach more goals than it was tried on."
            )


@dataclass(frozen=True)
class PlanningCost:
    """What planning cost, in seconds.

    Args:
        p50, p95: time of one decision, the median and the slow end.
        core_seconds: of one core, for a whole episode; or None.
        note: such as how many episodes were planned side by side.
    """

    p50: float | int
    p95: float | int
    core_seconds: float | int | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A plain table; cells are text, and those that start with a digit or sign are set right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ShapeError(f"table {self.title!r}: each row needs {len(self.columns)} cells, one a column.")


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """A report. Only the title must be there.

    Args:
        title: of the run.
        subtitle: what was trained, and on what.
        steps: environment steps of an episode; success is judged at the last.
        success: the first row is the headline, the others are what it is compared with.
        figures: further numbers that matter, shown beside the headline.
        recordings: episodes as they were recorded.
        episodes: as moving pictures.
        misses: why goals were missed.
        end_states: imagined against executed.
        landscapes: energies over actions, by title.
        planning: what a decision and an episode cost.
        metrics: rows of `metrics.jsonl`: `step`, `loss`, terms by name, at times `health` and `warnings`.
        tables, charts, filmstrips: anything else.
        limits: what the run does not show, in words.
        facts: provenance: command, seed, versions, machine.
    """

    title: str
    subtitle: str = ""
    steps: int = 200
    success: Sequence[SuccessRow] = ()
    figures: Sequence[Figure] = ()
    recordings: Sequence[Recording] = ()
    episodes: Sequence[EpisodePicture] = ()
    misses: Misses | None = None
    end_states: EndStates | None = None
    landscapes: Mapping[str, Landscape] = field(default_factory=dict)
    planning: PlanningCost | None = None
    metrics: Sequence[Mapping[str, Any]] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    filmstrips: Sequence[Filmstrip] = ()
    limits: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def _require_frames(frames: np.ndarray | None, what: str) -> None:
    if frames is not None and (frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not len(frames)):
        raise ShapeError(f"{what} is {frames.dtype} {frames.shape}; expected uint8 frames [F, height, width, 3].")

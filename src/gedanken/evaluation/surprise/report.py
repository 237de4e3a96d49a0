"""A watched recording as a page: the curve, the frames that surprised, and where in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from gedanken.evaluation.report import Chart, Figure, Filmstrip, ReportData, Series
from gedanken.evaluation.surprise.recording import Watched

_TALL = 96
_RED = np.array([255.0, 40.0, 40.0])


def surprise_report(
    watched: Watched, frames: UInt8[np.ndarray, "L h w c"], title: str, facts: Mapping[str, str]
) -> ReportData:
    """What a page shows of it.

    Args:
        watched: the recording as the model saw it.
        frames: all frames of the recording.
        title: what to call it.
        facts: provenance.
    """
    second = watched.seconds_a_frame
    x, unit = (watched.numbers, "frame") if second is None else (watched.numbers * second, "seconds")
    chart = Chart(
        title="surprise",
        series=[Series("surprise", x, watched.curve)],
        x_label=unit,
        note="Squared prediction error in units of what is usual, mean over the picture; 1 is usual. The line is exceeded at any "
        f"moment of a usual window in at most {watched.rate:.2g} of them.",
        mark=(watched.line, f"{watched.rate:.2g}"),
        log_y=False,
    )
    verdict = "surprising" if watched.surprising else "as usual"
    figures = [
        Figure(
            verdict, f"p = {watched.p_value:.2g}", f"false-alarm rate {watched.rate:.2g}, {watched.windows} windows"
        ),
        Figure("moments above the line", str(len(watched.moments))),
    ]
    return ReportData(
        title=title,
        subtitle="How surprising each frame was to a model that predicts it from the ones before.",
        figures=figures,
        charts=[chart],
        filmstrips=[_strip(watched, frames)],
        limits=[
            *watched.told,
            "The unusual is not always impossible, and the rate is that of recordings like those calibrated on.",
        ],
        facts=facts,
    )


def _strip(watched: Watched, frames: UInt8[np.ndarray, "L h w c"]) -> Filmstrip:
    """The frames that surprised, or, where none did, the one that came nearest to it."""
    rows = watched.moments or [int(watched.curve.argmax())]
    most = max(float(watched.places[rows].max()), watched.line)
    before = [int(watched.numbers[max(row - 1, 0)]) if row else 0 for row in rows]
    shown = [int(watched.numbers[row]) for row in rows]
    seen, earlier = ([_enlarged(frames[number]) for number in numbers] for numbers in (shown, before))
    heat = [heated(frame, watched.places[row] / most) for frame, row in zip(seen, rows, strict=True)]
    return Filmstrip(
        "The frames that surprised" if watched.moments else "The frame that came nearest to a surprise",
        [("before", np.stack(earlier)), ("seen", np.stack(seen)), ("where", np.stack(heat))],
        [f"frame {number}" for number in shown],
        "Below, the redder a place, the more it surprised.",
    )


def heated(frame: UInt8[np.ndarray, "h w 3"], shares: Float[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "h w 3"]:
    """A picture in grey, red where its places' shares (0 to 1) are high."""
    height, width = frame.shape[:2]
    small = Image.fromarray((255 * np.clip(shares, 0, 1)).astype(np.uint8))
    weight = np.asarray(small.resize((width, height), Image.Resampling.NEAREST))[..., None] / 255
    grey = frame.astype(float).mean(-1, keepdims=True)
    return ((1 - weight) * grey + weight * _RED).round().astype(np.uint8)


def _enlarged(frame: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "tall wide 3"]:
    """By a whole number of times, so that pixels stay squares."""
    times = max(1, round(_TALL / frame.shape[0]))
    colours = frame if frame.shape[2] == 3 else frame.repeat(3, axis=2)
    return colours.repeat(times, axis=0).repeat(times, axis=1)

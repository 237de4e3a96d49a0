"""What was understood of recordings, and what was found, as one page with a few episodes to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from gedanken.contracts import Episodes
from gedanken.data.check import CheckReport, Finding, Understood
from gedanken.evaluation.report import Figure, Recording, ReportData, Table
from gedanken.evaluation.report.numerals import duration, number
from gedanken.types import Episode

_TILES, _TALL = 12, 96
_SHOWN = 4
_CHANNELS = 6


def recordings_page(splits: Mapping[str, Episodes], report: CheckReport) -> ReportData:
    """A page for `write_report`: what is there, what was found, and a few episodes, those with findings first.

    Args:
        splits: the recordings that were checked, by split.
        report: what the check said of them.
    """
    return ReportData(
        title=report.source or "recordings",
        subtitle=_subtitle(report),
        figures=_figures(report),
        recordings=[_recording(splits, report, *each) for each in _shown(splits, report.findings)],
        tables=[*([_findings(report.findings)] if report.findings else []), _streams(report)],
    )


def understood_rows(report: CheckReport) -> list[tuple[str, str, str, str, str]]:
    """Name, shape, rate, unit and range of each stream and of the actions, in words."""
    rows = [(name, each) for name, each in report.streams.items()]
    rows += [("actions", report.action)] if report.action is not None else []
    return [(name, _shape(each), _rate(each.rate_hz), each.unit or "–", _range(each)) for name, each in rows]


def summary(report: CheckReport) -> str:
    """How much there is, in one sentence."""
    return "; ".join(
        f"{each.value} {each.label} ({each.note})" if each.note else f"{each.value} {each.label}"
        for each in _figures(report)
    )


def _subtitle(report: CheckReport) -> str:
    if not report.findings:
        return "Nothing was found that speaks against training on it."
    errors = sum(finding.severity == "error" for finding in report.findings)
    counts = ((errors, "error"), (len(report.findings) - errors, "warning"))
    return " and ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count) + "."


def _figures(report: CheckReport) -> list[Figure]:
    shortest, middle, longest = report.lengths
    span = f"{shortest}" if shortest == longest else f"{shortest} to {longest}, median {middle}"
    parts = ", ".join(f"{name} {count}" for name, count in report.splits.items() if name)
    figures = [
        Figure("episodes", f"{sum(report.splits.values()):,}", parts),
        Figure("frames", f"{report.frames:,}", f"an episode: {span}"),
    ]
    if report.seconds is not None:
        steps = report.frames - sum(report.splits.values())
        rate = f"{number(steps / report.seconds)} frames a second" if report.seconds else ""
        figures.append(Figure("duration", duration(report.seconds), rate))
    return figures


def _findings(findings: Sequence[Finding]) -> Table:
    rows = [(finding.severity, finding.name, f"{finding.said} {finding.todo}") for finding in findings]
    return Table("Findings", ("", "name", "what, and what to do"), rows)


def _streams(report: CheckReport) -> Table:
    return Table("What was understood", ("", "shape", "rate", "unit", "range"), understood_rows(report))


def _shape(each: Understood) -> str:
    return f"{each.dtype} {'×'.join(map(str, each.shape)) or '1'}"


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:g} Hz"


def _range(each: Understood) -> str:
    if each.low is None or each.high is None:
        return "no finite value"
    pairs = [f"{low:.4g} to {high:.4g}" for low, high in zip(each.low, each.high, strict=True)]
    if len(set(pairs)) == 1:
        return pairs[0]
    return ", ".join(pairs[:_CHANNELS]) + (" …" if len(pairs) > _CHANNELS else "")


def _shown(splits: Mapping[str, Episodes], findings: Sequence[Finding]) -> list[tuple[str, int]]:
    """Which episodes: those that findings name, then some evenly spread over the first split."""
    named = [(finding.split, finding.episode) for finding in findings if finding.episode is not None]
    first, count = next((name, len(split)) for name, split in splits.items() if len(split))
    spread = [(first, int(place)) for place in np.linspace(0, count - 1, min(_SHOWN, count))]
    return list(dict.fromkeys([*named, *spread]))[:_SHOWN]


def _recording(splits: Mapping[str, Episodes], report: CheckReport, split: str, index: int) -> Recording:
    episode = splits[split][index]
    here = [
        each for each in report.findings if (each.split, each.episode) == (split, index) and each.frames is not None
    ]
    streams = {name: np.asarray(values) for name, values in episode.streams.items()}
    pictures = {name: values for name, values in streams.items() if _is_picture(values)}
    sensors = {name: values for name, values in streams.items() if name not in pictures}
    lines = [_named("actions", episode.action.unit, episode.actions)] if episode.action.width else []
    lines += [
        _named(name, episode.specs[name].unit, values.reshape(len(values), -1)) for name, values in sensors.items()
    ]
    return Recording(
        title=f"{split} episode {index}".strip(),
        length=len(episode),
        strips=[(name, _tiles(values)) for name, values in pictures.items()],
        lines=[(label, values[:, :_CHANNELS].astype(float)) for label, values in lines],
        marks=[each.frames for each in here if each.frames is not None],
        seconds_a_frame=_seconds_a_frame(episode, report),
        note=" ".join(each.said for each in here),
    )


def _named(name: str, unit: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    more = f", first {_CHANNELS} of {values.shape[1]}" if values.shape[1] > _CHANNELS else ""
    return (f"{name} ({unit}){more}" if unit else f"{name}{more}"), values


def _seconds_a_frame(episode: Episode, report: CheckReport) -> float | None:
    rate = report.clock_hz or episode.action.rate_hz or next(iter(episode.specs.values())).rate_hz
    return None if rate is None else 1 / rate


def _is_picture(values: np.ndarray) -> bool:
    return values.dtype == np.uint8 and values.ndim == 4 and values.shape[3] in (1, 3) and min(values.shape[1:3]) >= 8


def _tiles(values: np.ndarray) -> np.ndarray:
    """Frames in the middle of equal parts of the episode, not too large for a page."""
    count = min(_TILES, len(values))
    places = ((np.arange(count) + 0.5) / count * len(values)).astype(int)
    frames = np.repeat(values[places], 3 // values.shape[3], axis=3)
    height, width = frames.shape[1:3]
    if height <= _TALL:
        return np.ascontiguousarray(frames)
    size = (max(1, width * _TALL // height), _TALL)
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX)) for frame in frames])

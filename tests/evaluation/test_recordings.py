"""The page of a check shows the episodes that findings name, marks the place, and draws sensors as lines."""

import re
from dataclasses import replace

import numpy as np
import pytest

from gedanken.data import EpisodeList
from gedanken.data.check import check_episodes
from gedanken.errors import ShapeError
from gedanken.evaluation.recordings import recordings_page, summary
from gedanken.evaluation.report import Recording
from gedanken.evaluation.report.page import page
from gedanken.types import ActionSpec, Episode, StreamSpec


def record(seed: int, length: int = 40) -> Episode:
    draws = np.random.default_rng(seed)
    frames = draws.integers(0, 255, (length, 16, 24, 1)).astype(np.uint8)
    level = draws.normal(size=(length, 9)).astype(np.float32)
    specs = {"eye": StreamSpec((16, 24, 1), "uint8", 5.0), "level": StreamSpec((9,), "float32", 5.0, "m")}
    actions = draws.normal(size=(length - 1, 2)).astype(np.float32)
    return Episode({"eye": frames, "level": level}, actions, specs, ActionSpec(2, (-9.0,) * 2, (9.0,) * 2))


def broken(episode: Episode) -> Episode:
    values = episode.streams["level"].copy()
    values[7:9] = np.nan
    return replace(episode, streams={**episode.streams, "level": values})


def shown():
    episodes = EpisodeList([record(seed) for seed in range(8)])
    episodes = EpisodeList([*list(episodes)[:5], broken(episodes[5]), *list(episodes)[6:]])
    report = check_episodes(episodes, source="somewhere & else")
    return recordings_page({"": episodes}, report), report


def test_the_episode_with_the_fault_comes_first_and_is_marked():
    data, report = shown()
    first = data.recordings[0]
    assert first.title == "episode 5"
    assert (7, 8) in first.marks
    assert any("NaN" in finding.said for finding in report.findings)
    assert first.note


def test_grey_frames_become_a_strip_and_sensors_lines_with_their_unit():
    data, _ = shown()
    [(name, frames)] = data.recordings[0].strips
    assert (name, frames.shape, frames.dtype) == ("eye", (12, 16, 24, 3), np.uint8)
    assert [label for label, _ in data.recordings[0].lines] == ["actions", "level (m), first 6 of 9"]
    assert data.recordings[0].seconds_a_frame == pytest.approx(0.2)


def test_the_page_escapes_names_and_leaves_a_gap_at_what_is_missing():
    data, _ = shown()
    text = page(data)
    assert "somewhere &amp; else" in text
    paths = re.findall(r' d="([^"]*)"', text)
    assert paths
    assert not any("nan" in path for path in paths)
    # The strokes of `level` are lifted once, at the two frames that are missing.
    assert {path.count("M") for path in paths} == {1, 2}
    assert 'class="found"' in text


def test_the_summary_counts():
    _, report = shown()
    assert summary(report).startswith("8 episodes; 320 frames")


def test_a_recording_of_another_length_is_refused():
    with pytest.raises(ShapeError, match="expected"):
        Recording("one", 10, lines=[("actions", np.zeros((5, 1)))])

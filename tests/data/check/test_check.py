"""What a check says of recordings at the edges: hardly any, odd ones, and those whose oddness is declared."""

from dataclasses import replace

import faults
import numpy as np
import pytest
from generated_sets import arm, moving_pattern, pendulum

from gedanken.data.check import check_episodes, check_paths
from gedanken.errors import BadInput
from gedanken.types import ActionSpec, Episode, StreamSpec


def plain(length: int, width: int = 1, seed: int = 0, **streams: np.ndarray) -> Episode:
    """A noisy stream that nothing moves, and whatever else is given."""
    draws = np.random.default_rng(seed)
    streams = streams or {"level": draws.normal(size=(length, 2)).astype(np.float32)}
    specs = {name: StreamSpec(values.shape[1:], str(values.dtype), 10.0) for name, values in streams.items()}
    actions = draws.normal(size=(length - 1, width)).astype(np.float32)
    return Episode(streams, actions, specs, ActionSpec(width, (-9.0,) * width, (9.0,) * width, rate_hz=10.0))


def names(episodes, **options) -> list[str]:
    return [finding.name for finding in check_episodes(episodes, **options).findings]


def test_what_was_understood_is_told():
    report = check_episodes(pendulum(103), source="rig")
    assert (report.source, report.format, report.splits, report.lengths) == ("rig", "memory", {"": 8}, (240, 240, 240))
    assert report.seconds == pytest.approx(8 * 239 * 0.04)
    assert (report.streams["state"].shape, report.streams["state"].rate_hz) == ((2,), 25.0)
    states = np.concatenate([episode.streams["state"] for episode in pendulum(103)])
    assert report.streams["state"].low == pytest.approx(states.min(axis=0).tolist())
    assert report.streams["state"].high == pytest.approx(states.max(axis=0).tolist())
    assert report.action is not None
    assert report.action.unit == "Nm"


def test_the_rate_by_the_clock_is_told():
    assert check_episodes(arm(103)).clock_hz == pytest.approx(20.0, rel=1e-3)
    assert check_episodes(pendulum(103)).clock_hz is None


@pytest.mark.parametrize("length", [1, 2, 3, 9])
@pytest.mark.parametrize("width", [0, 1])
def test_very_short_recordings_and_those_without_actions_are_only_short(length, width):
    video = np.random.default_rng(1).integers(0, 255, (length, 16, 16, 3)).astype(np.uint8)
    found = names([plain(length, width, eye=video), plain(length, width, eye=255 - video)])
    assert "short-episode" in found
    assert not {"actions-shuffled", "hidden-cut", "frozen", "leak"} & set(found)


def test_nothing_to_look_at_and_two_kinds_are_refused():
    with pytest.raises(BadInput, match="no episodes"):
        check_episodes([])
    with pytest.raises(BadInput, match="one kind"):
        check_episodes([plain(30), plain(30, width=2)])


def test_a_stream_without_a_finite_value_has_no_range():
    dead = np.full((40, 1), np.nan, np.float32)
    report = check_episodes([plain(40, dead=dead, level=np.random.default_rng(2).normal(size=(40, 1)))])
    assert (report.streams["dead"].low, report.streams["dead"].high) == (None, None)
    [missing] = [finding for finding in report.findings if finding.name == "missing-values"]
    assert (missing.stream, missing.episode, missing.frames) == ("dead", 0, (0, 39))


def test_a_cut_that_a_reset_names_is_no_finding():
    glued = faults.with_cuts(moving_pattern(103))
    half = len(glued[0]) // 2
    assert "hidden-cut" in names(glued)
    assert "hidden-cut" not in names([replace(each, resets=(half,)) for each in glued])


def test_a_gap_that_a_reset_names_is_no_finding():
    episode = plain(60)
    times = np.arange(60) / 10
    times[30:] += 9
    assert "time-gap" in names([replace(episode, times=times)])
    assert "time-gap" not in names([replace(episode, times=times, resets=(30,))])


def test_a_clock_that_runs_back_and_one_that_is_uneven_are_told_apart():
    back, uneven = np.arange(60) / 10, np.arange(60) / 10
    back[20] = back[18]
    uneven[1::2] += 0.03
    assert "time-backwards" in names([replace(plain(60), times=back)])
    assert "irregular-sampling" in names([replace(plain(60), times=uneven)])


def test_rates_that_contradict_one_another_need_no_clock():
    episode = plain(60)
    assert "wrong-rate" in names([replace(episode, action=replace(episode.action, rate_hz=50.0))])


@pytest.mark.parametrize("lag", [2, 4, 7])
def test_a_late_machine_is_named_with_its_lag(lag):
    late = [
        replace(each, actions=np.concatenate([each.actions[lag:], each.actions[:1].repeat(lag, axis=0)]))
        for each in pendulum(104)
    ]
    assert [(each.name, each.count) for each in check_episodes(late).findings] == [("action-lag", lag)]


def test_a_switch_at_its_ends_is_not_clipped():
    episode = plain(200)
    switch = np.sign(episode.actions)
    assert "clipped-action" not in names([replace(episode, actions=switch)])


@pytest.mark.parametrize(("raised", "severity"), [(True, "warning"), (False, "note")])
def test_a_flag_of_overload_is_read(raised, severity):
    flag = np.zeros((60, 1), np.float32)
    flag[40:43] = raised
    report = check_episodes([plain(60, level=np.random.default_rng(3).normal(size=(60, 1)), ovld1=flag)])
    [found] = [finding for finding in report.findings if finding.name == "overload"]
    assert (found.severity, found.stream) == (severity, "ovld1")
    assert found.frames == ((40, 42) if raised else None)


def test_of_a_large_set_every_second_episode_is_looked_at():
    episodes = list(arm(103))
    size = sum(values.nbytes for each in episodes for values in each.streams.values())
    report = check_episodes(episodes, most_bytes=size // 2)
    assert (report.looked_at, report.splits) == (10, {"": 20})
    assert report.findings == ()


def test_a_path_with_nothing_in_it_is_unreadable(tmp_path):
    report = check_paths([tmp_path / "nowhere"])
    assert (report.readable, report.sound) == (False, False)
    assert "nothing at" in report.findings[0].said

"""Streams of different rates on one clock: every answer here is known beforehand."""

import numpy as np
import pytest

from gedanken.data.clock import Track, on_one_clock, usual_rate
from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import ActionSpec

ANY = ActionSpec(1, (-99.0,), (99.0,), unit="V")


def seconds(*times: float) -> np.ndarray:
    return np.array(times, np.float64)


def track(times, values, how="nearest", **more) -> Track:
    return Track(np.asarray(times, np.float64), np.asarray(values, np.float32), how, **more)


def test_an_even_table_is_left_as_it_is():
    times = np.cumsum(np.full(200, 0.1))  # with the rounding of a logger that adds up
    rows = np.arange(200.0)
    for how, held in (("nearest", "hold"), ("area", "hold"), ("nearest", "area")):
        episode = on_one_clock({"x": track(times, rows, how)}, track(times, rows, held), 10.0, ANY)
        assert episode.streams["x"].tolist() == rows.tolist()
        np.testing.assert_allclose(episode.actions[:, 0], rows[:-1], rtol=1e-6)
        assert episode.resets == ()
        np.testing.assert_allclose(episode.times, times)
        assert (episode.action.rate_hz, episode.specs["x"].rate_hz) == (10.0, 10.0)


def test_a_command_stamped_with_jitter_stays_with_its_frame():
    generator = np.random.default_rng(0)
    times = np.arange(500) / 100 + generator.uniform(-0.004, 0.004, 500)
    times[0] = 0.0
    rows = np.arange(500.0)
    episode = on_one_clock({"x": track(times, rows)}, track(times, rows, "hold"), 100.0, ANY)
    assert episode.times is None
    assert (episode.actions[:, 0] == episode.streams["x"][:-1]).all()
    assert (np.diff(episode.streams["x"]) == 1).all()


def test_commands_are_held_until_the_next():
    seen = track(np.arange(11) / 10, np.arange(11))
    given = track(seconds(-0.03, 0.31, 0.68), [1, 2, 3], "hold")
    episode = on_one_clock({"x": seen}, given, 10.0, ANY)
    # 0.31 lies in the first half of the interval that frame 3 begins, 0.68 in the second half of frame 6's.
    assert episode.actions[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3]
    mean = on_one_clock({"x": seen}, track(given.times, given.values, "area"), 10.0, ANY)
    np.testing.assert_allclose(mean.actions[:, 0], [1, 1, 1, 1.9, 2, 2, 2.2, 3, 3, 3], rtol=1e-6)


def test_nearest_takes_the_sample_nearest_in_time_and_of_two_the_later():
    seen = track(seconds(0.0, 0.9, 1.5, 2.5, 3.2), [0, 1, 2, 3, 4])
    episode = on_one_clock({"x": seen}, track([0.0], [5], "hold"), 1.0, ANY)
    assert episode.streams["x"].tolist() == [0, 1, 3, 4]
    assert episode.actions[:, 0].tolist() == [5, 5, 5]


def test_area_is_the_mean_of_what_came_since_the_frame_before():
    fast = track(np.arange(9) / 4, np.arange(9), "area")
    episode = on_one_clock({"x": fast}, track([0.0], [0], "hold"), 1.0, ANY)
    assert episode.streams["x"].tolist() == [0, (1 + 2 + 3 + 4) / 4, (5 + 6 + 7 + 8) / 4]
    slow = track(seconds(0.0, 1.0, 2.0), [0, 1, 2], "area")
    finer = on_one_clock({"x": slow}, track([0.0], [0], "hold"), 4.0, ANY)
    assert finer.streams["x"].tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    single = track(seconds(0.0, 0.1, 1.05, 2.05), [0, 1, 2, 3], "area")
    late = on_one_clock({"x": single}, track([0.0], [0], "hold"), 1.0, ANY)
    assert late.streams["x"].tolist() == [0, 1, 2]


def test_images_stay_images():
    pictures = np.zeros((4, 2, 3, 3), np.uint8)
    pictures[:, 0] = np.array([10, 20, 31, 40], np.uint8)[:, None, None]
    seen = Track(np.arange(4) / 2, pictures, "area")
    episode = on_one_clock({"pixels": seen}, track([0.0], [0], "hold"), 1.0, ANY)
    assert episode.streams["pixels"].dtype == np.uint8
    assert episode.streams["pixels"][:, 0, 0, 0].tolist() == [10, 26]  # 25.5, rounded


@pytest.mark.parametrize("how", ["nearest", "area"])
def test_what_lies_in_a_gap_is_left_out_and_what_follows_starts_afresh(how):
    times = np.concatenate([np.arange(10), np.arange(30, 40)]) / 10
    seen = {"x": track(times, times * 10, how)}
    episode = on_one_clock(seen, track(times, times * 10, "hold"), 10.0, ANY, longest_gap=0.5)
    np.testing.assert_allclose(episode.streams["x"], [*range(10), *range(30, 40)], rtol=1e-6)
    np.testing.assert_allclose(episode.times, times)
    assert episode.resets == (10,)
    whole = on_one_clock(seen, track(times, times, "hold"), 10.0, ANY, longest_gap=2.5)
    assert len(whole) == 40
    assert whole.resets == ()
    assert on_one_clock(seen, track(times, times, "hold"), 10.0, ANY).resets == (10,)


def test_a_gap_of_one_stream_is_a_gap_of_all_but_silent_commands_are_none():
    even, broken = np.arange(20) / 10, np.r_[np.arange(5), np.arange(15, 20)] / 10
    given = track(seconds(0.0), [7], "hold")
    streams = {"x": track(even, even), "y": track(broken, broken)}
    episode = on_one_clock(streams, given, 10.0, ANY, longest_gap=0.3)
    assert episode.resets == (5,)
    assert len(episode) == 10
    np.testing.assert_allclose(episode.streams["x"], broken, rtol=1e-6)


def test_the_clock_begins_where_all_have_begun_and_ends_with_the_first_stream_to_end():
    streams = {"x": track(np.arange(0, 50) / 10, np.arange(50)), "y": track(np.arange(2, 30) / 10, np.arange(2, 30))}
    episode = on_one_clock(streams, track(np.arange(5, 9) / 10, [1, 2, 3, 4], "hold"), 10.0, ANY)
    assert episode.streams["y"].tolist() == list(range(5, 30))
    assert episode.streams["x"].tolist() == list(range(5, 30))
    assert episode.actions[:5, 0].tolist() == [1, 2, 3, 4, 4]


def test_resets_of_the_source_are_kept():
    seen = track(np.arange(10) / 10, np.arange(10))
    episode = on_one_clock({"x": seen}, track([0.0], [0], "hold"), 10.0, ANY, resets=(0.0, 0.3, 0.69))
    assert episode.resets == (3, 7)


def test_columns_of_different_rates_become_one_vector():
    times = np.arange(5) / 10
    fast, slow = track(times, times, unit="rad", names=("q",)), track(times[::2], [0, 2, 4], unit="A", names=("i",))
    commands = [track(times, times, "hold"), track(seconds(0.0, 0.2), [1, 2], "hold")]
    episode = on_one_clock({"sensors": (fast, slow)}, commands, 10.0, ActionSpec(2, (0.0, 0.0), (9.0, 9.0)))
    np.testing.assert_allclose(episode.streams["sensors"], np.stack([times, [0, 2, 2, 4, 4]], axis=1), rtol=1e-6)
    np.testing.assert_allclose(episode.actions, np.stack([times, [1, 1, 2, 2, 2]], axis=1)[:-1], rtol=1e-6)
    assert (episode.specs["sensors"].unit, episode.specs["sensors"].names) == ("rad, A", ("q", "i"))


def test_the_rate_is_that_of_even_times_and_otherwise_the_usual_one():
    assert usual_rate(np.arange(100) / 30) == 30.0
    assert usual_rate(np.arange(100) * 1.001 / 30) == pytest.approx(30 / 1.001, rel=1e-9)
    irregular = np.cumsum(np.tile([0.0020001, 0.0020002, 0.0021], 50))
    assert usual_rate(irregular) == 500.0
    with pytest.raises(BadInput, match="at least 2"):
        usual_rate(seconds(1.0))


def test_what_cannot_be_is_told_in_a_sentence():
    with pytest.raises(BadInput, match=r"time 2 is 0\.5 s, not after the 1 s"):
        track([0, 1, 0.5], [0, 0, 0])
    with pytest.raises(NonFinite, match="time 1"):
        track([0, np.nan], [0, 0])
    with pytest.raises(ShapeError, match="2 times and 3 values"):
        track([0, 1], [0, 0, 0])
    seen, given = track([0, 1, 2], [0, 1, 2]), track([0, 1, 2], [0, 1, 2], "hold")
    with pytest.raises(BadInput, match="fewer than two frames"):
        on_one_clock({"x": seen}, track([5], [0], "hold"), 1.0, ANY)
    with pytest.raises(BadInput, match="above 0"):
        on_one_clock({"x": seen}, given, 0.0, ANY)
    with pytest.raises(BadInput, match="'hold'; here it must be nearest or area"):
        on_one_clock({"x": given}, given, 1.0, ANY)
    with pytest.raises(BadInput, match="'nearest'; here it must be hold or area"):
        on_one_clock({"x": seen}, seen, 1.0, ANY)
    with pytest.raises(BadInput, match="at least one track"):
        on_one_clock({}, given, 1.0, ANY)
    far = track([0, 1e12], [0, 1])
    with pytest.raises(BadInput, match="1000 frames a sample"):
        on_one_clock({"x": far}, given, 1.0, ANY, longest_gap=1e13)

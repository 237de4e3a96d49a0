"""Sensor tables: what is told by the names, what is asked for, and rows that become frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gedanken import ActionSpec, Episode, StreamSpec
from gedanken.data.formats import SensorTableConfig, detect, open_episodes, write_episodes
from gedanken.errors import BadEpisodeFile, BadInput

ROWS = np.arange(20)


def csv(path: Path, **columns) -> Path:
    """A CSV file with these columns; None is an empty cell."""
    names, rows = list(columns), zip(*columns.values(), strict=True)
    lines = [",".join(names), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(path: Path, **columns) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def pendulum(path: Path, rows: int = 20, hz: float = 10.0, **more) -> Path:
    counts = np.arange(rows)
    columns = {"time": counts / hz, "pos": counts * 1.0, "vel": counts * 2.0, "torque": counts / 10, **more}
    return (csv if path.suffix == ".csv" else parquet)(path, **columns)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_becomes_an_episode_without_a_word(tmp_path, ending):
    path = pendulum(tmp_path / f"run.{ending}")
    assert detect(path) == "sensor-table"
    (episode,) = open_episodes(path)
    np.testing.assert_array_equal(episode.streams["sensors"], np.stack([ROWS, 2 * ROWS], axis=1).astype(np.float32))
    np.testing.assert_allclose(episode.actions[:, 0], ROWS[:-1] / 10, rtol=1e-6)
    assert episode.specs["sensors"] == StreamSpec((2,), "float32", 10.0, "", ("pos", "vel"))
    assert (episode.action.low, episode.action.high[0]) == ((0.0,), pytest.approx(1.9))
    assert episode.action.rate_hz == 10.0
    assert (episode.times, episode.resets) == (None, ())


@pytest.mark.parametrize(
    ("names", "actions", "sensors"),
    [
        ("time tau_con1 tau_con2 tau_meas1 pos_meas1 pos_des1", "tau_con1 tau_con2", "tau_meas1 pos_meas1"),
        ("InputGasRate CO2", "InputGasRate", "CO2"),
        ("V1 V2", "V1", "V2"),
        ("frame angle throttle speed", "angle throttle", "speed"),
        ("u1 u2 x y", "u1 u2", "x y"),
        ("timestamp action_0 action_1 q", "action_0 action_1", "q"),
        ("t motor_cmd current uptime", "motor_cmd", "current uptime"),
    ],
)
def test_commands_are_known_by_their_names(tmp_path, names, actions, sensors):
    counts = {"time", "timestamp", "frame"}
    columns = {
        name: ROWS if name in counts or name == "t" else np.random.default_rng(1).normal(size=20)
        for name in names.split()
    }
    config = open_episodes(parquet(tmp_path / "x.parquet", **columns)).config
    assert (config.actions, config.sensors) == (tuple(actions.split()), tuple(sensors.split()))


def test_what_the_names_do_not_tell_is_asked_for_with_the_words_to_write(tmp_path):
    path = csv(tmp_path / "x.csv", heat=ROWS, flow=ROWS, level=ROWS)
    with pytest.raises(BadInput, match=r"heat, flow, level.*SensorTableConfig\(actions=\('heat',\)"):
        open_episodes(path)
    (episode,) = open_episodes(path, SensorTableConfig(actions=("heat",), units={"flow": "l/s", "level": "m"}))
    assert (episode.specs["sensors"].names, episode.specs["sensors"].unit) == (("flow", "level"), "l/s, m")
    assert (episode.specs["sensors"].rate_hz, episode.action.rate_hz, episode.times) == (None, None, None)
    (timed,) = open_episodes(path, SensorTableConfig(actions=("heat",), rate_hz=4.0))
    assert (timed.specs["sensors"].rate_hz, timed.action.rate_hz, len(timed)) == (4.0, 4.0, 20)


def test_records_side_by_side_and_their_period_are_known(tmp_path):
    none = [None] * 19
    path = csv(tmp_path / "tanks.csv", uEst=ROWS, uVal=ROWS * 2, yEst=ROWS * 3, yVal=ROWS * 4, Ts=[4, *none])
    path.write_text("\n".join(line + "," for line in path.read_text().splitlines()))  # as the benchmark has it
    estimation, validation = open_episodes(path)
    assert estimation.streams["sensors"][:, 0].tolist() == (ROWS * 3).tolist()
    assert validation.actions[:, 0].tolist() == (ROWS * 2)[:-1].tolist()
    assert estimation.specs == validation.specs == {"sensors": StreamSpec((1,), "float32", 0.25, "", ("y",))}
    assert estimation.action == validation.action


def test_a_note_in_a_single_row_is_no_sensor(tmp_path):
    path = csv(tmp_path / "x.csv", u=ROWS, y=ROWS, overload=[0, *[None] * 19])
    assert open_episodes(path).config.sensors == ("y",)


def test_a_folder_has_an_episode_a_file_on_the_clock_of_the_slowest(tmp_path):
    pendulum(tmp_path / "a.csv", rows=50, hz=50.0)
    pendulum(tmp_path / "b.parquet", rows=20, hz=10.0, extra=ROWS)
    (tmp_path / "README.md").write_text("two runs")
    assert detect(tmp_path) == "sensor-table"
    one, other = open_episodes(tmp_path)
    assert (len(one), len(other)) == (10, 20)
    assert one.streams["sensors"][:, 0].tolist() == list(range(0, 50, 5))
    assert one.specs == other.specs
    assert one.action == other.action
    (tmp_path / "film.mp4").write_bytes(b"")
    assert detect(tmp_path) != "sensor-table"


def test_an_episode_column_tells_episodes_apart(tmp_path):
    runs = np.repeat(["b", "a"], 10)
    one, other = open_episodes(
        parquet(tmp_path / "x.parquet", run=runs, time=np.tile(ROWS[:10] / 5, 2), u=ROWS, y=ROWS)
    )
    assert (one.provenance.source, other.provenance.source) == ("x.parquet (episode b)", "x.parquet (episode a)")
    assert one.streams["sensors"][:, 0].tolist() == list(range(10))
    assert other.streams["sensors"][:, 0].tolist() == list(range(10, 20))


def test_columns_with_rates_of_their_own_are_brought_together_where_it_is_said(tmp_path):
    slow = [row if row % 4 == 0 else None for row in range(21)]
    given = [row if row in (0, 9) else None for row in range(21)]
    path = csv(tmp_path / "x.csv", time=np.arange(21) / 10, fast=np.arange(21), slow=slow, cmd=given)
    with pytest.raises(BadEpisodeFile, match=r"'slow' of x\.csv is empty in row 1.*sparse=True"):
        open_episodes(path, SensorTableConfig(actions=("cmd",)))[0]
    (episode,) = open_episodes(path, SensorTableConfig(actions=("cmd",), sparse=True, rate_hz=5.0))
    assert episode.streams["sensors"][:, 0].tolist() == list(range(0, 21, 2))
    assert episode.streams["sensors"][:, 1].tolist() == [0, 4, 4, 8, 8, 12, 12, 16, 16, 20, 20]
    assert episode.actions[:, 0].tolist() == [0] * 4 + [9] * 6


@pytest.mark.parametrize("times", ["2024-01-01T00:00:00.", "ms"])
def test_dates_and_milliseconds_are_times(tmp_path, times):
    moments = [f"{times}{100 * row:03d}Z" for row in range(10)] if times != "ms" else 100 * ROWS[:10] + 5_000
    name = "timestamp" if times != "ms" else "time_ms"
    (episode,) = open_episodes(csv(tmp_path / "x.csv", **{name: moments, "u": ROWS[:10], "y": ROWS[:10]}))
    assert episode.action.rate_hz == 10.0
    assert episode.streams["sensors"][:, 0].tolist() == list(range(10))
    assert episode.times is None if times != "ms" else episode.times[0] == 5.0


def test_lag_bounds_and_area_are_taken_from_the_configuration(tmp_path):
    path = pendulum(tmp_path / "x.csv")
    config = SensorTableConfig(action_lag=2, bounds=((-5.0, 5.0),), rate_hz=5.0, how="area", hold="area", licence="MIT")
    (episode,) = open_episodes(path, config)
    assert (episode.action.low, episode.action.high, len(episode)) == ((-5.0,), (5.0,), 8)
    assert episode.streams["sensors"][0, 0] == (3 + 4) / 2
    assert episode.actions[0, 0] == pytest.approx((0.0 + 0.1) / 2)
    assert (episode.provenance.licence, "action_lag=2" in episode.provenance.note) == ("MIT", True)
    with pytest.raises(BadInput, match="outside its bounds"):
        open_episodes(path, SensorTableConfig(bounds=((0.0, 1.0),)))


def recorded(seed: int, **more) -> Episode:
    numbers = np.random.default_rng(seed)
    return Episode(
        {"sensors": numbers.normal(size=(12, 3)).astype("float32")},
        numbers.uniform(-1, 1, (11, 2)).astype("float32"),
        {"sensors": StreamSpec((3,), "float32", 30.0, "rad, rad, A", ("q1", "q2", "i"))},
        ActionSpec(2, (-1.0, -1.0), (1.0, 1.0), unit="Nm", rate_hz=30.0),
        **more,
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_was_written_comes_back(tmp_path, ending):
    path = tmp_path / "set" / f"runs.{ending}"
    gap = np.r_[np.arange(6), np.arange(60, 66)] / 30
    written = [
        recorded(0),
        recorded(1, resets=(4, 9)),
        recorded(2, times=np.arange(12) / 30 + 7),
        recorded(3, times=gap, resets=(6,)),
    ]
    names = {"actions": ("tau_1", "tau_2"), "sensors": ("q1", "q2", "i")}
    units = {"q1": "rad", "q2": "rad", "i": "A", "tau_1": "Nm", "tau_2": "Nm"}
    config = SensorTableConfig(**names, units=units, bounds=((-1.0, 1.0), (-1.0, 1.0)), rate_hz=30.0)
    write_episodes(path, written[:2], config)
    with pytest.raises(BadInput, match="exists already"):
        write_episodes(path, written, config)
    write_episodes(path, written[2:], config, if_exists="append")
    for reading in (config, replace(config, rate_hz=None)):
        for one, other in zip(open_episodes(path, reading), written, strict=True):
            np.testing.assert_array_equal(one.streams["sensors"], other.streams["sensors"])
            np.testing.assert_array_equal(one.actions, other.actions)
            assert (one.specs, one.action, one.resets) == (other.specs, other.action, other.resets)
            assert (one.times is None) == (other.times is None)
            if one.times is not None:
                np.testing.assert_allclose(one.times, other.times, rtol=1e-12)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_parquet_file_keeps_units(tmp_path):
    write_episodes(tmp_path / "x.parquet", [recorded(0)], SensorTableConfig(units={"action_0": "Nm", "action_1": "N"}))
    (episode,) = open_episodes(tmp_path / "x.parquet")
    assert (episode.specs["sensors"].unit, episode.action.unit) == ("rad, rad, A", "Nm, N")


def test_what_a_table_cannot_keep_is_refused_and_leaves_nothing(tmp_path):
    path = tmp_path / "x.parquet"
    images = Episode(
        {"pixels": np.zeros((3, 4, 4, 3), np.uint8)},
        np.zeros((2, 1), np.float32),
        {"pixels": StreamSpec((4, 4, 3), "uint8")},
        ActionSpec(1, (0.0,), (1.0,)),
    )
    for episodes, words in (([], "no episodes"), ([images], "vectors only"), ([recorded(0), scalars()], "one kind")):
        with pytest.raises(BadInput, match=words):
            write_episodes(path, episodes, SensorTableConfig())
    with pytest.raises(BadInput, match="must end in"):
        write_episodes(tmp_path / "x.txt", [recorded(0)], SensorTableConfig())
    assert list(tmp_path.iterdir()) == []


def scalars() -> Episode:
    streams = {"level": np.arange(4, dtype=np.float64), "arm": np.zeros((4, 2), np.float32)}
    specs = {"level": StreamSpec((), "float64", 5.0), "arm": StreamSpec((2,), "float32", 5.0)}
    return Episode(streams, np.ones((3, 1), np.float32), specs, ActionSpec(1, (0.0,), (2.0,), rate_hz=5.0))


def test_several_streams_are_written_side_by_side(tmp_path):
    write_episodes(tmp_path / "x.csv", [scalars()], SensorTableConfig())
    (episode,) = open_episodes(tmp_path / "x.csv")
    assert episode.specs["sensors"].names == ("level", "arm_0", "arm_1")
    assert episode.streams["sensors"][:, 0].tolist() == [0, 1, 2, 3]
    assert episode.actions.tolist() == [[1], [1], [1]]
    assert (episode.action.low[0], episode.action.high[0]) == pytest.approx((0.999, 1.001))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"pos": [*range(19), "nan"]}, "'pos' of x.csv is nan in row 19"),
        ({"torque": ["inf", *range(19)]}, "'torque' of x.csv is inf in row 0"),
        ({"pos": [*range(19), None]}, "'pos' of x.csv is empty in row 19"),
        ({"torque": [0, None, *range(18)]}, "'torque' of x.csv is empty in row 1"),
        ({"pos": [1e300] * 20}, "too large"),
        ({"time": [*range(10), *range(10)]}, "time 10 is 0 s, not after the 9 s"),
        ({"time": [*range(19), None]}, "needs its time"),
        ({"episode": [0] * 19 + [1]}, "1 rows"),
        ({"episode": [0] * 19 + [None]}, "needs its episode"),
    ],
    ids=["nan", "inf", "empty", "empty action", "huge", "backwards", "no time", "short", "no episode"],
)
def test_bad_cells_are_refused_in_one_sentence(tmp_path, columns, words):
    path = pendulum(tmp_path / "x.csv", **columns)
    with pytest.raises(BadEpisodeFile, match=words) as refusal:
        list(open_episodes(path))
    assert "\n" not in str(refusal.value)


def test_bad_files_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "x.csv"
    config = SensorTableConfig(actions=("torque",))
    for content in (
        b"",
        b"\x00\xff\xfe",
        b"1,2\n3,4\n",
        b"a,b\n1\n",
        b"torque,torque,y\n1,2,3\n4,5,6\n",
        b"torque,y\n",
    ):
        path.write_bytes(content)
        with pytest.raises((BadEpisodeFile, BadInput)) as refusal:
            list(open_episodes(path, config))
        assert "\n" not in str(refusal.value)
    with pytest.raises(BadEpisodeFile, match="no single column 'brake'"):
        open_episodes(pendulum(tmp_path / "y.csv"), SensorTableConfig(actions=("brake",)))
    whole = pendulum(tmp_path / "z.parquet").read_bytes()
    for broken in (b"", b"PAR1", whole[:-20], whole[: len(whole) // 2], whole.replace(b"PAR1", b"PAR2")):
        (tmp_path / "z.parquet").write_bytes(broken)
        with pytest.raises(BadEpisodeFile, match="cannot be read as Parquet"):
            open_episodes(tmp_path / "z.parquet", config)


def test_a_parquet_file_that_claims_more_than_it_can_hold_is_not_read(tmp_path):
    path = parquet(tmp_path / "x.parquet", u=np.zeros(9_000_000, np.int8), y=np.zeros(9_000_000, np.int8))
    assert path.stat().st_size < 70_000
    with pytest.raises(BadEpisodeFile, match="claims 9000000 rows"):
        open_episodes(path)

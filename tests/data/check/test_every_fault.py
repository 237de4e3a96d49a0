"""The list of faults that `gedanken data check` promises to name, line by line, through the command and from files.

One case a line, each a deliberately broken copy of sound recordings; ten sound sets in which nothing is found; and, where
`GEDANKEN_DATA` names a folder of real recordings, what the source of each tells. Seeds differ from those that thresholds were
chosen by.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import numpy as np
import pytest
from generated_sets import CLEAN, arm, mixed, moving_pattern, pendulum

from gedanken.cli.main import main
from gedanken.data.formats import Hdf5Config, SensorTableConfig, VideoFolderConfig, write_episodes

REAL = os.environ.get("GEDANKEN_DATA", "")
real = pytest.mark.skipif(not REAL, reason="GEDANKEN_DATA names no folder of real recordings")


def checked(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report of `gedanken data check PATHS --json`."""
    code = 0
    try:
        main(["data", "check", *map(str, paths), "--json"])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return code, json.loads(capsys.readouterr().out)


def named(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Findings by name."""
    return {each["name"]: each for each in report["findings"]}


def whole(fault: faults.Fault, world: Callable[[int], Any], seed: int = 611) -> Callable[[Path], tuple[Path, ...]]:
    """A set in our own store in which every episode has the fault."""

    def broken(folder: Path) -> tuple[Path, ...]:
        write_episodes(folder / "set", faults.broken(world(seed), fault, seed))
        return (folder / "set",)

    return broken


def cut_scenes(folder: Path) -> tuple[Path, ...]:
    write_episodes(folder / "set", faults.with_cuts(moving_pattern(612)))
    return (folder / "set",)


def cut_off_actions(folder: Path) -> tuple[Path, ...]:
    write_episodes(folder / "set", faults.clipped(arm(613)))
    return (folder / "set",)


def silence_in_a_csv(folder: Path) -> tuple[Path, ...]:
    write_episodes(folder / "log.csv", faults.broken(pendulum(614), faults.time_gap, 614), SensorTableConfig())
    return (folder / "log.csv",)


def no_number_in_a_csv(folder: Path) -> tuple[Path, ...]:
    write_episodes(folder / "log.csv", pendulum(618, count=2), SensorTableConfig())
    lines = (folder / "log.csv").read_text().splitlines()
    place, cells = lines[0].split(",").index('"action_0"'), lines[40].split(",")
    cells[place] = "nan"
    lines[40] = ",".join(cells)
    (folder / "log.csv").write_text("\n".join(lines))
    return (folder / "log.csv",)


def no_number_in_hdf5(folder: Path) -> tuple[Path, ...]:
    h5py = pytest.importorskip("h5py")
    write_episodes(folder / "arm.hdf5", arm(619, count=3), Hdf5Config())
    with h5py.File(folder / "arm.hdf5", "r+") as file:
        file["data/demo_1/actions"][7, 2] = np.nan
    return (folder / "arm.hdf5",)


def cut_off_video(folder: Path) -> tuple[Path, ...]:
    write_episodes(folder / "drives", moving_pattern(615, count=3, length=30), VideoFolderConfig(stream="camera"))
    [video] = (folder / "drives").glob("*1.mp4")
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    return (folder / "drives",)


def a_video_at_another_rate_than_its_table(folder: Path) -> tuple[Path, ...]:
    write_episodes(folder / "drives", moving_pattern(616, count=3, length=30), VideoFolderConfig(stream="camera"))
    (folder / "drives" / "gedanken.json").unlink()  # as others write it: the table alone tells the times
    for table in (folder / "drives").glob("*.parquet"):
        table.unlink()
        rows = [f"{k / 6},0.{k % 7},0.{k % 5}" for k in range(30)]  # at 6 Hz, beside a video at 10
        table.with_suffix(".csv").write_text("\n".join(["time,pan,tilt", *rows]))
    return (folder / "drives",)


def in_two_splits(folder: Path) -> tuple[Path, ...]:
    episodes = list(arm(617))
    write_episodes(folder / "train", episodes[:-2])
    write_episodes(folder / "held-out", [episodes[-1], episodes[4]])
    return folder / "train", folder / "held-out"


FAULTS = {
    "action shifted by one, late": (whole(faults.shifted_late, pendulum), "action-shift", 1),
    "action shifted by one, early": (whole(faults.shifted_early, moving_pattern), "action-shift", 1),
    "actions shuffled": (whole(faults.shuffled, pendulum), "actions-shuffled", 1),
    "20 % frozen": (whole(faults.frozen, arm), "frozen", 1),
    "duplicated frames": (whole(faults.repeated, pendulum), "repeated-frames", 0),
    "time gap": (whole(faults.time_gap, arm), "time-gap", 1),
    "time gap in a CSV": (silence_in_a_csv, "time-gap", 0),
    "NaN action in a CSV": (no_number_in_a_csv, "missing-values", 2),
    "NaN action in a robomimic HDF5": (no_number_in_hdf5, "missing-values", 2),
    "clipped action": (cut_off_actions, "clipped-action", 0),
    "constant channel": (whole(faults.constant, mixed), "constant-channel", 0),
    "hidden scene cut": (cut_scenes, "hidden-cut", 1),
    "truncated MP4": (cut_off_video, "unreadable", 2),
    "wrong fps": (whole(faults.wrong_rate, arm), "wrong-rate", 1),
    "wrong fps of an MP4": (a_video_at_another_rate_than_its_table, "wrong-rate", 1),
    "one episode in two splits": (in_two_splits, "leak", 1),
}
"""What is wrong: how to make it so, the finding, and the exit code: 0 for warnings, 1 for errors, 2 for what cannot be read."""


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_is_named_by_the_command(what, capsys, tmp_path):
    make, name, exit_code = FAULTS[what]
    code, report = checked(capsys, *make(tmp_path))
    assert name in named(report), report["findings"]
    assert code == exit_code
    assert report["sound"] == (exit_code == 0)
    assert all(each["said"] and each["todo"] for each in report["findings"])


def test_a_video_that_was_cut_off_says_how_much_of_it_is_good(capsys, tmp_path):
    _, report = checked(capsys, *cut_off_video(tmp_path))
    [finding] = report["findings"]
    assert "episode-000001.mp4" in finding["said"]


TEN = [name for name in CLEAN if name not in ("two rooms", "two rooms, full steps")]


def test_there_are_ten_clean_sets_with_pixels_sensors_and_both():
    streams = [frozenset(len(spec.shape) for spec in CLEAN[name](0)[0].specs.values()) for name in TEN[2:]]
    assert len(TEN) == 10
    assert {frozenset({1}), frozenset({3}), frozenset({1, 3})} <= {*streams}


@pytest.mark.parametrize(("name", "seed"), [(name, 620 + number) for number, name in enumerate(TEN)])
def test_nothing_is_found_in_ten_clean_sets(name, seed, capsys, tmp_path):
    write_episodes(tmp_path / "set", CLEAN[name](seed))
    code, report = checked(capsys, tmp_path / "set")
    assert (code, report["findings"]) == (0, [])


def test_a_clean_set_is_the_same_each_time_it_is_drawn():
    for one, other in zip(CLEAN["camera and encoder"](5), CLEAN["camera and encoder"](5), strict=True):
        assert all(np.array_equal(one.streams[name], other.streams[name]) for name in one.streams)


TOLD = {
    # The Donkey Car answers 3 to 4 frames late; its camera delivered eleven frames twice, equal to the byte.
    "donkey_track_real": {"action-lag": (3, 4), "repeated-frames": (11, 11)},
    # Sampled irregularly; controllers at their torque limit; the motors' answer shows 10 to 15 ms later at 400 Hz.
    "double_pendulum_real": {"irregular-sampling": (1000, 3000), "clipped-action": (1, 1000), "action-lag": (4, 6)},
    # Friction was not compensated, and only one joint was driven, by a chirp that its joint follows.
    "double_pendulum_real/C0_sysid_06.parquet": {"constant-channel": (1, 2), "irregular-sampling": (3, 20)},
    "double_pendulum_real/C1_sysid_2.parquet": {"constant-channel": (2, 2)},
    "double_pendulum_real/C0_acrobot_tvlqr_1.parquet": {"irregular-sampling": (300, 600)},
    # All episodes were cut off upstream after ten steps.
    "bridge_mini": {"short-episode": (25, 25)},
    "process_sysid/silverbox_Schroeder80mV.parquet": {"overload": (1, 1)},
    "process_sysid/silverbox_SNLS80mV.parquet": {},
    # The lower tank's sensor ends at 10 V, above which the tank overflows.
    "process_sysid/cascaded_tanks.csv": {"saturated": (3, 10)},
    "process_sysid/gas_furnace.csv": {},
    # One machine, and seven controllers at rates from 50 to 1000 Hz.
    "simple_pendulum_real": {"irregular-sampling": (3, 100)},
    "simple_pendulum_real/ddp.parquet": {},
    # Moved by hand: the motor only carries the weight. A row came 5 ms late.
    "simple_pendulum_real/gravity_compensation.parquet": {
        "actions-shuffled": (1, 1),
        "irregular-sampling": (3, 100),
        "time-gap": (1, 1),
    },
    "real_clips": {},
}
"""Of each real recording every finding there is, and between which counts."""


@real
@pytest.mark.parametrize("path", TOLD)
def test_in_real_recordings_it_is_found_what_their_sources_tell_and_nothing_else(path, capsys):
    _, report = checked(capsys, Path(REAL) / path)
    assert named(report).keys() == TOLD[path].keys(), [each["said"] for each in report["findings"]]
    for each in report["findings"]:
        least, most = TOLD[path][each["name"]]
        assert least <= each["count"] <= most, each["said"]

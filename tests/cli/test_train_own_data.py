"""`gedanken train PATH` with no further word on what people have: LeRobot v3, robomimic's HDF5, MP4s with tables of actions."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gedanken.cli.main import main
from gedanken.data import EpisodeFolder, EpisodeList
from gedanken.data.camera import with_pixels
from gedanken.data.formats import LeRobotConfig, VideoFolderConfig, open_episodes, write_episodes
from gedanken.evaluation import sensor_prediction
from gedanken.evaluation.sensor_prediction import evaluate_sensors
from gedanken.recipes import load, training_report
from gedanken.types import ActionSpec, Episode, StreamSpec

SMALL = ("--batch", "4", "--dtype", "float32", "--device", "cpu", "--set", "train.steps=2")
RATE, LENGTH = 10.0, 40


@pytest.fixture(autouse=True)
def quick_read_out(monkeypatch):
    """A read-out of a few steps on a few windows: how good it is, is tested where it lives."""
    monkeypatch.setattr(sensor_prediction, "_FITTED_ON", 48)
    monkeypatch.setattr(training_report, "evaluate_sensors", partial(evaluate_sensors, readout_steps=5))


def an_arm(cameras: tuple[str, ...] = ("wrist", "top"), side: int = 64, count: int = 5) -> EpisodeList:
    """A bright square that goes where it is told, seen by cameras, and where it is."""
    draws, episodes = np.random.default_rng(8), EpisodeList()
    specs = {name: StreamSpec((side, side, 3), "uint8", RATE) for name in cameras}
    action = ActionSpec(2, (-4.0, -4.0), (4.0, 4.0), rate_hz=RATE)
    for _ in range(count):
        steps = draws.uniform(-4, 4, (LENGTH - 1, 2)).astype(np.float32)
        places = np.clip(np.cumsum(np.concatenate([[[30.0, 30.0]], steps]), axis=0), 0, side - 8).astype(np.float32)
        frames = draws.integers(0, 40, (LENGTH, side, side, 3)).astype(np.uint8)
        for frame, (across, down) in zip(frames, places.astype(int), strict=True):
            frame[down : down + 8, across : across + 8] = 230
        streams = {name: frames if name == cameras[0] else 255 - frames for name in cameras}
        places_spec = StreamSpec((2,), "float32", RATE, "px")
        episodes.append(
            Episode({**streams, "state": places}, steps, {**specs, "state": places_spec}, action)
            if len(cameras) > 1
            else Episode(streams, steps, specs, action)
        )
    return episodes


def lerobot(folder: Path) -> Path:
    """As the LeRobot package would leave it: nothing of ours beside it."""
    write_episodes(folder / "set", an_arm(), LeRobotConfig())
    (folder / "set" / "gedanken.json").unlink()
    assert json.loads((folder / "set" / "meta" / "info.json").read_text())["codebase_version"] == "v3.0"
    return folder / "set"


def robomimic(folder: Path) -> Path:
    """Groups of demonstrations with as many actions as observations, and images of 84×84."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "low_dim.hdf5", "w") as file:
        data = file.create_group("data")
        for number, episode in enumerate(an_arm(side=84)):
            demo, steps = data.create_group(f"demo_{number}"), len(episode.actions)
            demo.attrs["num_samples"] = steps
            demo["actions"] = episode.actions
            demo["obs/agentview_image"] = episode.streams["wrist"][:steps]
            demo["obs/robot0_eye_in_hand_image"] = episode.streams["top"][:steps]
            demo["obs/robot0_eef_pos"] = episode.streams["state"][:steps]
    return folder / "low_dim.hdf5"


def drives(folder: Path) -> Path:
    """MP4s of a camera's own size, each with a CSV of what was done."""
    write_episodes(
        folder / "drives", an_arm(("camera",), side=96), VideoFolderConfig(stream="camera", table="csv", size=None)
    )
    (folder / "drives" / "gedanken.json").unlink()
    return folder / "drives"


SETS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...], set[str]]] = {
    "LeRobot v3": (lerobot, ("'wrist' is what is seen", "Left out: top", "0.2 s at 10 Hz"), {"pixels", "state"}),
    "robomimic": (
        robomimic,
        ("84×84 are averaged to 64×64", "Left out: robot0_eye_in_hand_image"),
        {"pixels", "robot0_eef_pos"},
    ),
    "MP4 and CSV": (drives, ("64×64 pixels are encoded",), {"pixels"}),
}


@pytest.mark.parametrize("kind", SETS)
def test_training_runs_to_its_report_with_no_further_word(kind, capsys, tmp_path):
    make, said, streams = SETS[kind]
    run = tmp_path / "run"
    main(["train", str(make(tmp_path)), "--run", str(run), *SMALL])
    answer = " ".join(capsys.readouterr().out.split())
    for words in said:
        assert words in answer
    assert "copy-last" in answer
    assert ("ARX" in answer) == (len(streams) > 1)
    assert "copy-last" in (run / "report.html").read_text()
    loaded = load(run / "model.safetensors")
    assert set(loaded.observation) == streams
    assert loaded.observation["pixels"].shape == (64, 64, 3)
    assert loaded.model.action.width == 2


def test_the_doctor_sees_what_the_model_was_trained_on(capsys, tmp_path):
    write_episodes(tmp_path / "set", an_arm(("front",), side=84))
    data, run = tmp_path / "set", tmp_path / "run"
    main(["train", str(data), "--run", str(run), *SMALL])
    with pytest.raises(SystemExit) as stopped:  # two steps of training make no healthy model
        main(["doctor", str(run / "model.safetensors"), str(data), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (stopped.value.code, told["data"]) == (1, str(data))


def test_our_own_store_with_another_cameras_name_is_kept_as_training_reads_it(capsys, tmp_path):
    write_episodes(tmp_path / "set", an_arm(("front",), side=100))
    main(["train", str(tmp_path / "set"), "--run", str(tmp_path / "run"), *SMALL])
    assert "'front' is what is seen (`pixels`); frames of 100×100" in " ".join(capsys.readouterr().out.split())
    assert EpisodeFolder.open(tmp_path / "run" / "episodes")[0].specs["pixels"].shape == (64, 64, 3)
    main(["train", "--resume", str(tmp_path / "run")])


def test_recordings_that_fit_are_left_as_they_are():
    fitting = an_arm(("pixels",), side=96)
    assert with_pixels(fitting) == (fitting, "")
    numbers = EpisodeList()
    assert with_pixels(numbers) == (numbers, "")


def test_a_camera_is_renamed_and_averaged_and_nothing_else_is_touched():
    source = an_arm(side=128)
    [episode, *_], told = with_pixels(source, (64, 64))
    one = source[0].streams["wrist"].reshape(LENGTH, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(episode.streams["pixels"] - one).max() <= 1
    assert list(episode.streams) == ["pixels", "top", "state"]
    np.testing.assert_array_equal(episode.streams["top"], source[0].streams["top"])
    np.testing.assert_array_equal(episode.actions, source[0].actions)
    assert "128×128 are averaged to 64×64" in told


def test_what_lerobot_keeps_is_read_with_its_cameras_names(tmp_path):
    assert set(open_episodes(lerobot(tmp_path))[0].streams) == {"wrist", "top", "state"}

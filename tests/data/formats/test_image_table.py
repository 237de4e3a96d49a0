import builtins
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gedanken.data import WindowSampler, fit_statistics, time_blocks
from gedanken.data.formats import read_image_table
from gedanken.errors import BadEpisodeFile, BadInput, MissingExtra

DRIVE = Path(__file__).parents[3] / "examples" / "data" / "donkey_track" / "donkey_track.parquet"


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def table(path: Path, rows: int = 8, **columns) -> Path:
    """Row r holds a picture of grey level 10·r, whose right half is 100 brighter, and the command r."""
    pictures = np.zeros((rows, 8, 12, 3), np.uint8) + 10 * np.arange(rows, dtype=np.uint8)[:, None, None, None]
    pictures[:, :, 6:] += 100
    standard = {
        "picture": [encoded(each) for each in pictures],
        "steer": np.arange(rows) / 10,
        "gas": [1, 0] * (rows // 2),
    }
    pq.write_table(pa.table({**standard, **columns}), path)
    return path


def read(path: Path, **more):
    return read_image_table(path, image="picture", actions=["steer", "gas"], **more)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_frame_is_paired_with_the_command_given_so_many_frames_earlier(tmp_path, lag):
    episode = read(table(tmp_path / "drive"), size=(4, 6), action_lag=lag)
    rows = episode.streams["pixels"][:, 0, 0, 0] // 10
    assert rows.tolist() == list(range(lag, 8))
    commands = np.round(episode.actions[:, 0] * 10).astype(int)
    assert len(commands) == len(episode) - 1
    assert (commands == rows[:-1] - lag).all()
    assert episode.actions.dtype == np.float32


def test_pictures_are_averaged_over_area_in_height_and_width(tmp_path):
    pixels = read(table(tmp_path / "drive"), size=(2, 3)).streams["pixels"]
    assert pixels.shape == (8, 2, 3, 3)
    assert pixels[1, 0, :, 0].tolist() == [10, 60, 110]


def test_specs_bounds_and_provenance_are_told(tmp_path):
    path = table(tmp_path / "drive.parquet")
    episode = read(path, rate_hz=20.0, bounds=[(-1.0, 1.0), (0.0, 1.0)], licence="MIT", action_lag=1)
    assert (episode.action.low, episode.action.high, episode.action.rate_hz) == ((-1.0, 0.0), (1.0, 1.0), 20.0)
    assert episode.specs["pixels"].rate_hz == 20.0
    assert (episode.provenance.source, episode.provenance.licence) == ("drive.parquet", "MIT")
    assert "action_lag=1" in episode.provenance.note
    assert read(path).action.high == pytest.approx((0.7, 1.0))
    with pytest.raises(BadInput, match=r"'steer' runs from 0 to 0\.7"):
        read(path, bounds=[(-0.5, 0.5), (0.0, 1.0)])
    with pytest.raises(BadInput, match="one pair each"):
        read(path, bounds=[(-1.0, 1.0)])


def bomb() -> bytes:
    content = bytearray(encoded(np.zeros((1, 1, 3), np.uint8)))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    return bytes(content)


HALF_A_PICTURE = encoded(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8), "JPEG")[:500]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"picture": [b"no picture"] * 8}, "row 0 of drive holds no readable JPEG or PNG"),
        ({"picture": [HALF_A_PICTURE] * 8}, "row 0 of drive holds no readable"),
        ({"picture": [bomb()] * 8}, "row 0 of drive"),
        ({"picture": [None] * 8}, "row 0 of drive holds NoneType"),
        ({"picture": ["text"] * 8}, "row 0 of drive holds str"),
        ({"steer": ["left"] * 8}, "'steer' of drive is string"),
        ({"steer": [0.0] * 7 + [None]}, "missing or non-finite"),
        ({"steer": [0.0] * 7 + [float("inf")]}, "missing or non-finite"),
        ({"gas": [[1.0]] * 8}, "'gas' of drive is list"),
    ],
    ids=["not a picture", "truncated", "bomb", "null", "text", "words", "missing", "infinite", "lists"],
)
def test_bad_rows_are_refused_in_one_sentence(tmp_path, columns, words):
    with pytest.raises(BadEpisodeFile, match=words) as refusal:
        read(table(tmp_path / "drive", **columns))
    assert "\n" not in str(refusal.value)


def test_bad_files_and_arguments_are_refused_in_one_sentence(tmp_path):
    path = table(tmp_path / "drive")
    with pytest.raises(BadEpisodeFile, match="no single column 'brake'; it has picture, steer, gas"):
        read_image_table(path, image="picture", actions=["steer", "brake"])
    with pytest.raises(BadEpisodeFile, match="8 rows; with action_lag=7 at least 9"):
        read(path, action_lag=7)
    for arguments in ({"size": (0, 4)}, {"action_lag": -1}):
        with pytest.raises(BadInput, match="at least 1"):
            read(path, **arguments)
    content = path.read_bytes()
    for broken in (b"", b"PAR1", content[:-20], content[: len(content) // 2], content.replace(b"PAR1", b"PAR2")):
        path.write_bytes(broken)
        with pytest.raises(BadEpisodeFile, match="cannot be read as Parquet") as refusal:
            read(path)
        assert "\n" not in str(refusal.value)
    with pytest.raises(BadEpisodeFile):
        read(tmp_path / "nothing")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    known = builtins.__import__

    def without(name, *more):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return known(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'gedanken\[data\]'"):
        read(tmp_path / "drive")


def test_a_real_drive_becomes_training_and_held_out_windows():
    drive = read_image_table(
        DRIVE, actions=["angle", "throttle"], bounds=[(-1.0, 1.0), (0.0, 1.0)], rate_hz=20.0, action_lag=3
    )
    assert len(drive) == 997
    assert drive.action.width == 2
    frames = drive.streams["pixels"].astype(np.int16)
    neighbours = np.abs(frames[1:] - frames[:-1]).mean()
    assert neighbours < 0.6 * np.abs(frames[500:] - frames[:497]).mean()
    training, held_out = time_blocks(drive, blocks=5, held_out=(4,), gap=20)
    assert [len(each) for each in (*training, *held_out)] == [777, 200]
    assert len(WindowSampler(training, 4, 2)) == 777 - 6
    assert fit_statistics(training)["pixel_std"].min() > 20

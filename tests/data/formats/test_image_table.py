import builtins
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gedanken.data import WindowSampler, fit_statistics, time_blocks
from gedanken.data.formats import ImageTableConfig, detect, open_episodes, read_image_table, write_episodes
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
        ({"gas": [[1.0]] * 7 + [[1.0, 2.0]]}, "'gas' of drive is lists of lengths"),
        ({"gas": [["left"]] * 8}, "'gas' of drive is list"),
    ],
    ids=[
        "not a picture",
        "truncated",
        "bomb",
        "null",
        "text",
        "words",
        "missing",
        "infinite",
        "ragged",
        "lists of words",
    ],
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


def robot(path: Path, episodes: tuple[int, ...] = (4, 3), groups: int = 3) -> Path:
    """Two cameras, lists of state and action, and episodes whose rows lie across row groups, as BridgeData has them."""
    rows = sum(episodes)
    views = {
        f"image_{view}": [encoded(np.full((4, 4, 3), 10 * row + view, np.uint8)) for row in range(rows)]
        for view in (0, 1)
    }
    columns = {
        "episode": np.repeat(np.arange(len(episodes)), episodes),
        "t": np.concatenate([np.arange(length) for length in episodes]),
        "task": ["put"] * rows,
        **views,
        "state": [[float(row), 1.0, 2.0] for row in range(rows)],
        "action": [[row / 10, -row / 10] for row in range(rows)],
    }
    pq.write_table(pa.table(columns), path, row_group_size=groups)
    return path


@pytest.mark.parametrize("groups", [1, 3, 100])
def test_a_table_of_episodes_and_cameras_is_read_without_a_word(tmp_path, groups):
    path = robot(tmp_path / "robot.parquet", groups=groups)
    (tmp_path / "LICENSE").write_text("MIT")
    assert detect(path) == detect(tmp_path) == "image-table"
    assert len(open_episodes(tmp_path)) == 2
    episodes = open_episodes(path)
    assert [len(each) for each in episodes] == [4, 3]
    second = episodes[1]
    assert set(second.specs) == {"pixels", "image_1", "sensors"}
    assert second.streams["pixels"][:, 0, 0, 0].tolist() == [40, 50, 60]
    assert second.streams["image_1"][:, 0, 0, 0].tolist() == [41, 51, 61]
    assert second.streams["sensors"].tolist() == [[4, 1, 2], [5, 1, 2], [6, 1, 2]]
    assert second.specs["sensors"].names == ("state_0", "state_1", "state_2")
    assert second.actions == pytest.approx(np.array([[0.4, -0.4], [0.5, -0.5]], np.float32))
    assert (second.action.low, second.action.high) == (pytest.approx((0.0, -0.6)), pytest.approx((0.6, 0.0)))
    assert second.provenance.source == "robot.parquet (episode 1)"


def test_columns_of_images_and_sensors_are_chosen(tmp_path):
    path = robot(tmp_path / "robot.parquet")
    config = ImageTableConfig(images=("image_1",), sensors=("t", "state"), size=(2, 2), action_lag=1, rate_hz=5.0)
    first = open_episodes(path, config)[0]
    assert {name: spec.shape for name, spec in first.specs.items()} == {"pixels": (2, 2, 3), "sensors": (4,)}
    assert first.streams["pixels"][:, 0, 0, 0].tolist() == [11, 21, 31]
    assert first.actions[:, 0] == pytest.approx([0.0, 0.1])
    (whole,) = open_episodes(path, ImageTableConfig(episode=""))
    assert len(whole) == 7


def test_images_beside_their_paths_are_read_too(tmp_path):
    pictures = [{"bytes": encoded(np.full((4, 4, 3), 9 * row, np.uint8)), "path": f"{row}.png"} for row in range(4)]
    pq.write_table(pa.table({"image": pictures, "throttle": [0.0, 1.0, 2.0, 3.0]}), tmp_path / "hub.parquet")
    (episode,) = open_episodes(tmp_path / "hub.parquet")
    assert episode.streams["pixels"][:, 0, 0, 0].tolist() == [0, 9, 18, 27]


def test_what_an_image_table_does_not_tell_is_asked_for(tmp_path):
    path = table(tmp_path / "x.parquet")
    assert open_episodes(path, ImageTableConfig(actions=("gas",)))[0].action.width == 1
    assert open_episodes(path).config.actions == ("steer",)
    plain = pq.read_table(path).rename_columns({"steer": "one", "gas": "two"})
    pq.write_table(plain, path)
    with pytest.raises(BadInput, match=r"picture, one, two.*ImageTableConfig\("):
        open_episodes(path)
    pq.write_table(plain.drop(["picture"]), path)
    with pytest.raises(BadInput, match="are images is not told"):
        open_episodes(path, ImageTableConfig(actions=("one",)))
    assert detect(path) == "sensor-table"
    with pytest.raises(BadInput, match="only read"):
        write_episodes(tmp_path / "y.parquet", [], ImageTableConfig())


@pytest.mark.parametrize("numbers", [[0, 1, 0, 1, 1, 1, 1, 1], [0, 0, None, None, 1, 1, 1, 1]])
def test_scattered_episodes_are_refused(tmp_path, numbers):
    path = table(tmp_path / "x.parquet", episode=pa.array(numbers))
    with pytest.raises(BadEpisodeFile, match=r"'episode' of x\.parquet is empty somewhere or scatters"):
        open_episodes(path)


def test_one_picture_repeated_without_end_is_not_read(tmp_path):
    picture = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(100_000, np.int32)), pa.array([encoded(np.zeros((4, 4, 3), np.uint8))])
    )
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": picture.cast("binary"), "throttle": np.zeros(100_000, np.int8)}), path)
    with pytest.raises(BadEpisodeFile, match="claims 100000 pictures"):
        read_image_table(path, actions=["throttle"])

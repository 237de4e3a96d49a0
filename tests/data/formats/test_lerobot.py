"""LeRobot datasets, v3.0 and v2.1: written by the schema, read frame-exact, and refused in a sentence where they lie."""

import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gedanken.data.formats import LeRobotConfig, detect, open_episodes, write_episodes
from gedanken.errors import BadEpisodeFile, BadInput, StorageError, UnknownName
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

VERSIONS = ("v3.0", "v2.1")
SPECS = {
    "top": StreamSpec((48, 64, 3), "uint8", 10.0),
    "wrist": StreamSpec((48, 64, 3), "uint8", 10.0),
    "state": StreamSpec((4,), "float32", 10.0, "rad"),
    "touch": StreamSpec((2, 3), "float64", 10.0),
    "closed": StreamSpec((), "bool", 10.0),
}
LENGTHS = (20, 7, 1, 12)


def episode(seed: int = 0, timed: bool = False) -> Episode:
    """Each frame of `top` is brighter by 8 than the one before, and each episode by 3; `wrist` is its negative."""
    length, numbers = LENGTHS[seed], np.random.default_rng(seed)
    slope = np.mgrid[:48, :64].sum(axis=0) % 60
    top = (slope + 3 * seed + 8 * np.arange(length)[:, None, None])[..., None].repeat(3, axis=3).astype(np.uint8)
    streams = {
        "top": top,
        "wrist": 255 - top,
        "state": numbers.normal(size=(length, 4)).astype(np.float32),
        "touch": numbers.normal(size=(length, 2, 3)),
        "closed": numbers.random(length) > 0.5,
    }
    return Episode(
        streams,
        numbers.normal(size=(length - 1, 3)).astype(np.float32),
        SPECS,
        ActionSpec(3, (-9.0,) * 3, (9.0,) * 3, norm=12.0, unit="N", rate_hz=10.0),
        times=np.cumsum(numbers.uniform(0.01, 0.3, length)) if timed else None,
        resets=(5,) if length > 5 else (),
        provenance=Provenance("rig 7", "MIT", f"task: pick {seed % 2}", "by hand"),
    )


EPISODES = [episode(seed) for seed in range(4)]


def dataset(path: Path, version: str = "v3.0", episodes: list[Episode] = EPISODES, **more) -> Path:
    write_episodes(path, episodes, LeRobotConfig(version=version, **more))
    return path


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Makes datasets as others would have written them: without what we put beside them."""
    ours = {version: dataset(tmp_path_factory.mktemp("written") / "set", version) for version in VERSIONS}

    def copied(path: Path, version: str = "v3.0") -> Path:
        shutil.copytree(ours[version], path, ignore=shutil.ignore_patterns("gedanken.json"))
        return path

    return copied


def changed(path: Path, **fields) -> None:
    info = path / "meta" / "info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | fields))


def assert_equal(one: Episode, other: Episode) -> None:
    assert one.specs == other.specs
    assert (one.action, one.resets, one.provenance) == (other.action, other.resets, other.provenance)
    np.testing.assert_array_equal(one.actions, other.actions)
    assert (one.times is None) == (other.times is None)
    if one.times is not None:
        np.testing.assert_array_equal(one.times, other.times)
    for name, values in one.streams.items():
        np.testing.assert_array_equal(values, other.streams[name])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("timed", [False, True])
def test_what_was_written_is_read_again(tmp_path, version, timed):
    written = [episode(0, timed), *EPISODES[1:3], episode(3, timed)]
    dataset(tmp_path / "set", version, written, crf=None)
    assert detect(tmp_path / "set") == "lerobot"
    back = open_episodes(tmp_path / "set", LeRobotConfig(size=None))
    assert len(back) == 4
    for one, other in zip(back, written, strict=True):
        assert_equal(one, other)


@pytest.mark.parametrize("version", VERSIONS)
def test_others_datasets_are_read_frame_exact_with_their_own_bounds_and_tasks(tmp_path, foreign, version):
    path = foreign(tmp_path / "set", version)
    videos = sorted((path / "videos").rglob("*.mp4"))
    assert len(videos) == (2 if version == "v3.0" else 8)
    back = open_episodes(path, LeRobotConfig(size=None, licence="MIT"))
    steps = np.concatenate([each.actions for each in EPISODES])
    # The last action of an episode, after which nothing was seen, is a copy of the one before or, where there is none, 0.
    for one, other in zip(back, EPISODES, strict=True):
        assert set(one.streams) == set(other.streams)
        for name in ("top", "wrist"):
            difference = np.abs(one.streams[name].astype(int) - other.streams[name])
            assert difference.mean(axis=(1, 2, 3)).max() < 3  # the frames beside it differ by 8
            assert one.specs[name] == StreamSpec((48, 64, 3), "uint8", 10.0)
        np.testing.assert_array_equal(one.streams["state"], other.streams["state"])
        np.testing.assert_allclose(one.streams["touch"], other.streams["touch"], rtol=1e-6)
        assert one.specs["touch"] == StreamSpec((2, 3), "float32", 10.0)
        np.testing.assert_array_equal(one.streams["closed"][:, 0], other.streams["closed"])
        np.testing.assert_array_equal(one.actions, other.actions)
        assert one.provenance.note == other.provenance.note
        assert one.provenance.licence == "MIT"
        assert one.action.rate_hz == 10.0
        np.testing.assert_allclose(one.action.low, np.minimum(steps.min(axis=0), 0), rtol=1e-6)
        np.testing.assert_allclose(one.action.high, np.maximum(steps.max(axis=0), 0), rtol=1e-6)
    assert back[1].streams["top"].shape == (7, 48, 64, 3)
    assert open_episodes(path)[1].streams["top"].shape == (7, 64, 64, 3)


def test_only_what_is_asked_for_is_opened(tmp_path, foreign):
    path = foreign(tmp_path / "set")
    shutil.rmtree(path / "videos" / "observation.images.top")
    back = open_episodes(path, LeRobotConfig(streams=("wrist", "state")))
    assert set(back[3].streams) == {"wrist", "state"}
    with pytest.raises(BadEpisodeFile, match=r"file-000\.mp4 cannot be read"):
        open_episodes(path)[3]
    with pytest.raises(UnknownName, match=r"no stream 'wrst'.*Did you mean 'wrist'"):
        open_episodes(path, LeRobotConfig(streams=("wrst",)))


def test_a_dataset_without_actions_has_actions_of_no_width(tmp_path):
    bare = [replace(each, actions=each.actions[:, :0], action=ActionSpec(0, (), ())) for each in EPISODES]
    path = dataset(tmp_path / "set", episodes=bare, crf=None)
    assert_equal(open_episodes(path, LeRobotConfig(size=None))[1], bare[1])
    assert "action" not in json.loads((path / "meta/info.json").read_text())["features"]


def test_pictures_kept_in_the_table_are_read(tmp_path, foreign):
    path = foreign(tmp_path / "set")

    def encoded(pixels: np.ndarray) -> dict:
        file = BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return {"bytes": file.getvalue(), "path": "frame.png"}

    table = pq.read_table(path / "data/chunk-000/file-000.parquet")
    cells = [encoded(pixels) for each in EPISODES for pixels in each.streams["wrist"]]
    pq.write_table(
        table.append_column("observation.images.wrist", pa.array(cells)), path / "data/chunk-000/file-000.parquet"
    )
    features = json.loads((path / "meta/info.json").read_text())["features"]
    features["observation.images.wrist"]["dtype"] = "image"
    changed(path, features=features)
    shutil.rmtree(path / "videos" / "observation.images.wrist")
    back = open_episodes(path, LeRobotConfig(size=None))
    np.testing.assert_array_equal(back[3].streams["wrist"], EPISODES[3].streams["wrist"])


def test_v3_is_written_by_the_published_schema(tmp_path):
    path = dataset(tmp_path / "set")
    info = json.loads((path / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_episodes"]) == ("v3.0", 10, 4)
    assert (info["total_frames"], info["total_tasks"], info["splits"]) == (40, 2, {"train": "0:4"})
    assert info["features"]["action"]["shape"] == [3]
    assert info["features"]["observation.images.top"]["names"] == ["height", "width", "channels"]
    assert info["features"]["observation.images.top"]["info"]["video.pix_fmt"] == "yuv420p"
    data = pq.read_table(path / info["data_path"].format(chunk_index=0, file_index=0))
    assert set(data.column_names) == {key for key, feature in info["features"].items() if feature["dtype"] != "video"}
    assert data.schema.field("action").type == pa.list_(pa.float32(), 3)
    assert data.schema.field("timestamp").type == pa.float32()
    assert data.column("index").to_pylist() == list(range(40))
    assert pq.ParquetFile(path / "data/chunk-000/file-000.parquet").num_row_groups == 4
    rows = pq.read_table(path / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["dataset_from_index"] for row in rows] == [0, 20, 27, 28]
    starts = [row["videos/observation.images.top/from_timestamp"] for row in rows]
    np.testing.assert_allclose(starts, [0.0, 2.0, 2.7, 2.8])
    assert rows[1]["tasks"] == ["pick 1"]
    tasks = pq.read_table(path / "meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0, 1], "task": ["pick 0", "pick 1"]}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]
    stats = json.loads((path / "meta/stats.json").read_text())
    states = np.concatenate([each.streams["state"] for each in EPISODES]).astype(float)
    for name, expected in (
        ("min", states.min(0)),
        ("max", states.max(0)),
        ("mean", states.mean(0)),
        ("std", states.std(0)),
    ):
        np.testing.assert_allclose(stats["observation.state"][name], expected, rtol=1e-9)
    assert stats["observation.state"]["count"] == [40]
    top = np.concatenate([each.streams["top"] for each in EPISODES]) / 255
    np.testing.assert_allclose(np.ravel(stats["observation.images.top"]["mean"]), top.mean(axis=(0, 1, 2)), rtol=1e-9)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_lies_there_is_refused_appended_to_or_replaced(tmp_path, version, monkeypatch):
    config = LeRobotConfig(version=version, crf=None, size=None)
    where = dataset(tmp_path / "set", version, EPISODES[:2], crf=None)
    with pytest.raises(BadInput, match="exists already"):
        dataset(where, version)
    monkeypatch.setattr("gedanken.data.formats.lerobot_files.DATA_MB", 1e-9)  # from now on, a file an episode
    write_episodes(where, EPISODES[2:], config, if_exists="append")
    assert len(list(where.glob("data/*/*.parquet"))) == (3 if version == "v3.0" else 4)
    for one, other in zip(open_episodes(where, config), EPISODES, strict=True):
        assert_equal(one, other)
    if version == "v3.0":
        whole = json.loads((dataset(tmp_path / "whole") / "meta/stats.json").read_text())
        stats = json.loads((where / "meta/stats.json").read_text())
        for key in ("action", "observation.touch", "index"):
            for name, value in whole[key].items():
                np.testing.assert_allclose(stats[key][name], value, rtol=1e-9)
        shutil.rmtree(tmp_path / "whole")
    write_episodes(where, EPISODES[1:2], config, if_exists="overwrite")
    (only,) = open_episodes(where, config)
    assert_equal(only, EPISODES[1])
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("if_exists", ["append", "overwrite"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, if_exists):
    config = LeRobotConfig(crf=None, size=None)
    where = dataset(tmp_path / "set", episodes=EPISODES[:1], crf=None)

    def broken():
        yield EPISODES[1]
        raise OSError("no space left on device")

    with pytest.raises(StorageError, match="no space"):
        write_episodes(where, broken(), config, if_exists=if_exists)
    with pytest.raises(BadInput, match="this store keeps"):
        write_episodes(
            where,
            [EPISODES[1], replace(EPISODES[1], action=ActionSpec(3, (-1.0,) * 3, (1.0,) * 3))],
            config,
            if_exists=if_exists,
        )
    (only,) = open_episodes(where, config)
    assert_equal(only, EPISODES[0])
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_what_cannot_be_kept_is_told(tmp_path, foreign):
    silent = replace(
        EPISODES[0],
        specs={n: replace(s, rate_hz=None) for n, s in SPECS.items()},
        action=replace(EPISODES[0].action, rate_hz=None),
    )
    with pytest.raises(BadInput, match="do not say their rate"):
        dataset(tmp_path / "set", episodes=[silent])
    dataset(tmp_path / "set", episodes=[silent], fps=12.5, crf=None)
    assert_equal(open_episodes(tmp_path / "set", LeRobotConfig(size=None))[0], silent)
    with pytest.raises(BadInput, match="uneven times and the first has none"):
        dataset(tmp_path / "other", episodes=[EPISODES[0], episode(1, timed=True)])
    with pytest.raises(BadInput, match="no episodes"):
        dataset(tmp_path / "other", episodes=[])
    with pytest.raises(BadInput, match=r"is LeRobot v3\.0; v2\.1 is not appended"):
        write_episodes(tmp_path / "set", [silent], LeRobotConfig(version="v2.1"), if_exists="append")
    with pytest.raises(BadEpisodeFile, match="not written by gedanken"):
        write_episodes(foreign(tmp_path / "other"), EPISODES, LeRobotConfig(), if_exists="append")
    with pytest.raises(BadInput, match="size="):
        LeRobotConfig(size=(0, 1))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"codebase_version": "v1.6"}, "v1.6.*v3.0 are read"),
        ({"fps": 0}, "at 0 fps"),
        ({"fps": "ten"}, "a number was expected"),
        ({"total_episodes": 5}, "tells of 5 episodes and its table of 4"),
        ({"data_path": "../{chunk_index:03d}/x"}, "leads out"),
        ({"data_path": "/etc/passwd"}, "leads out"),
        ({"data_path": "{chunk_index.__class__}"}, "cannot be read as Parquet"),
        ({"data_path": "{chunk:03d}/x"}, "no version knows"),
        ({"data_path": 3}, "no proper 'data_path'"),
        ({"video_path": "{video_key}/{file_index:0999999999d}"}, "cannot be read as MP4"),
        ({"features": {"a": {"dtype": "float32", "shape": [-1]}}}, "a count was expected"),
        ({"features": []}, "no proper 'features'"),
    ],
)
def test_a_meta_that_lies_is_refused_in_one_sentence(tmp_path, foreign, fields, words):
    path = foreign(tmp_path / "set")
    changed(path, **fields)
    with pytest.raises(BadEpisodeFile, match=words) as refusal:
        open_episodes(path)[0]
    assert "\n" not in str(refusal.value)


def _without(path: Path, column: str) -> None:
    pq.write_table(pq.read_table(path).drop_columns([column]), path)


def _with(path: Path, column: str, values) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), path)


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (lambda at: (at / "data/chunk-000/file-000.parquet").unlink(), "cannot be read as Parquet"),
        (lambda at: (at / "data/chunk-000/file-000.parquet").write_bytes(b"PAR1"), "cannot be read as Parquet"),
        (lambda at: (at / "meta/episodes/chunk-000/file-000.parquet").write_bytes(b""), "cannot be read as Parquet"),
        (lambda at: (at / "meta/info.json").write_text("{"), "its JSON cannot be read"),
        (lambda at: _without(at / "data/chunk-000/file-000.parquet", "action"), "no column 'action'"),
        (
            lambda at: _without(at / "data/chunk-000/file-000.parquet", "observation.state"),
            "no column 'observation.state'",
        ),
        (lambda at: _without(at / "meta/episodes/chunk-000/file-000.parquet", "length"), "no column 'length'"),
        (
            lambda at: _with(at / "meta/episodes/chunk-000/file-000.parquet", "length", [19, 8, 1, 12]),
            "20 rows .* frames 0 to 18",
        ),
        (lambda at: _with(at / "meta/episodes/chunk-000/file-000.parquet", "length", [0, 8, 1, 12]), "without a frame"),
        (
            lambda at: _with(at / "meta/episodes/chunk-000/file-000.parquet", "length", [2**39, 8, 1, 12]),
            "20 rows .* frames 0 to 549755813887 in order",
        ),
        (
            lambda at: _with(at / "data/chunk-000/file-000.parquet", "observation.state", [[0.0, 1.0]] * 40),
            r"numbers of shape \(4,\)",
        ),
        (
            lambda at: _with(at / "data/chunk-000/file-000.parquet", "observation.state", ["x"] * 40),
            r"numbers of shape \(4,\)",
        ),
        (
            lambda at: _with(at / "data/chunk-000/file-000.parquet", "observation.state", [[np.nan] * 4] * 40),
            "non-finite",
        ),
        (
            lambda at: _with(at / "data/chunk-000/file-000.parquet", "observation.state", [None] * 40),
            "numbers of shape",
        ),
        (lambda at: _with(at / "data/chunk-000/file-000.parquet", "timestamp", [1.0] * 40), "does not rise"),
        (
            lambda at: _with(
                at / "meta/episodes/chunk-000/file-000.parquet",
                "videos/observation.images.top/from_timestamp",
                [3.5, 2.0, 2.7, 2.8],
            ),
            r"shows no frame at [45]\.\d+ s; its 40 frames",
        ),
    ],
)
def test_broken_files_are_refused_in_one_sentence(tmp_path, foreign, breaks, words):
    path = foreign(tmp_path / "set")
    breaks(path)
    with pytest.raises(BadEpisodeFile, match=words) as refusal:
        open_episodes(path)[0]
    assert "\n" not in str(refusal.value)


def test_a_table_of_more_rows_than_bytes_is_not_read(tmp_path, foreign):
    path = foreign(tmp_path / "set")
    pq.write_table(
        pa.table({"episode_index": pa.array(np.zeros(1_000_000, np.int64))}),
        path / "meta/episodes/chunk-000/file-000.parquet",
    )
    with pytest.raises(BadEpisodeFile, match="claims 1000000 rows"):
        open_episodes(path)


def test_a_sidecar_of_another_dataset_is_refused(tmp_path):
    path = dataset(tmp_path / "set")
    shutil.copy(dataset(tmp_path / "other", episodes=EPISODES[:1]) / "gedanken.json", path)
    with pytest.raises(BadEpisodeFile, match=r"holds 4 episodes and its gedanken\.json tells of 1"):
        open_episodes(path)

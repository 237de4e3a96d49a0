"""Folders of MP4s with tables of actions, and bare video: read lazily, written whole, and equal when read again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gedanken.data import EpisodeFolder, WindowSampler, fit_statistics, time_blocks
from gedanken.data.formats import VideoFolderConfig, detect, open_episodes, write_episodes
from gedanken.data.formats.number_table import write_number_table
from gedanken.data.formats.video_writer import VideoWriter
from gedanken.errors import BadEpisodeFile, BadInput, StorageError
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

SIZE = (48, 64)
KEEP = VideoFolderConfig(size=None)


def frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE, 3), np.uint8)


def episode(seed: int = 0, length: int = 20, width: int = 2, timed: bool = False) -> Episode:
    numbers = np.random.default_rng(seed)
    return Episode(
        {"pixels": frames(length, seed)},
        numbers.normal(size=(length - 1, width)).astype("float32"),
        {"pixels": StreamSpec((*SIZE, 3), "uint8", 12.5)},
        ActionSpec(width, (-9.0,) * width, (9.0,) * width, norm=20.0, unit="N", rate_hz=12.5),
        times=3.0 + np.cumsum(numbers.uniform(0.01, 0.3, length)) if timed else None,
        resets=(4,) if length > 4 else (),
        provenance=Provenance("rig 7", "MIT", "a note", "by hand"),
    )


def assert_equal(one: Episode, other: Episode) -> None:
    assert one.specs == other.specs
    assert (one.action, one.resets, one.provenance) == (other.action, other.resets, other.provenance)
    np.testing.assert_array_equal(one.actions, other.actions)
    assert one.actions.dtype == np.float32
    assert (one.times is None) == (other.times is None)
    if one.times is not None:
        np.testing.assert_array_equal(one.times, other.times)
    for name, values in one.streams.items():
        np.testing.assert_array_equal(values, other.streams[name])


def clip(path: Path, count: int = 8, rate_hz: float = 10.0, **columns: np.ndarray) -> Path:
    with VideoWriter(path, rate_hz, None) as video:
        video.add(frames(count))
    if columns:
        write_number_table(path.with_suffix(".csv"), columns)
    return path


@pytest.mark.parametrize("table", ["parquet", "csv"])
def test_what_was_written_is_read_again(tmp_path, table):
    written = [episode(0), episode(1, 7, timed=True), episode(2, 1), episode(3, 1, timed=True)]
    write_episodes(tmp_path / "set", written, VideoFolderConfig(table=table))
    assert detect(tmp_path / "set") == "video-folder"
    assert (tmp_path / "set" / f"episode-000001.{table}").is_file()
    back = open_episodes(tmp_path / "set", KEEP)
    assert len(back) == 4
    for one, other in zip(back, written, strict=True):
        assert_equal(one, other)


def test_a_stated_quality_costs_a_stated_error(tmp_path):
    smooth = np.mgrid[:20, :48, :64].sum(axis=0).astype(np.uint8)[..., None].repeat(3, axis=3)
    written = replace(episode(), streams={"pixels": smooth})
    write_episodes(tmp_path / "set", [written], VideoFolderConfig(crf=18))
    (back,) = open_episodes(tmp_path / "set", KEEP)
    assert 0 < np.abs(back.streams["pixels"].astype(int) - smooth).mean() < 3
    np.testing.assert_array_equal(back.actions, written.actions)


def test_a_row_a_frame_or_one_less_and_action_k_leaves_frame_k(tmp_path):
    for name, rows in (("a", 8), ("b", 7)):
        clip(tmp_path / f"{name}.mp4", 8, turn=np.arange(rows) * 1.0, gas=np.ones(rows), note=np.array(["x"] * rows))
    for each in open_episodes(tmp_path):
        assert each.actions.tolist() == [[float(row), 1.0] for row in range(7)]
        assert each.action == ActionSpec(2, (0.0, 0.5), (7.0, 1.5), rate_hz=10.0)
        assert each.specs == {"pixels": StreamSpec((64, 64, 3), "uint8", 10.0)}
        assert each.times is None
    chosen = VideoFolderConfig(actions=("gas",), bounds=((-2.0, 2.0),), stream="front", size=(6, 8), licence="MIT")
    (first, _) = open_episodes(tmp_path, chosen)
    assert first.actions.tolist() == [[1.0]] * 7
    assert (first.action.low, first.action.high) == ((-2.0,), (2.0,))
    assert first.streams["front"].shape == (8, 6, 8, 3)
    exact = frames(8).reshape(8, 6, 8, 8, 8, 3).mean(axis=(2, 4))
    assert np.abs(first.streams["front"] - exact).max() <= 1
    assert (first.provenance.source, first.provenance.licence) == ("a.mp4", "MIT")


def test_a_column_of_times_counts_more_than_the_videos_own(tmp_path):
    uneven = np.array([0.0, 0.1, 0.3, 0.35, 0.6, 0.7, 0.8])
    clip(tmp_path / "a.mp4", 7, time=uneven, turn=np.zeros(7))
    clip(tmp_path / "b.mp4", 8, time=uneven, turn=np.zeros(7))
    clip(tmp_path / "c.mp4", 7, time=np.arange(7) / 25 + 4, turn=np.zeros(7))
    a, b, c = open_episodes(tmp_path)
    np.testing.assert_array_equal(a.times, uneven)
    np.testing.assert_allclose(b.times, [*uneven, 0.9])
    assert a.specs["pixels"].rate_hz is b.specs["pixels"].rate_hz is None
    assert c.specs["pixels"].rate_hz == 25.0
    assert a.action.width == 1


@pytest.mark.parametrize("single", [True, False])
def test_bare_video_has_actions_of_no_width_and_goes_all_the_way(tmp_path, single):
    for number in range(1 if single else 2):
        clip(tmp_path / f"{number}.mp4", 12)
    where = tmp_path / "0.mp4" if single else tmp_path
    assert detect(where) == "video-folder"
    episodes = list(open_episodes(where))
    assert len(episodes) == (1 if single else 2)
    assert episodes[0].actions.shape == (11, 0)
    assert episodes[0].action == ActionSpec(0, (), (), rate_hz=10.0)
    write_episodes(tmp_path / "store", episodes)
    write_episodes(tmp_path / "store", episodes, if_exists="append")
    store = EpisodeFolder.open(tmp_path / "store")
    assert_equal(store[0], episodes[0])
    for length, skip in ((3, 2), (1, 1)):
        windows = WindowSampler(store, length, skip).sample(4, torch.Generator().manual_seed(0))
        assert windows.actions.shape == (4, length - 1, 0)
        assert windows.observations["pixels"].shape == (4, length, 64, 64, 3)
    statistics = fit_statistics(store, 2)
    assert statistics["action_mean"].shape == statistics["action_std"].shape == (0,)
    training, held_out = time_blocks(store[0], blocks=2, held_out=(1,), gap=1)
    assert [each.actions.shape[1] for each in (*training, *held_out)] == [0, 0]


def test_each_video_is_opened_when_its_episode_is_asked_for(tmp_path):
    clip(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"no video at all")
    episodes = open_episodes(tmp_path)
    assert len(episodes[0]) == 8
    with pytest.raises(BadEpisodeFile, match=r"b\.mp4 cannot be read as MP4"):
        episodes[1]


def test_what_lies_there_is_refused_appended_to_or_replaced(tmp_path):
    where = tmp_path / "set"
    write_episodes(where, [episode(0)], KEEP)
    with pytest.raises(BadInput, match="exists already"):
        write_episodes(where, [episode(1)], KEEP)
    with pytest.raises(BadInput, match="this store keeps"):
        write_episodes(where, [episode(1), episode(2, width=1)], KEEP, if_exists="append")
    write_episodes(where, [episode(1)], KEEP, if_exists="append")
    for one, other in zip(open_episodes(where, KEEP), [episode(0), episode(1)], strict=True):
        assert_equal(one, other)
    write_episodes(where, [episode(2)], KEEP, if_exists="overwrite")
    (only,) = open_episodes(where, KEEP)
    assert_equal(only, episode(2))
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("if_exists", ["append", "overwrite"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, if_exists):
    write_episodes(tmp_path / "set", [episode(0)], KEEP)

    def broken():
        yield episode(1)
        raise OSError("no space left on device")

    with pytest.raises(StorageError, match="no space"):
        write_episodes(tmp_path / "set", broken(), KEEP, if_exists=if_exists)
    (only,) = open_episodes(tmp_path / "set", KEEP)
    assert_equal(only, episode(0))
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_others_folders_are_not_appended_to(tmp_path):
    clip(tmp_path / "set.mp4").rename((tmp_path / "set").mkdir() or tmp_path / "set" / "a.mp4")
    with pytest.raises(BadEpisodeFile, match="not written by gedanken"):
        write_episodes(tmp_path / "set", [episode()], KEEP, if_exists="append")
    assert [each.name for each in (tmp_path / "set").iterdir()] == ["a.mp4"]


def test_what_does_not_fit_is_told_in_a_sentence(tmp_path):
    clip(tmp_path / "a.mp4", 8, turn=np.zeros(5))
    with pytest.raises(BadEpisodeFile, match=r"a\.mp4 has 8 frames and its table 5 rows"):
        open_episodes(tmp_path)[0]
    with pytest.raises(BadInput, match="no numbers 'brake'; it has turn"):
        open_episodes(tmp_path, VideoFolderConfig(actions=("brake",)))
    with pytest.raises(BadInput, match="2 bounds were given for 1"):
        open_episodes(tmp_path, VideoFolderConfig(bounds=((0.0, 1.0), (0.0, 1.0))))
    clip(tmp_path / "b.mp4")
    with pytest.raises(BadEpisodeFile, match=r"b\.mp4 has no table.*actions=\(\)"):
        open_episodes(tmp_path)
    assert open_episodes(tmp_path, VideoFolderConfig(actions=()))[0].actions.shape == (7, 0)
    with pytest.raises(BadInput, match="size="):
        VideoFolderConfig(size=(0, 4))
    with pytest.raises(BadEpisodeFile, match="no MP4"):
        open_episodes(tmp_path / "a.csv", KEEP)
    with pytest.raises(BadInput, match="no episodes"):
        write_episodes(tmp_path / "set", [], KEEP)
    two = replace(
        episode(),
        streams=episode().streams | {"arm": np.zeros((20, 1), "f4")},
        specs=episode().specs | {"arm": StreamSpec((1,), "float32")},
    )
    with pytest.raises(BadInput, match="keeps one stream"):
        write_episodes(tmp_path / "set", [two], KEEP)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("turn\n1\nnan\n", "no finite number in row 1"),
        ("turn\n1\n\n2\n,\n", "cannot be read as CSV"),
        ("turn,turn\n1,2\n", "two columns of one name"),
        ("turn\n" + "1\n" * 200_000, "200000 rows; its video has room"),
        ("time,turn\n" + "1,2\n" * 8, "must rise"),
        ("", "cannot be read as CSV"),
    ],
)
def test_broken_tables_are_refused_in_one_sentence(tmp_path, content, words):
    clip(tmp_path / "a.mp4")
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(BadEpisodeFile, match=words) as refusal:
        open_episodes(tmp_path)[0]
    assert "\n" not in str(refusal.value)


def test_a_sidecar_that_does_not_fit_is_refused(tmp_path):
    write_episodes(tmp_path / "set", [episode(0), episode(1)], KEEP)
    (tmp_path / "set" / "episode-000001.mp4").unlink()
    with pytest.raises(BadEpisodeFile, match=r"1 videos and its gedanken\.json tells of 2"):
        open_episodes(tmp_path / "set")
    (tmp_path / "set" / "gedanken.json").write_text("{}")
    with pytest.raises(BadEpisodeFile, match=r"refused|schema"):
        open_episodes(tmp_path / "set")

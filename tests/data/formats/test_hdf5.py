"""HDF5 in the layouts people have, generated here; and files that lie."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from gedanken import ActionSpec, Episode, StreamSpec
from gedanken.data.formats import Hdf5Config, detect, open_episodes, write_episodes
from gedanken.errors import BadEpisodeFile, BadInput, NonFinite, UnknownName
from gedanken.types import Provenance


def file(path: Path, **contents) -> Path:
    """An HDF5 file; double underscores part groups."""
    with h5py.File(path, "w") as made:
        for name, values in contents.items():
            made[name.replace("__", "/")] = np.asarray(values)
    return path


def counted(length: int, width: int = 2, start: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.repeat(np.arange(start, start + length)[:, None], width, axis=1).astype(dtype)


def robomimic(path: Path, lengths=(5, 3), images: bool = True, after: bool = False) -> Path:
    contents = {}
    for number, length in reversed([*enumerate(lengths)]):
        demo = f"data__demo_{number * 9}"  # demo_9 comes before demo_10, as a number does and a word does not
        contents[f"{demo}__obs__robot0_eef_pos"] = counted(length, 3, dtype="float64")
        contents[f"{demo}__actions"] = counted(length, dtype="float64") / 10
        contents[f"{demo}__rewards"] = np.zeros(length)
        if images:
            contents[f"{demo}__obs__agentview_image"] = np.full((length, 4, 6, 3), 7, np.uint8)
            contents[f"{demo}__obs__wrist_image"] = np.moveaxis(np.full((length, 4, 6, 3), [1, 2, 3], np.uint8), -1, 1)
        if after:
            contents[f"{demo}__next_obs__robot0_eef_pos"] = counted(length, 3, start=1, dtype="float64")
    return file(path, **contents)


def test_robomimic_is_read_and_the_last_action_dropped(tmp_path):
    path = robomimic(tmp_path / "low.hdf5", lengths=(5, 3, 4))
    assert detect(path) == "hdf5"
    episodes = open_episodes(path)
    assert [len(each) for each in episodes] == [5, 3, 4]
    first = episodes[0]
    assert first.specs == {
        "robot0_eef_pos": StreamSpec((3,), "float64"),
        "pixels": StreamSpec((4, 6, 3), "uint8"),
        "wrist_image": StreamSpec((4, 6, 3), "uint8"),
    }
    assert first.streams["wrist_image"][2, 3, 5].tolist() == [1, 2, 3]
    assert first.actions[:, 0] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert (first.actions.dtype, first.action.high) == (np.float32, pytest.approx((0.4, 0.4)))
    assert "last action was dropped" in first.provenance.note
    assert first.provenance.source == "low.hdf5 (data/demo_0)"


def test_observations_after_the_actions_give_the_last_frame(tmp_path):
    (episode, _) = open_episodes(robomimic(tmp_path / "x.hdf5", images=False, after=True))
    assert episode.streams["robot0_eef_pos"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert len(episode.actions) == 5
    assert episode.provenance.note == ""


def test_images_and_streams_are_chosen(tmp_path):
    path = robomimic(tmp_path / "x.hdf5")
    config = Hdf5Config(
        pixels="wrist_image", streams=("wrist_image",), size=(2, 3), rate_hz=20.0, units={"actions": "m"}
    )
    (episode, _) = open_episodes(path, config)
    assert episode.specs == {"pixels": StreamSpec((2, 3, 3), "uint8", 20.0)}
    assert episode.streams["pixels"][0, 0, 0].tolist() == [1, 2, 3]
    assert (episode.action.unit, episode.action.rate_hz) == ("m", 20.0)
    with pytest.raises(UnknownName, match="agentview_image"):
        open_episodes(path, Hdf5Config(pixels="agentview"))
    (lagged, _) = open_episodes(path, Hdf5Config(action_lag=1))
    assert lagged.streams["robot0_eef_pos"][0, 0] == 1
    assert lagged.actions[0, 0] == 0


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("grouped", [False, True])
def test_minari_is_read_with_a_frame_more_or_as_many(tmp_path, more, grouped):
    inner = "__goal__xy" if grouped else ""
    contents = {}
    for number, length in enumerate((4, 6)):
        contents[f"episode_{number}__observations{inner}"] = counted(length + more)
        contents[f"episode_{number}__actions"] = np.arange(length)  # discrete: one number
        contents[f"episode_{number}__rewards"] = np.zeros(length)
    episodes = open_episodes(file(tmp_path / "main_data.hdf5", **contents))
    name = "goal_xy" if grouped else "sensors"
    assert [len(each) for each in episodes] == [4 + more, 6 + more]
    for episode in episodes:
        assert episode.streams[name][:, 0].tolist() == list(range(len(episode)))
        assert episode.actions[:, 0].tolist() == list(range(len(episode) - 1))
        assert ("dropped" in episode.provenance.note) == (more == 0)


ENDS = {
    "ends": {"episode_ends": [3, 4, 10]},
    "meta": {"meta__episode_ends": [3, 4, 10]},
    "index": {"episode_index": [0] * 3 + [1] + [2] * 6},
    "column": {"episode_id": np.array([5] * 3 + [1] + [2] * 6)[:, None]},
    "over": {"terminals": [0, 0, 1, 0, 0, 0, 0, 0, 0, 0], "timeouts": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]},
}


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("where", ["", "data__"])
def test_flat_columns_are_told_apart(tmp_path, ends, where):
    contents = {f"{where}qpos": counted(10), f"{where}actions": counted(10) / 10, f"{where}rewards": np.zeros(10)}
    episodes = open_episodes(file(tmp_path / "x.h5", **contents, **ENDS[ends]))
    assert [each.streams["qpos"][:, 0].tolist() for each in episodes] == [[0, 1, 2], [3], [4, 5, 6, 7, 8, 9]]
    assert episodes[2].actions[:, 0] == pytest.approx([0.4, 0.5, 0.6, 0.7, 0.8])


def test_a_file_with_nothing_to_tell_episodes_apart_is_one(tmp_path):
    pictures = np.zeros((6, 4, 4, 3), np.uint8)
    path = file(tmp_path / "x.h5", action=counted(6), observations__qpos=counted(6), observations__images__top=pictures)
    (episode,) = open_episodes(path)
    assert set(episode.specs) == {"qpos", "pixels"}
    path = file(
        tmp_path / "y.h5", actions=counted(6), observations=counted(6), next_observations=counted(6, start=1), run=[6]
    )
    assert len(open_episodes(path)[0]) == 7
    assert len(open_episodes(path, Hdf5Config(layout="flat", episodes="run"))) == 1


def test_what_is_not_found_is_asked_for(tmp_path):
    path = file(tmp_path / "x.h5", torque=counted(6), angle=counted(6))
    with pytest.raises(BadInput, match=r"angle \(6, 2\), torque \(6, 2\).*Hdf5Config\(layout='flat'"):
        open_episodes(path)
    assert set(open_episodes(path, Hdf5Config(actions="torque"))[0].specs) == {"angle"}
    with pytest.raises(BadInput, match="no 'run'"):
        open_episodes(path, Hdf5Config(actions="torque", episodes="run"))


def recorded(seed: int, length: int = 6, **more) -> Episode:
    numbers = np.random.default_rng(seed)
    streams = {
        "pixels": numbers.integers(0, 255, (length, 4, 5, 3), dtype=np.uint8),
        "arm": numbers.normal(size=(length, 2)).astype("float32"),
        "level": numbers.normal(size=length),
    }
    specs = {
        "pixels": StreamSpec((4, 5, 3), "uint8", 10.0),
        "arm": StreamSpec((2,), "float32", 10.0, "rad", ("q1", "q2")),
        "level": StreamSpec((), "float64", 10.0, "m"),
    }
    actions = numbers.uniform(-1, 1, (length - 1, 2)).astype("float32")
    return Episode(streams, actions, specs, ActionSpec(2, (-1.0, -2.0), (1.0, 2.0), 1.5, "Nm", 10.0), **more)


VARIED = [
    recorded(0, provenance=Provenance("rig", "MIT", "first", "0.1.0")),
    recorded(1, 9, times=np.arange(9) / 10 + 3, resets=(2, 5)),
    recorded(2, 2),
]


def test_what_was_written_comes_back(tmp_path):
    path = tmp_path / "set.hdf5"
    write_episodes(path, VARIED[:2], Hdf5Config())
    with pytest.raises(BadInput, match="exists already"):
        write_episodes(path, VARIED, Hdf5Config())
    write_episodes(path, VARIED[2:], Hdf5Config(), if_exists="append")
    back = open_episodes(path)
    assert len(back) == 3
    for one, other in zip(back, VARIED, strict=True):
        for name in other.streams:
            np.testing.assert_array_equal(one.streams[name], other.streams[name])
        np.testing.assert_array_equal(one.actions, other.actions)
        assert (one.specs, one.action, one.resets) == (other.specs, other.action, other.resets)
        assert one.provenance == other.provenance
        assert (one.times is None) == (other.times is None)
        if one.times is not None:
            np.testing.assert_array_equal(one.times, other.times)
    with h5py.File(path) as made:  # what others look for
        assert made["data"].attrs["total"] == 5 + 8 + 1
        assert (
            made["data/demo_1"].attrs["num_samples"]
            == len(made["data/demo_1/actions"])
            == len(made["data/demo_1/obs/arm"])
        )
    write_episodes(path, VARIED[:1], Hdf5Config(), if_exists="overwrite")
    assert len(open_episodes(path)) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["set.hdf5"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "set.hdf5"
    write_episodes(path, VARIED[:1], Hdf5Config())
    before = path.read_bytes()
    broken = recorded(4)
    broken.actions[2] = np.nan
    other = replace(recorded(5), action=ActionSpec(2, (-9.0, -9.0), (9.0, 9.0)))
    for episodes, error in (([recorded(3), broken], NonFinite), ([recorded(3), other], BadInput), ([], BadInput)):
        with pytest.raises(error):
            write_episodes(path, episodes, Hdf5Config(), if_exists="append")
        assert path.read_bytes() == before
    with pytest.raises(BadInput, match="only read"):
        write_episodes(tmp_path / "y.hdf5", VARIED, Hdf5Config(layout="minari"))
    assert [each.name for each in tmp_path.iterdir()] == ["set.hdf5"]


def linked(path: Path, link) -> Path:
    with h5py.File(file(path, data__demo_0__actions=counted(5)), "a") as made:
        made["data/demo_0/obs/x"] = link
    return path


def lying(path: Path, **how) -> Path:
    with h5py.File(file(path, data__demo_0__actions=counted(5)), "a") as made:
        made["data/demo_0/obs"] = made.create_group("o")
        numbers = made["o"].create_dataset("x", (1 << 40, 3), "float64", **how)
        if how:
            numbers[:1024] = np.random.default_rng(0).normal(size=(1024, 3))
    return path


def test_what_lies_elsewhere_is_not_followed(tmp_path):
    secret = file(tmp_path / "secret.h5", x=counted(5))
    (tmp_path / "raw").write_bytes(b"\0" * 40)
    refused = {
        "external": linked(tmp_path / "a.h5", h5py.ExternalLink(secret.name, "/x")),
        "soft": linked(tmp_path / "b.h5", h5py.SoftLink("/data/demo_0/actions")),
    }
    layout = h5py.VirtualLayout((5, 2), "float32")
    layout[:] = h5py.VirtualSource(str(secret), "x", (5, 2))
    for name, make in {
        "raw": lambda group: group.create_dataset("x", (5,), "float64", external=[(str(tmp_path / "raw"), 0, 40)]),
        "virtual": lambda group: group.create_virtual_dataset("x", layout),
        "strings": lambda group: group.create_dataset("x", data=["left"] * 5),
        "objects": lambda group: group.create_dataset("x", (5,), h5py.vlen_dtype(np.float32)),
        "records": lambda group: group.create_dataset("x", data=np.zeros(5, [("a", "f4")])),
        "itself": lambda group: group.__setitem__("x", group),
    }.items():
        refused[name] = file(tmp_path / f"{name}.h5", data__demo_0__actions=counted(5))
        with h5py.File(refused[name], "a") as made:
            make(made["data/demo_0"].create_group("obs"))
    for path in refused.values():
        with pytest.raises(BadEpisodeFile, match=r"link|another file|plain numbers|two places") as refusal:
            open_episodes(path)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("how", [{}, {"chunks": (1024, 3)}, {"chunks": (1024, 3), "compression": "gzip"}])
def test_nothing_is_allocated_for_numbers_that_are_not_there(tmp_path, how):
    with pytest.raises(BadEpisodeFile, match=r"claims .* bytes and has"):
        open_episodes(lying(tmp_path / "x.h5", **how))


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"data__demo_0__obs__x": counted(9)}, "5 actions and observations of 9 rows"),
        ({"data__demo_0__obs__x": [[np.nan]] * 5}, "NaN"),
        (
            {
                "data__demo_0__obs__x": counted(5),
                "data__demo_1__actions": counted(5, 3),
                "data__demo_1__obs__x": counted(5),
            },
            "width",
        ),
        (
            {
                "data__demo_0__obs__x": counted(5),
                "data__demo_1__actions": counted(5),
                "data__demo_1__obs__y": counted(5),
            },
            "no 'x'",
        ),
        (
            {
                "data__demo_0__obs__x": counted(5),
                "data__demo_1__actions": counted(5),
                "data__demo_1__obs__x": counted(5, 3),
            },
            "cannot be",
        ),
        ({"data__demo_0__obs__x": np.float32(3)}, "rows"),
    ],
    ids=["lengths", "nan", "width", "stream", "shape", "scalar"],
)
def test_what_does_not_fit_together_is_refused_in_one_sentence(tmp_path, contents, words):
    path = file(tmp_path / "x.h5", data__demo_0__actions=counted(5), **contents)
    with pytest.raises(BadEpisodeFile, match=words) as refusal:
        list(open_episodes(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "ends", [{"episode_ends": [3, 3, 10]}, {"episode_ends": [12]}, {"episode_ends": [np.nan]}, {"episode_ends": []}]
)
def test_ends_that_cannot_be_are_refused(tmp_path, ends):
    with pytest.raises(BadEpisodeFile, match="episode_ends"):
        open_episodes(file(tmp_path / "x.h5", actions=counted(10), obs=counted(10), **ends))


def test_broken_files_are_refused_in_one_sentence(tmp_path):
    whole = robomimic(tmp_path / "x.h5").read_bytes()
    generator = np.random.default_rng(0)
    for trial in range(60):
        broken = bytearray(whole[: len(whole) if trial % 2 else int(generator.integers(len(whole)))])
        for place in generator.integers(8, max(9, len(broken)), 20 * (trial % 2)):
            broken[place] = generator.integers(256)
        (tmp_path / "y.h5").write_bytes(broken)
        # Some bytes do not matter; whatever is refused is refused in our words.
        with suppress(BadEpisodeFile, BadInput):
            list(open_episodes(tmp_path / "y.h5", Hdf5Config()))

"""The door to the formats: detected, opened, written, and found by others' entry points."""

from dataclasses import dataclass

import numpy as np
import pytest

from gedanken import ActionSpec, Episode, StreamSpec
from gedanken.data.formats import FORMATS, NativeConfig, detect, open_episodes, write_episodes
from gedanken.errors import BadEpisodeFile, BadInput, StorageError, UnknownName


def episode(seed: int = 0, length: int = 6) -> Episode:
    numbers = np.random.default_rng(seed)
    return Episode(
        {"arm": numbers.normal(size=(length, 3)).astype("float32")},
        numbers.normal(size=(length - 1, 2)).astype("float32"),
        {"arm": StreamSpec((3,), "float32", 10.0, "rad")},
        ActionSpec(2, (-9.0, -9.0), (9.0, 9.0), rate_hz=10.0),
    )


def test_native_comes_back_as_it_was_written(tmp_path):
    write_episodes(tmp_path / "set", [episode(0), episode(1)])
    assert detect(tmp_path / "set") == "native"
    back = open_episodes(tmp_path / "set")
    assert len(back) == 2
    for one, other in zip(back, [episode(0), episode(1)], strict=True):
        np.testing.assert_array_equal(one.streams["arm"], other.streams["arm"])
        np.testing.assert_array_equal(one.actions, other.actions)
        assert one.specs == other.specs
        assert one.action == other.action


def test_what_lies_there_is_refused_appended_to_or_replaced(tmp_path):
    write_episodes(tmp_path / "set", [episode(0)])
    with pytest.raises(BadInput, match="exists already"):
        write_episodes(tmp_path / "set", [episode(1)])
    write_episodes(tmp_path / "set", [episode(1)], if_exists="append")
    assert len(open_episodes(tmp_path / "set")) == 2
    write_episodes(tmp_path / "set", [episode(2)], if_exists="overwrite")
    (only,) = open_episodes(tmp_path / "set")
    np.testing.assert_array_equal(only.actions, episode(2).actions)
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("if_exists", ["append", "overwrite"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, if_exists):
    write_episodes(tmp_path / "set", [episode(0)])

    def broken():
        yield episode(1)
        raise OSError("no space left on device")

    with pytest.raises((StorageError, OSError), match="no space"):
        write_episodes(tmp_path / "set", broken(), if_exists=if_exists)
    (only,) = open_episodes(tmp_path / "set")
    np.testing.assert_array_equal(only.actions, episode(0).actions)
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_what_nobody_knows_is_told_in_a_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadEpisodeFile, match=r"no format known here \(.*native"):
        open_episodes(tmp_path / "notes.txt")
    with pytest.raises(BadEpisodeFile, match="nothing at"):
        open_episodes(tmp_path / "absent")
    with pytest.raises(BadInput, match="no episodes"):
        write_episodes(tmp_path / "set", [])


def test_a_configuration_must_be_its_formats_own(tmp_path):
    @dataclass(frozen=True)
    class Lying:
        kind: str = "native"

    @dataclass(frozen=True)
    class Unheard:
        kind: str = "nativ"

    with pytest.raises(BadInput, match="NativeConfig"):
        open_episodes(tmp_path, Lying())
    with pytest.raises(UnknownName, match="native"):
        open_episodes(tmp_path, Unheard())


def test_every_format_is_named_by_its_configuration():
    for name, each in FORMATS.items():
        assert each.config().kind == name
    assert NativeConfig() == FORMATS["native"].config()

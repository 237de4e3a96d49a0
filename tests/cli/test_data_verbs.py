"""`gedanken data`: what was understood in one page or one JSON object, exit codes for scripts, stores that share nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gedanken.cli.main import main
from gedanken.data.formats import open_episodes, write_episodes
from gedanken.types import Episode
from moving_dot import dot_episodes


def answered(capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit code, output, and what was said of errors."""
    code = 0
    try:
        main(["data", *map(str, arguments)])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def recordings(count: int = 6) -> list[Episode]:
    return list(dot_episodes(count))


def with_times(episode: Episode, gap: float) -> Episode:
    times = np.arange(len(episode)) * 0.1
    times[len(episode) // 2 :] += gap
    return replace(episode, times=times)


def test_sound_recordings_are_understood_and_the_exit_code_is_0(capsys, tmp_path):
    write_episodes(tmp_path / "sound", recordings())
    code, out, err = answered(capsys, "check", tmp_path / "sound", "--window", 2)
    assert (code, err) == (0, "")
    assert "6 episodes" in out
    assert "uint8" in out
    assert "nothing found" in out


def test_an_error_is_named_in_json_and_the_exit_code_is_1(capsys, tmp_path):
    write_episodes(tmp_path / "gaps", [with_times(each, 7.0) for each in recordings()])
    code, out, _ = answered(capsys, "check", tmp_path / "gaps", "--json", "--window", 2)
    told = json.loads(out)
    assert (code, told["sound"], told["format"]) == (1, False, "native")
    assert [(each["name"], each["severity"], each["count"]) for each in told["findings"]] == [("time-gap", "error", 6)]
    assert told["splits"] == {"": 6}


def test_a_warning_leaves_the_exit_code_0(capsys, tmp_path):
    write_episodes(tmp_path / "short", recordings())
    code, out, _ = answered(capsys, "check", tmp_path / "short", "--json", "--window", 1000)
    assert code == 0
    assert [each["name"] for each in json.loads(out)["findings"]] == ["short-episode"]


@pytest.mark.parametrize("verb", ["check", "view"])
def test_what_cannot_be_read_is_a_finding_and_exit_code_2(verb, capsys, tmp_path):
    (tmp_path / "noise.bin").write_bytes(b"no recording")
    for name in ("nowhere", "noise.bin"):
        code, out, _ = answered(capsys, verb, tmp_path / name)
        assert code == 2
        assert "unreadable" in out


def test_a_split_shares_nothing_and_a_leak_is_found(capsys, tmp_path):
    write_episodes(tmp_path / "all", recordings(10))
    code, out, _ = answered(capsys, "split", tmp_path / "all", tmp_path / "parts", "--held-out", 0.2, "--seed", 3)
    assert (code, out.count("episodes")) == (0, 2)
    assert {name: len(open_episodes(tmp_path / "parts" / name)) for name in ("train", "held-out")} == {
        "train": 8,
        "held-out": 2,
    }
    code, out, _ = answered(capsys, "check", tmp_path / "parts", "--json", "--window", 2)
    assert (code, json.loads(out)["splits"]) == (0, {"train": 8, "held-out": 2})
    code, out, _ = answered(capsys, "check", tmp_path / "all", tmp_path / "parts" / "held-out", "--json", "--window", 2)
    assert code == 1
    leak = json.loads(out)["findings"][0]
    assert (leak["name"], leak["split"], leak["count"]) == ("leak", "held-out", 2)


def test_a_single_recording_is_split_by_time_and_a_refused_split_leaves_nothing(capsys, tmp_path):
    [long] = recordings(1)
    many = {name: np.concatenate([values] * 20) for name, values in long.streams.items()}
    actions = np.zeros((len(long) * 20 - 1, long.action.width), np.float32)
    write_episodes(tmp_path / "one", [replace(long, streams=many, actions=actions)])
    code, _, _ = answered(capsys, "split", tmp_path / "one", tmp_path / "parts", "--gap", 1)
    train, held = (open_episodes(tmp_path / "parts" / name) for name in ("train", "held-out"))
    assert code == 0
    assert sum(map(len, held)) == round(0.2 * len(long) * 20)
    assert sum(map(len, train)) < len(long) * 20 - sum(map(len, held))
    code, _, err = answered(capsys, "split", tmp_path / "one", tmp_path / "none", "--gap", 10_000)
    assert (code, err.count("\n")) == (2, 1)
    assert not (tmp_path / "none").exists()
    code, _, err = answered(capsys, "split", tmp_path / "one", tmp_path / "parts")
    assert code == 2
    assert "exists already" in err


def test_recordings_are_converted_equal(capsys, tmp_path):
    write_episodes(tmp_path / "all", recordings())
    code, out, _ = answered(capsys, "convert", tmp_path / "all", tmp_path / "again")
    assert code == 0
    assert "6 episodes" in out
    for one, other in zip(open_episodes(tmp_path / "all"), open_episodes(tmp_path / "again"), strict=True):
        assert np.array_equal(one.actions, other.actions)
        assert all(np.array_equal(one.streams[name], other.streams[name]) for name in one.streams)
    code, _, err = answered(capsys, "convert", tmp_path / "all", tmp_path / "more", "--to", "natve")
    assert code == 2
    assert "Did you mean 'native'?" in err


def test_the_picture_holds_frames_and_actions(capsys, tmp_path):
    write_episodes(tmp_path / "all", recordings())
    code, _, err = answered(capsys, "view", tmp_path / "all", "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert code == 0
    assert "page.html" in err
    assert "data:image/png;base64," in page
    assert 'class="chart ribbon"' in page
    assert 'class="line s0"' in page

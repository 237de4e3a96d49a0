"""Comparisons look at what they time: a side that skips work is found out, on ours as on the peer's."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from beside import recorded, sides, stamps, windows, windows_ours, worlds, worlds_ours
from beside.sides import interleaved, pinned, rate, ratio
from claims.windows import figures_of
from gedanken.data import WindowSampler
from gedanken.environments import TwoRooms


class Here:
    """A side in this process: what it does can be broken."""

    name = "ours"

    def __init__(self, **doing):
        self._doing = doing

    def ask(self, do, **what):
        return json.loads(json.dumps(self._doing[do](json.loads(json.dumps(what)))))


WINDOWS = {name: getattr(windows_ours, name) for name in ("prepare", "windows", "show", "floor")}


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "_two_rooms", lambda size, episodes: pictures(size, 3))
    return lambda: windows._case({"ours": Here(**WINDOWS)}, tmp_path, "two-rooms", 64, 1, True)


def pictures(size: int, episodes: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(40, 216, (episodes, 40, 4, 4, 3), dtype=np.uint8)
    return np.array([[Image.fromarray(each).resize((size, size)) for each in some] for some in coarse])


@pytest.mark.parametrize("size", recorded.SIZES)
def test_a_frame_carries_its_number_through_jpeg(size):
    frames = stamps.stamped(pictures(size, 1)[0])
    rows, columns = stamps.strip(size)
    assert stamps.read(frames[:, rows, columns, 0]).tolist() == list(range(40))
    for number in (5, 39):
        content = windows_ours.JPEGConfig(quality=60)
        room = np.empty_like(frames[0])
        from gedanken.data.jpeg import decode_into, encoded

        decode_into(room, encoded(frames[number], content), "here")
        assert stamps.read(room[rows, columns, 0]) == number


def test_windows_are_measured_and_looked_at(case):
    found = case()
    assert found["raw"]["psnr"] is None
    assert 25 < found["jpeg"]["psnr"] < 60
    assert found["raw"]["bytes a frame"] > 64 * 64 * 3 > 2 * found["jpeg"]["bytes a frame"]
    assert all(found[form]["share of floor"] > 0 for form in ("raw", "jpeg"))


def the_same_window_again(take):
    return lambda self, indices: take(self, indices[:1].expand(len(indices)))


def the_last_batch_again(take):
    kept = {}
    return lambda self, indices: kept.setdefault((id(self), len(indices)), take(self, indices))


def frames_of_frame_skip_one(take):
    def skipped(self, indices):
        found = take(self, indices)
        found.observations["pixels"][:, 1:] = found.observations["pixels"][:, :1]
        return found

    return skipped


@pytest.mark.parametrize("skipping", [the_same_window_again, the_last_batch_again, frames_of_frame_skip_one])
def test_a_reader_that_skips_work_is_found_out(case, skipping, monkeypatch):
    monkeypatch.setattr(WindowSampler, "take", skipping(WindowSampler.take))
    with pytest.raises(RuntimeError, match="other frames"):
        case()


def test_a_reader_of_blurred_frames_is_found_out(case, monkeypatch):
    take = WindowSampler.take

    def blurred(self, indices):
        found = take(self, indices)
        found.observations["pixels"][:, :, 8:] //= 64
        return found

    monkeypatch.setattr(WindowSampler, "take", blurred)
    with pytest.raises(RuntimeError, match="dB"):
        case()


WORLDS = {name: getattr(worlds_ours, name) for name in ("worlds", "floor")}


def drawn(size: int = 64):
    return worlds._looked("ours", size, Here(**WORLDS).ask("worlds", size=size, worlds=2, steps=5, seed=0))


@pytest.mark.parametrize("size", worlds.SIZES)
def test_worlds_are_looked_at(size):
    found = drawn(size)
    assert found["frames"] == 10
    assert np.abs(np.array(found["told"]) - found["seen"]).max() < 0.005


def test_worlds_that_are_not_drawn_anew_are_found_out(monkeypatch):
    kept = {}
    observe = TwoRooms.observe
    monkeypatch.setattr(TwoRooms, "observe", lambda self, state: kept.setdefault("first", observe(self, state)))
    with pytest.raises(RuntimeError, match="other than the state"):
        drawn()


def test_worlds_that_are_not_stepped_are_found_out(monkeypatch):
    monkeypatch.setattr(TwoRooms, "step", lambda self, state, action: state)
    with pytest.raises(RuntimeError, match="did not move"):
        drawn()


def test_worlds_drawn_smaller_are_found_out(monkeypatch):
    render = TwoRooms.observe
    monkeypatch.setattr(TwoRooms, "observe", lambda self, state: {"pixels": render(self, state)["pixels"][:, ::2, ::2]})
    with pytest.raises(RuntimeError, match="was asked for"):
        drawn()


def test_turns_are_taken_and_medians_told():
    order = []

    def asked(name, seconds):
        return lambda seed: order.append((name, seed)) or {"n": 10, "seconds": seconds * (seed + 1)}

    answers = interleaved({"one": asked("one", 1.0), "other": asked("other", 2.0)}, 3)
    assert [name for name, _ in order] == ["other", "one", "one", "other", "other", "one", "one", "other"]
    assert [seed for name, seed in order if name == "one"] == [0, 1, 2, 3]
    assert rate(answers["one"], "n") == pytest.approx({"median": 10 / 3, "least": 10 / 4, "most": 10 / 2})
    assert ratio(answers["one"], answers["other"], "n") == pytest.approx({"median": 2, "least": 2, "most": 2})


def test_the_worst_case_is_what_is_claimed():
    row = {"jpeg over lance": {"median": 1.5}, "bytes of jpeg over lance": 0.9}
    cases = {f"two-rooms {size}": {**row, "raw over the peer's best": {"median": float(size)}} for size in (64, 224)}
    cases["road 224"] = {
        "raw over the peer's best": {"median": 3.0},
        "jpeg over lance": {"median": 1.1},
        "bytes of jpeg over lance": 1.3,
    }
    assert figures_of({**cases, "road 64": cases["two-rooms 64"]}) == {
        "raw, 64 px": 64.0,
        "raw, 224 px": 3.0,
        "compressed": 1.1,
        "compressed, bytes": 1.3,
    }


def test_a_process_answers_on_one_core_and_its_failure_is_told(tmp_path, monkeypatch):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "side.py").write_text(Path(sides.__file__).with_name("side.py").read_text())
    (tmp_path / "beside" / "echo_peer.py").write_text(
        "import os\nfrom beside.side import answer\n"
        "def say(request):\n    print('noise')\n"
        "    return {'cores': len(os.sched_getaffinity(0)), 'path': os.environ['PYTHONPATH'], **request}\n"
        "answer({'say': say, 'fail': lambda request: 1 / 0})\n"
    )
    monkeypatch.setattr(sides, "HERE", tmp_path / "beside")
    with pinned():
        side = sides.Side("peer", sys.executable, "echo_peer")
    found = side.ask("say", word="hello")
    assert found["word"] == "hello"
    assert found["path"] == str(tmp_path)
    if hasattr(os, "sched_getaffinity"):
        assert found["cores"] == 1
    with pytest.raises(RuntimeError, match="peer, asked for fail: ZeroDivisionError"):
        side.ask("fail")
    side.close()
    with pytest.raises((RuntimeError, ValueError)):
        side.ask("say")


def test_without_a_peer_it_says_so(monkeypatch, capsys):
    for python in (None, sys.executable):
        monkeypatch.delenv("PEER_PYTHON", raising=False)
        if python:
            monkeypatch.setenv("PEER_PYTHON", python)
        assert sides.peer_python() is None
        assert "only ours is measured" in capsys.readouterr().err


def test_drawn_windows_lie_where_both_sides_have_them():
    found = recorded.drawn(3, 7, 200, seed=1)
    assert {number for number, _ in found} == {0, 1, 2}
    assert {start for _, start in found} == set(range(7))
    assert found != recorded.drawn(3, 7, 200, seed=2)
    assert torch.get_num_threads() == 1

"""Frames kept compressed: what is read is what was written, only what is asked for is decoded, and lies are refused."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gedanken.data import EpisodeFolder, JPEGConfig, WindowSampler, coded, jpeg, slice_episode
from gedanken.data.coded import CodedFrames
from gedanken.data.formats import NativeConfig, open_episodes, write_episodes
from gedanken.errors import BadEpisodeFile, BadInput, UnknownName
from gedanken.types import ActionSpec, Episode, StreamSpec

SPECS = {"pixels": StreamSpec((32, 48, 3), "uint8"), "angle": StreamSpec((2,), "float32")}
ACTION = ActionSpec(1, (-1.0,), (1.0,))


def episode(length: int, seed: int = 0) -> Episode:
    """Smooth pictures, since noise is what JPEG cannot keep; each frame differs from all others."""
    random_numbers = np.random.default_rng(seed)
    coarse = random_numbers.integers(40, 216, (length, 3, 4, 3), dtype=np.uint8)
    pixels = np.stack([np.asarray(Image.fromarray(each).resize((48, 32), Image.Resampling.BICUBIC)) for each in coarse])
    angle = random_numbers.normal(size=(length, 2)).astype(np.float32)
    actions = random_numbers.uniform(-1, 1, (length - 1, 1)).astype(np.float32)
    return Episode({"pixels": pixels, "angle": angle}, actions, SPECS, ACTION)


EPISODES = [episode(12, 1), episode(9, 2), episode(15, 3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = EpisodeFolder.create(tmp_path / "store", SPECS, ACTION, coded={"pixels": JPEGConfig()})
    store.extend(EPISODES[:2])
    store.append(EPISODES[2])
    return tmp_path / "store"


def off(one, other) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).max())


def test_frames_come_back_nearly_and_all_else_exactly(folder):
    store = EpisodeFolder.open(folder)
    for read, written in zip(store, EPISODES, strict=True):
        frames, pixels = read.streams["pixels"], written.streams["pixels"]
        assert isinstance(frames, CodedFrames)
        assert off(frames, pixels) < 12
        assert np.abs(np.asarray(frames, float) - pixels).mean() < 1.5
        assert np.array_equal(read.streams["angle"], written.streams["angle"])
        assert np.array_equal(read.actions, written.actions)
    raw, kept = (sum(f.stat().st_size for f in folder.rglob(name)) for name in ("*.npy", "*.jpegs"))
    assert raw < kept < 36 * 32 * 48 * 3 / 2


@pytest.mark.parametrize(
    "rows",
    [3, -1, slice(2, 9, 3), slice(None, None, -2), [4, 0, 4], np.arange(12) % 3 == 0, (5, slice(3), 0), (slice(2), 1)],
    ids=str,
)
def test_it_is_indexed_as_an_array_is(folder, rows):
    frames = EpisodeFolder.open(folder)[0].streams["pixels"]
    whole = np.asarray(frames)
    assert whole.shape == frames.shape == (12, 32, 48, 3)
    assert np.array_equal(frames[rows], whole[rows])
    assert np.array_equal(frames.between(3, 9)[1:4], whole[4:7])


def test_a_number_outside_is_an_index_error(folder):
    frames = EpisodeFolder.open(folder)[1].streams["pixels"]
    with pytest.raises(IndexError):
        frames[9]


def test_windows_decode_the_frames_they_keep_and_no_others(folder, monkeypatch):
    asked = []
    decode = coded.decode_into
    monkeypatch.setattr(
        coded, "decode_into", lambda room, content, where: (asked.append(where), decode(room, content, where))
    )
    sampler = WindowSampler(EpisodeFolder.open(folder), length=3, frame_skip=4, streams=("pixels",))
    windows = sampler.take(torch.arange(len(sampler)))
    assert len(asked) == 3 * len(sampler)
    assert {where.split(" of ")[1] for where in asked} == {
        "shard-000000/stream-pixels.jpegs",
        "shard-000001/stream-pixels.jpegs",
    }
    starts = [(each, start) for each in EPISODES for start in range(len(each) - 8)]
    assert len(starts) == len(sampler)
    for (each, start), seen, done in zip(starts, windows.observations["pixels"], windows.actions, strict=True):
        assert off(seen, each.streams["pixels"][start : start + 9 : 4]) < 12
        assert np.array_equal(done.numpy().reshape(8, 1), each.actions[start : start + 8])


def test_what_is_compressed_is_copied_without_losing_more(folder, tmp_path):
    store = EpisodeFolder.open(folder)
    part = slice_episode(store[2], 4, 11)
    assert isinstance(part.streams["pixels"], CodedFrames)
    copy = EpisodeFolder.create(tmp_path / "copy", SPECS, ACTION, coded={"pixels": JPEGConfig(quality=10)})
    copy.append(part)
    assert np.array_equal(copy[0].streams["pixels"][:], store[2].streams["pixels"][4:11])
    raw = EpisodeFolder.create(tmp_path / "raw", SPECS, ACTION)
    raw.append(part)
    assert np.array_equal(raw[0].streams["pixels"], store[2].streams["pixels"][4:11])


def test_pillow_reads_it_where_simplejpeg_is_not_installed(folder, monkeypatch):
    pytest.importorskip("simplejpeg")
    frames = EpisodeFolder.open(folder)[0].streams["pixels"]
    quick = frames[:]
    monkeypatch.setattr(jpeg, "_simple", lambda: None)
    assert off(quick, frames[:]) <= 2
    assert off(quick, 0) > 50


def test_only_pictures_are_compressed(tmp_path):
    for name, error in (("angle", BadInput), ("other", UnknownName)):
        with pytest.raises(error, match=name):
            EpisodeFolder.create(tmp_path / "store", SPECS, ACTION, coded={name: JPEGConfig()})
    for quality in (0, 101, True):
        with pytest.raises(BadInput, match="1 to 100"):
            JPEGConfig(quality=quality)


def test_the_native_format_compresses_when_asked(tmp_path):
    write_episodes(tmp_path / "store", EPISODES, NativeConfig(jpeg=JPEGConfig(quality=80)))
    assert isinstance(open_episodes(tmp_path / "store")[1].streams["pixels"], CodedFrames)


def put(path: Path, start: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[start : start + len(content)] = content
    path.write_bytes(whole)


SHARD, JPEGS, ENDS = "shard-000001", "stream-pixels.jpegs", "stream-pixels.ends.npy"
OPENED = {
    "no frames": lambda shard: (shard / JPEGS).unlink(),
    "cut off": lambda shard: os.truncate(shard / JPEGS, (shard / JPEGS).stat().st_size - 1),
    "longer": lambda shard: (shard / JPEGS).write_bytes((shard / JPEGS).read_bytes() + b"x"),
    "no ends": lambda shard: (shard / ENDS).unlink(),
    "ends fall": lambda shard: put(shard / ENDS, 128 + 8, (0).to_bytes(8, "little")),
    "an end below zero": lambda shard: put(shard / ENDS, 128, (-5).to_bytes(8, "little", signed=True)),
    "a huge end": lambda shard: put(shard / ENDS, 128 + 8 * 14, (2**62).to_bytes(8, "little")),
    "unknown coding": lambda shard: put_text(shard.parent / "index.json", '"jpeg": 95', '"webp": 9'),
    "lying quality": lambda shard: put_text(shard.parent / "index.json", '"jpeg": 95', '"jpeg": 9500'),
    "no coding": lambda shard: put_text(shard.parent / "index.json", '"pixels": {"jpeg": 95}', ""),
    "coded sensor": lambda shard: put_text(shard.parent / "index.json", '"coded": {"pixels"', '"coded": {"angle"'),
}


def put_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("damage", OPENED.values(), ids=OPENED.keys())
def test_a_store_that_lies_is_refused_when_it_is_opened(folder, damage):
    damage(folder / SHARD)
    with pytest.raises(BadEpisodeFile, match=r"\.$"):
        EpisodeFolder.open(folder)


def other_size(shard: Path) -> None:
    content, ends = (shard / JPEGS).read_bytes(), np.load(shard / ENDS)
    frame = jpeg.encoded(np.zeros((4, 4, 3), np.uint8), JPEGConfig(quality=1))
    assert len(frame) <= ends[0]
    put(shard / JPEGS, 0, frame + content[len(frame) : ends[0]])


READ = {
    "no JPEG": lambda shard: put(shard / JPEGS, 0, bytes(64)),
    "cut short": lambda shard: put(shard / ENDS, 128, (40).to_bytes(8, "little")),
    "another size": other_size,
}


@pytest.mark.parametrize("simple", [True, False], ids=["simplejpeg", "pillow"])
@pytest.mark.parametrize("damage", READ.values(), ids=READ.keys())
def test_a_frame_that_lies_is_refused_when_it_is_read(folder, damage, simple, monkeypatch):
    damage(folder / SHARD)
    if not simple:
        monkeypatch.setattr(jpeg, "_simple", lambda: None)
    frames = EpisodeFolder.open(folder)[2].streams["pixels"]
    with pytest.raises(BadEpisodeFile, match=r"frame 0 of shard-000001/stream-pixels.jpegs .*\.$"):
        frames[0]
    assert frames[2].any()


def test_a_disk_that_fills_leaves_the_store_as_it_was(folder, monkeypatch):
    store = EpisodeFolder.open(folder)
    monkeypatch.setattr(coded, "flush", lambda file: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        store.append(EPISODES[0])
    monkeypatch.undo()
    assert len(store) == len(EpisodeFolder.open(folder)) == 3
    assert sorted(each.name for each in folder.glob("*-00*")) == ["shard-000000", "shard-000001"]
    store.append(replace(EPISODES[0], resets=(4,)))
    assert EpisodeFolder.open(folder)[3].resets == (4,)

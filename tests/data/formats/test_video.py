"""Frames by number and by time, exact in files with B-frames, uneven times and careless writers; faults are counted."""

import struct
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gedanken.data.formats.video import open_video
from gedanken.data.formats.video_writer import VideoWriter
from gedanken.errors import BadEpisodeFile, BadInput, MissingExtra, StorageError


def pictures(count: int = 20, height: int = 48, width: int = 64) -> np.ndarray:
    """A slope of colours that brightens by 4 a frame, under a block that drifts: smooth, and no two frames alike."""
    rows, columns = np.mgrid[:height, :width]
    slope = np.stack([rows * 2, columns, rows + columns], axis=-1)
    frames = np.empty((count, height, width, 3), np.uint8)
    for number, frame in enumerate(frames):
        frame[:] = slope % 80 + 4 * (number % 40)
        frame[10:20, 2 * number : 2 * number + 12] = 250
    return frames


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether these are the same frames, each told from its neighbours, with some loss allowed."""
    assert one.shape == other.shape
    return bool((np.abs(one.astype(int) - other).mean(axis=(1, 2, 3)) < 1.5).all())


def encoded(path: Path, frames: np.ndarray, times: list[float] | None = None, **options: str) -> Path:
    """An MP4 with a loss below `same`; with `B_FRAMES`, also with few frames that stand for themselves, as of a camera."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv444p"
        stream.options = {"crf": "1", "threads": "1", **options}
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1_000_000)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base = Fraction(1, 1_000_000)
            frame.pts = round((number / 10 if times is None else times[number]) * 1e6)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def packets(path: Path) -> list[tuple[int, int]]:
    """Where each packet begins and how long it is, in the order of decoding."""
    with av.open(str(path)) as container:
        return [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]


B_FRAMES = {"bf": "3", "g": "8", "b-adapt": "0", "sc_threshold": "0"}


def test_written_without_loss_every_value_comes_back(tmp_path):
    frames = pictures()
    with VideoWriter(tmp_path / "clip.mp4", 12.5, None) as video:
        video.add(frames[:7])
        video.add(frames[7:])
    back = open_video(tmp_path / "clip.mp4")
    assert len(back) == video.count == 20
    assert back.rate_hz == 12.5
    np.testing.assert_allclose(back.times, np.arange(20) / 12.5, atol=1e-5)
    np.testing.assert_array_equal(back.frames(0, 20, None), frames)


@pytest.mark.parametrize(("crf", "most"), [(0, 3), (18, 3), (30, 5)])
@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_written_at_a_quality_the_stated_error_is_kept(tmp_path, crf, most, size):
    frames = pictures(20, *size)
    with VideoWriter(tmp_path / "clip.mp4", 10.0, crf) as video:
        video.add(frames)
    back = open_video(tmp_path / "clip.mp4").frames(0, 20, None)
    error = np.abs(back.astype(int) - frames).mean()
    assert 0 < error <= most


def test_frames_are_found_by_number_among_b_frames_and_uneven_times(tmp_path):
    frames = pictures()
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.2, 20))
    times -= times[0]
    video = open_video(encoded(tmp_path / "clip.mp4", frames, times.tolist(), **B_FRAMES))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        order = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert order != sorted(order), "the file must hold B-frames for this test to mean anything"
    assert 1 < len(video.keys) < 5
    np.testing.assert_allclose(video.times, times, atol=2e-6)
    assert video.rate_hz is None
    for start in range(20):
        for stop in (start + 1, min(start + 4, 20), 20):
            if stop > start:
                assert same(video.frames(start, stop, None), frames[start:stop])


def test_a_frame_in_the_middle_is_read_from_the_nearest_entry(tmp_path, monkeypatch):
    video = open_video(encoded(tmp_path / "clip.mp4", pictures(40), **B_FRAMES))
    decoded = []
    monkeypatch.setattr(
        "gedanken.data.formats.video._upright", lambda frame: decoded.append(frame) or np.zeros((4, 4, 3), "u1")
    )
    firsts = []
    whole = type(video)._decoded
    monkeypatch.setattr(
        type(video), "_decoded", lambda self, first, *rest: firsts.append(first) or whole(self, first, *rest)
    )
    video.frames(37, 38, None)
    assert len(decoded) == 1
    assert firsts == [32]


def test_times_rounded_to_milliseconds_are_even(tmp_path):
    times = np.round(np.arange(20) / 30, 3)
    video = open_video(encoded(tmp_path / "even.mp4", pictures(), times.tolist()))
    assert video.rate_hz == pytest.approx(30, abs=0.05)
    times[10:] += 0.01
    assert open_video(encoded(tmp_path / "gap.mp4", pictures(), times.tolist())).rate_hz is None


def test_an_entry_that_leads_elsewhere_is_noticed(tmp_path):
    frames = pictures()
    video = open_video(encoded(tmp_path / "clip.mp4", frames, g="5", bf="0", sc_threshold="0"))
    wrong = replace(video, keys=np.array([[0, 0], [500_000, 1_000_000]]))
    assert same(wrong.frames(6, 9, None), frames[6:9])


def test_frames_are_found_by_time(tmp_path):
    video = open_video(encoded(tmp_path / "clip.mp4", pictures(), **B_FRAMES))
    assert video.nearest(np.array([0.0, 0.31, 0.29, 1.94]), 0.05).tolist() == [0, 3, 3, 19]
    with pytest.raises(BadEpisodeFile, match=r"no frame at 2\.000 s; its 20 frames run from 0\.000 to 1\.900 s"):
        video.nearest(np.array([0.1, 2.0]), 0.05)


def test_frames_are_averaged_over_area_and_turned_upright(tmp_path):
    frames = pictures()
    path = encoded(tmp_path / "clip.mp4", frames)
    small = open_video(path).frames(0, 20, (24, 16))
    exact = frames.reshape(20, 24, 2, 16, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - exact).max() <= 4
    content = path.read_bytes()
    upright, quarter = (
        struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        for a, b, c, d in ((1 << 16, 0, 0, 1 << 16), (0, 1 << 16, -(1 << 16), 0))
    )
    track = content.index(b"tkhd")
    place = content.index(upright, track)
    path.write_bytes(content[:place] + quarter + content[place + 36 :])
    assert same(open_video(path).frames(3, 5, None), np.rot90(frames[3:5], -1, axes=(1, 2)))


def test_times_in_the_order_of_decoding_do_not_reorder_the_frames(tmp_path):
    """Some writers put the packets' own order where the times of showing belong; the decoder still knows better."""
    frames = pictures()
    path = encoded(tmp_path / "clip.mp4", frames, **B_FRAMES)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"ctts", b"free").replace(b"edts", b"free"))
    video = open_video(path)
    assert not video.ordered
    assert same(video.frames(0, 20, None), frames)
    assert same(video.frames(11, 14, None), frames[11:14])


def test_a_file_cut_off_tells_how_many_frames_are_good(tmp_path):
    path = encoded(tmp_path / "clip.mp4", pictures())
    whole = path.read_bytes()
    ends = [place + size for place, size in packets(path)]
    for good in (0, 1, 13, 19):
        path.write_bytes(whole[: ends[good] - 3])
        with pytest.raises(
            BadEpisodeFile, match=rf"clip.mp4 is cut off or damaged: {good} of its 20 frames"
        ) as refusal:
            open_video(path)
        assert "\n" not in str(refusal.value)
    for size in (0, 5, 40, 300):
        path.write_bytes(whole[:size])
        with pytest.raises(BadEpisodeFile, match=r"0 (of its|frames)|no video") as refusal:
            open_video(path)
        assert "\n" not in str(refusal.value)
    with pytest.raises(BadEpisodeFile):
        open_video(tmp_path / "nothing.mp4")


def test_damage_in_the_middle_is_not_painted_over(tmp_path):
    frames = pictures()
    path = encoded(tmp_path / "clip.mp4", frames, g="5", bf="0", sc_threshold="0")
    twelfth, _ = packets(path)[12]
    content = bytearray(path.read_bytes())
    content[twelfth + 30 : twelfth + 90] = np.random.default_rng(1).bytes(60)
    path.write_bytes(content)
    video = open_video(path)
    with pytest.raises(BadEpisodeFile, match="12 of its 20 frames are good"):
        video.frames(0, 20, None)
    with pytest.raises(BadEpisodeFile, match="12 of its 20 frames are good"):
        video.frames(11, 14, None)
    assert same(video.frames(2, 12, None), frames[2:12])
    assert same(video.frames(15, 20, None), frames[15:])


def test_what_lies_before_the_nearest_entry_is_not_needed(tmp_path):
    frames = pictures()
    path = encoded(tmp_path / "clip.mp4", frames, g="5", bf="0", sc_threshold="0")
    content = bytearray(path.read_bytes())
    place, size = packets(path)[0]
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    video = open_video(path)
    assert same(video.frames(16, 18, None), frames[16:18])
    with pytest.raises(BadEpisodeFile, match="0 of its 20 frames are good"):
        video.frames(0, 2, None)


def test_a_packet_without_a_picture_does_not_shift_the_others(tmp_path):
    frames = pictures()
    path = encoded(tmp_path / "clip.mp4", frames, g="1", bf="0")
    content = bytearray(path.read_bytes())
    place, size = packets(path)[12]
    content[place : place + size] = (
        (size - 4).to_bytes(4, "big") + b"\x0c" + b"\xff" * (size - 6) + b"\x80"
    )  # filler data
    path.write_bytes(content)
    video = open_video(path)
    assert same(video.frames(0, 12, None), frames[:12])
    assert same(video.frames(13, 20, None), frames[13:])
    for start, stop in ((0, 15), (12, 13)):
        with pytest.raises(BadEpisodeFile, match="12 of its 20 frames are good"):
            video.frames(start, stop, None)


@pytest.mark.parametrize("box", ["stsz", "trun"])
def test_a_claim_of_more_frames_than_bytes_is_refused_before_it_costs_memory(tmp_path, box):
    path = encoded(tmp_path / "clip.mp4", pictures(4))
    content = bytearray(path.read_bytes())
    if box == "stsz":
        place = content.index(b"stsz")
        content[place + 8 : place + 16] = struct.pack(">II", 1, 100_000_000)
    else:
        run = struct.pack(">I4sII", 16, b"trun", 0, 100_000_000)
        traf = struct.pack(">I4s", 8 + len(run), b"traf") + run
        content += struct.pack(">I4s", 8 + len(traf), b"moof") + traf
    path.write_bytes(content)
    with pytest.raises(BadEpisodeFile, match=r"claims 10000000\d frames"):
        open_video(path)


def test_a_claim_of_huge_pictures_is_refused(tmp_path, monkeypatch):
    path = encoded(tmp_path / "clip.mp4", pictures(2))
    monkeypatch.setattr("gedanken.data.formats.video.MOST_PIXELS", 1000)
    with pytest.raises(BadEpisodeFile, match="claims frames of 64×48"):
        open_video(path)


def test_bad_arguments_and_a_missing_package_are_named(tmp_path, monkeypatch):
    for rate, crf in ((0.0, None), (10.0, 52), (10.0, -1)):
        with pytest.raises(BadInput, match="crf="):
            VideoWriter(tmp_path / "clip.mp4", rate, crf)
    with (
        pytest.raises(StorageError, match="could not be written"),
        VideoWriter(tmp_path / "no" / "clip.mp4", 10.0, 18) as video,
    ):
        video.add(pictures(2))
    path = encoded(tmp_path / "clip.mp4", pictures(4))
    with pytest.raises(BadEpisodeFile, match="has 4 frames; 2 to 5"):
        open_video(path).frames(2, 5, None)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"needs av.*pip install 'gedanken\[data\]'"):
        open_video(path)

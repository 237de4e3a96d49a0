"""The frames of an MP4 in the order in which they are shown, each found by its number or its time.

A file keeps frames in the order of decoding, and a frame that refers to a later one (a B-frame) is kept after it; their
times need not be even. So the packets are looked through once, undecoded, and their times sorted: frame k is the k-th of
them. Reading starts at the last frame before k that stands for itself, and what comes out is checked against the times.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from gedanken.data.formats.mp4_boxes import check_claims
from gedanken.data.formats.packages import data_package, first_line
from gedanken.data.formats.picture import MOST_PIXELS, resized
from gedanken.errors import BadEpisodeFile


@dataclass(frozen=True, eq=False)
class Video:
    """An MP4 whose packets were looked through; frames are decoded when asked for.

    Args:
        path: the file.
        ticks: `[L]` int64, when each frame is shown, rising.
        tick: seconds of one tick.
        keys: `[K, 2]` int64 of the frames that stand for themselves: when each is shown, and when it is decoded.
        nominal: frames a second that the file names, or None.
        ordered: False where the times were given in the order of decoding, by a careless writer; then only the order of
            what the decoder returns is right, and reading starts at the beginning.
    """

    path: Path
    ticks: np.ndarray
    tick: Fraction
    keys: np.ndarray
    nominal: Fraction | None
    ordered: bool

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def times(self) -> np.ndarray:
        """`[L]` float64 seconds, as the file has them: the first need not be 0."""
        return self.ticks * float(self.tick)

    @property
    def rate_hz(self) -> float | None:
        """Frames a second where each frame is at its even place to within a twentieth of a step, and None where not."""
        mean = Fraction(int(self.ticks[-1]) - int(self.ticks[0]), max(len(self) - 1, 1)) * self.tick
        for rate in (self.nominal, 1 / mean if mean else None):
            if rate:
                step = float(1 / (rate * self.tick))
                # Writers round times to milliseconds.
                if np.abs(self.ticks - self.ticks[0] - step * np.arange(len(self))).max() <= max(1.0, step / 20):
                    return float(rate)
        return None

    def frames(self, start: int, stop: int, size: tuple[int, int] | None) -> np.ndarray:
        """Frames `start` to `stop - 1` as uint8 `[stop - start, height, width, 3]`.

        Args:
            start: number of the first frame, from 0.
            stop: number after the last, at most `len(self)`.
            size: height and width wanted, averaged over area; None keeps the video's own.
        Raises:
            BadEpisodeFile: a frame cannot be decoded; the message says how many from the beginning can.
        """
        if not 0 <= start < stop <= len(self):
            raise BadEpisodeFile(f"{self.path.name} has {len(self)} frames; {start} to {stop} were asked for.")
        keys = self.keys[self.keys[:, 0] <= self.ticks[start]]
        nearest = int(keys[-1, 1]) if self.ordered and len(keys) > 1 else None
        good = 0
        for entry in dict.fromkeys((nearest, None)):  # from the beginning, where the nearest entry did not do
            first = 0 if entry is None else int(np.searchsorted(self.ticks, keys[-1, 0]))
            good, found = self._decoded(first, entry, start, stop, size)
            if len(found) == stop - start:
                return np.stack(found)
        raise _damaged(self.path, good, len(self))

    def nearest(self, times: np.ndarray, within: float) -> np.ndarray:
        """Numbers of the frames shown nearest to `times` `[N]` (seconds); each must lie within `within` seconds."""
        shown = self.times
        after = np.clip(np.searchsorted(shown, times), 1, max(len(shown) - 1, 1))
        numbers = np.where(times - shown[after - 1] <= shown[after % len(shown)] - times, after - 1, after % len(shown))
        gaps = np.abs(shown[numbers] - times)
        if len(gaps) and not gaps.max() <= within:  # nor is "not a number" a time
            raise BadEpisodeFile(
                f"{self.path.name} shows no frame at {times[gaps.argmax()]:.3f} s; its {len(self)} frames run from "
                f"{shown[0]:.3f} to {shown[-1]:.3f} s."
            )
        return numbers

    def _decoded(
        self, first: int, entry: int | None, start: int, stop: int, size: tuple[int, int] | None
    ) -> tuple[int, list[np.ndarray]]:
        """From frame `first`, decoded at tick `entry`: the number of the first fault, and the wanted frames before it."""
        av = data_package("av")
        number, found = first, []
        try:
            with self.path.open("rb") as file, av.open(file, format="mp4") as container:
                stream = _picture_stream(container, self.path)
                stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
                if entry is not None:
                    container.seek(entry, stream=stream)
                for frame in container.decode(stream):
                    if entry is not None and frame.pts is not None and frame.pts < self.ticks[first]:
                        continue  # it refers to frames before the entry
                    if frame.is_corrupt or (self.ordered and frame.pts != self.ticks[number]):
                        break
                    if number >= start:
                        found.append(resized(_upright(frame), size))
                        if found[-1].shape != found[0].shape:
                            found.pop()
                            break
                    number += 1
                    if number == stop:
                        break
        except (av.FFmpegError, OSError, ValueError):
            pass  # the frames before the fault are what the caller is told of
        return number, found


def open_video(path: Path) -> Video:
    """The video at `path`, once its packets were counted; nothing is decoded yet.

    Raises:
        BadEpisodeFile: no MP4, without frames, or cut off; the message says how many of its frames are there.
        MissingExtra: PyAV is not installed.
    """
    av = data_package("av")
    try:
        check_claims(path)
        with path.open("rb") as file, av.open(file, format="mp4") as container:
            stream = _picture_stream(container, path)
            expected, tick, nominal = stream.frames, stream.time_base, stream.guessed_rate
            reordered = bool(stream.codec_context.has_b_frames)
            packets = [
                (packet.pts, packet.dts, packet.is_keyframe, packet.is_discard, packet.is_corrupt)
                for packet in container.demux(stream)
                if packet.size
            ]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise BadEpisodeFile(
            f"{path.name} cannot be read as MP4 ({first_line(error)}), so 0 frames of it are good; it may have been cut "
            "off while it was written."
        ) from error
    whole = [packet for packet in packets if not packet[4] and packet[0] is not None]
    if len(whole) < max(expected, len(packets)) or not whole:
        raise _damaged(path, len(whole), max(expected, len(packets)))
    shown = sorted(packet[0] for packet in whole if not packet[3])
    keys = sorted((packet[0], packet[1] if packet[1] is not None else packet[0]) for packet in whole if packet[2])
    ordered = not reordered or any(packet[0] != packet[1] for packet in whole)
    table = np.array(keys, np.int64).reshape(-1, 2)
    return Video(path, np.array(shown, np.int64), Fraction(tick), table, nominal, ordered)


def _picture_stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise BadEpisodeFile(f"{path.name} holds no video.")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise BadEpisodeFile(f"{path.name} holds video in a coding that is not known here, so 0 frames of it are good.")
    if stream.width * stream.height > MOST_PIXELS:
        raise BadEpisodeFile(f"{path.name} claims frames of {stream.width}×{stream.height} pixels.")
    return stream


def _upright(frame: Any) -> np.ndarray:
    # A telephone held upright writes lying frames and says by how much to turn them, counter-clockwise.
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def _damaged(path: Path, good: int, of: int) -> BadEpisodeFile:
    return BadEpisodeFile(
        f"{path.name} is cut off or damaged: {good} of its {of} frames are good; cut it there, or record it again."
    )

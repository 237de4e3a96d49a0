"""The numbered files of a LeRobot dataset's frames: tables and videos, many episodes each (v3.0) or one (v2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gedanken.data.formats.packages import data_package
from gedanken.data.formats.video_writer import VideoWriter

CHUNK = 1000
"""Files in a folder."""
DATA_MB, VIDEO_MB = 100, 200
"""A file that has grown so large is not added to."""

DATA_PATH = {
    "v3.0": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "v2.1": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
}
VIDEO_PATH = {
    "v3.0": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    "v2.1": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
}


class EpisodeFiles:
    """Writes episodes one after the other, new files after those that are there; a context manager.

    Args:
        root: the dataset's folder.
        version: v3.0 or v2.1.
        fps: frames a second of all cameras.
        crf: quality of the videos; see `VideoWriter`.
    """

    def __init__(self, root: Path, version: str, fps: float, crf: int | None) -> None:
        self._root, self._version, self._fps, self._crf = root, version, fps, crf
        self._number = len(list((root / "data").glob("*/*.parquet")))
        self._table: Any = None
        self._videos: dict[str, VideoWriter] = {}

    def add(self, table: Any, cameras: Mapping[str, np.ndarray]) -> dict[str, int | float]:
        """Write one episode; returns where it lies, as the table of episodes has it in v3.0."""
        chunk, file = divmod(self._number, CHUNK)
        data = self._path(DATA_PATH)
        place: dict[str, int | float] = {"data/chunk_index": chunk, "data/file_index": file}
        if self._table is None:
            self._table = data_package("pyarrow.parquet").ParquetWriter(data, table.schema)
        self._table.write_table(table)  # a group of rows of its own, so that it can be read alone
        sizes = [data.stat().st_size / DATA_MB]
        for key, frames in cameras.items():
            path = self._path(VIDEO_PATH, key)
            if key not in self._videos:
                self._videos[key] = VideoWriter(path, self._fps, self._crf)
            video = self._videos[key]
            start = video.count / self._fps
            video.add(frames)
            # The encoder may still hold all frames there are.
            sizes.append(path.stat().st_size / VIDEO_MB if path.exists() else 0.0)
            place |= {f"videos/{key}/chunk_index": chunk, f"videos/{key}/file_index": file}
            place |= {f"videos/{key}/from_timestamp": start, f"videos/{key}/to_timestamp": video.count / self._fps}
        if self._version == "v2.1" or max(sizes) > 1e6:
            self._close()
            self._number += 1
        return place

    def __enter__(self) -> EpisodeFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _path(self, templates: Mapping[str, str], key: str = "") -> Path:
        chunk, file = divmod(self._number, CHUNK)
        blanks = {"chunk_index": chunk, "file_index": file, "episode_chunk": chunk, "episode_index": self._number}
        path = self._root / templates[self._version].format(video_key=key, **blanks)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _close(self) -> None:
        for file in (self._table, *self._videos.values()):
            if file is not None:
                file.close()
        self._table, self._videos = None, {}

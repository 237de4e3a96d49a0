"""Episodes into a LeRobot dataset, v3.0 or v2.1, as its published schema has it; what it has no place for, into a sidecar."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken.data.formats.grown import folder_aside
from gedanken.data.formats.lerobot import TASK, LeRobotConfig
from gedanken.data.formats.lerobot_features import columns_of, feature_names, features_of, is_camera, table_of
from gedanken.data.formats.lerobot_files import CHUNK, DATA_MB, DATA_PATH, VIDEO_MB, VIDEO_PATH, EpisodeFiles
from gedanken.data.formats.lerobot_meta import read_meta
from gedanken.data.formats.lerobot_stats import Stats, as_arrays, as_lists, joined, stats_of
from gedanken.data.formats.packages import data_package, first_line
from gedanken.data.formats.sidecar import own_sidecar, record_of, write_anew, write_sidecar
from gedanken.data.formats.video_writer import pixel_format
from gedanken.data.index import Index
from gedanken.data.store import check_same_kind
from gedanken.errors import BadEpisodeFile, BadInput
from gedanken.types import Episode


def write_lerobot(
    path: Path, episodes: Iterable[Episode], config: LeRobotConfig, if_exists: Literal["refuse", "append", "overwrite"]
) -> None:
    """Write a dataset, or add to one of ours; all or none.

    Raises:
        BadInput: the episodes do not say their rate and neither does `config`, an episode differs in kind from the first, or has
            uneven times where the first has none.
    """
    with folder_aside(path, if_exists) as (aside, grows):
        pending = iter(episodes)
        first = next(pending, None)
        if first is None:
            raise BadInput("there are no episodes to write; a dataset learns from its first what it keeps.")
        dataset = _Dataset(aside, grows, first, config)
        with EpisodeFiles(aside, config.version, dataset.fps, config.crf) as files:
            for episode in chain((first,), pending):
                dataset.add(episode, files)
        dataset.finish()


class _Dataset:
    """What `meta/` will say, gathered episode by episode."""

    def __init__(self, root: Path, grows: bool, first: Episode, config: LeRobotConfig) -> None:
        self._root, self._config = root, config
        self._index, self._records = Index({**first.specs}, first.action), []
        self._timed = first.times is not None
        self._tasks: dict[str, int] = {}
        self._frames, self._before = 0, 0
        if grows:
            sidecar, meta, info = own_sidecar(root), read_meta(root), json.loads((root / "meta/info.json").read_text())
            if info["codebase_version"] != config.version:
                raise BadInput(
                    f"{root.name} is LeRobot {info['codebase_version']}; {config.version} is not appended to it."
                )
            self._index, self._records, self.fps = sidecar.index, list(sidecar.records), meta.rate_hz
            self._timed = any(record.timed for record in self._records)
            for place in meta.places:
                self._tasks.setdefault(place.tasks[0], len(self._tasks))
            self._frames, self._before = sum(place.length for place in meta.places), len(meta.places)
        else:
            self.fps = _fps(first, config)
        self._features = features_of(self._index, self._timed)
        self._rows: list[dict[str, Any]] = []
        self._stats: list[dict[str, Stats]] = []

    def add(self, episode: Episode, files: EpisodeFiles) -> None:
        """Write the frames of one episode, and keep what is to be said of it."""
        index, number = self._index, len(self._records)
        check_same_kind(episode, index.specs, index.action)
        if episode.times is not None and not self._timed:
            raise BadInput(f"episode {number} has uneven times and the first has none; resample it, or write it first.")
        note = episode.provenance.note
        task = note.removeprefix(TASK) if note.startswith(TASK) else self._config.task
        place = {"number": number, "first": self._frames, "task": self._tasks.setdefault(task, len(self._tasks))}
        columns = columns_of(episode, index, fps=self.fps, timed=self._timed, **place)
        cameras = {
            key: np.asarray(episode.streams[name])
            for name, key in feature_names(index).items()
            if is_camera(index.specs[name])
        }
        where = files.add(table_of(columns), cameras)
        stats = {key: stats_of(values, key in cameras) for key, values in (columns | cameras).items()}
        end = self._frames + len(episode)
        row = {"episode_index": number, "tasks": [task], "length": len(episode), "dataset_from_index": self._frames}
        self._rows.append(row | {"dataset_to_index": end} | where)
        self._stats.append(stats)
        self._records.append(record_of(episode))
        self._frames = end

    def finish(self) -> None:
        """Write `meta/` and the sidecar."""
        meta = self._root / "meta"
        meta.mkdir(exist_ok=True)
        _write_json(meta / "info.json", self._info())
        if self._config.version == "v2.1":
            rows = [{key: row[key] for key in ("episode_index", "tasks", "length")} for row in self._rows]
            numbered = zip(self._rows, self._stats, strict=True)
            stats = [{"episode_index": row["episode_index"], "stats": as_lists(each)} for row, each in numbered]
            _add_lines(meta / "episodes.jsonl", rows)
            _add_lines(meta / "episodes_stats.jsonl", stats)
            (meta / "tasks.jsonl").unlink(missing_ok=True)
            _add_lines(
                meta / "tasks.jsonl", [{"task_index": index, "task": task} for task, index in self._tasks.items()]
            )
        else:
            self._write_v3(meta)
        write_sidecar(self._root, self._index, self._records)

    def _write_v3(self, meta: Path) -> None:
        chunk, file = divmod(len(list((meta / "episodes").glob("*/*.parquet"))), CHUNK)
        path = meta / f"episodes/chunk-{chunk:03d}/file-{file:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        place = {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
        rows = [
            row
            | place
            | {f"stats/{key}/{name}": value for key, all_ in as_lists(stats).items() for name, value in all_.items()}
            for row, stats in zip(self._rows, self._stats, strict=True)
        ]
        parquet = data_package("pyarrow.parquet")
        parquet.write_table(data_package("pyarrow").Table.from_pylist(rows), path)
        (meta / "tasks.parquet").unlink(missing_ok=True)
        parquet.write_table(_task_table(self._tasks), meta / "tasks.parquet")
        try:
            known = [as_arrays(json.loads((meta / "stats.json").read_text()))] if self._before else []
            whole = {key: reduce(joined, (each[key] for each in (*known, *self._stats))) for key in self._stats[0]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadEpisodeFile(
                f"meta/stats.json of {self._root.name} cannot be added to: {first_line(error)}."
            ) from error
        _write_json(meta / "stats.json", as_lists(whole))

    def _info(self) -> dict[str, Any]:
        version, episodes = self._config.version, len(self._records)
        fps = int(self.fps) if self.fps == int(self.fps) else self.fps
        cameras = [feature for feature in self._features.values() if feature["dtype"] == "video"]
        for feature in cameras:
            feature["info"] = _encoding(feature["shape"], fps, self._config.crf)
        counts = {"total_episodes": episodes, "total_frames": self._frames, "total_tasks": len(self._tasks)}
        sizes = {"data_files_size_in_mb": DATA_MB, "video_files_size_in_mb": VIDEO_MB}
        if version == "v2.1":
            sizes = {"total_videos": episodes * len(cameras), "total_chunks": -(-episodes // CHUNK)}
        return {
            "codebase_version": version,
            "robot_type": None,
            **counts,
            **sizes,
            "chunks_size": CHUNK,
            "fps": fps,
            "splits": {"train": f"0:{episodes}"},
            "data_path": DATA_PATH[version],
            "video_path": VIDEO_PATH[version] if cameras else None,
            "features": self._features,
        }


def _fps(first: Episode, config: LeRobotConfig) -> float:
    told = (config.fps, *(spec.rate_hz for spec in first.specs.values()), first.action.rate_hz)
    fps = next((rate for rate in told if rate), None)
    if fps is None:
        raise BadInput("these episodes do not say their rate, which LeRobot asks for; say LeRobotConfig(fps=…).")
    return float(fps)


def _encoding(shape: list[int], fps: int | float, crf: int | None) -> dict[str, Any]:
    height, width, channels = shape
    told = {"height": height, "width": width, "channels": channels, "fps": fps, "codec": "h264", "is_depth_map": False}
    told["pix_fmt"] = pixel_format(height, width, crf)
    return {f"video.{name}": value for name, value in told.items()} | {"has_audio": False}


def _task_table(tasks: dict[str, int]) -> Any:
    """Numbers of tasks with the task as the row's name, which pandas, through which LeRobot reads it, finds in the schema."""
    table = data_package("pyarrow").table({"task_index": list(tasks.values()), "task": list(tasks)})
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": None}
        for name, (kind, numpy) in kinds.items()
    ]
    schema = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
    return table.replace_schema_metadata({"pandas": json.dumps(schema)})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_anew(path, json.dumps(content, indent=4, ensure_ascii=False))


def _add_lines(path: Path, records: list[dict[str, Any]]) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_anew(path, before + "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))

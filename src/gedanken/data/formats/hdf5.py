"""HDF5 as people have it, through the door of the formats; written is the layout of robomimic.

    data/demo_k/obs/<stream>       frames 0 to L−2
    data/demo_k/next_obs/<stream>  frames 1 to L−1, so that no action is lost and no frame either
    data/demo_k/actions            [L−1, A]

Times, resets and origin of an episode lie beside them, and the specs in an attribute of the file; others do not look at these.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gedanken.data.formats.aside import written_aside
from gedanken.data.formats.hdf5_episodes import KIND, Hdf5Config, Hdf5Episodes, is_hdf5
from gedanken.data.formats.hdf5_file import h5py
from gedanken.data.formats.hdf5_folder import Hdf5Folder, files_in
from gedanken.data.index import Index, index_text
from gedanken.data.store import check_same_kind
from gedanken.errors import BadInput, NonFinite
from gedanken.types import Episode

__all__ = ["Hdf5Config", "Hdf5Episodes", "Hdf5Folder", "detect_hdf5", "open_hdf5", "write_hdf5"]


def detect_hdf5(path: Path) -> bool:
    """Whether `path` is a file that begins as HDF5 does, or a folder with such files and no videos directly in it."""
    try:
        return is_hdf5(path) or bool(files_in(path))
    except OSError:
        return False


def open_hdf5(path: Path, config: Hdf5Config) -> Hdf5Episodes | Hdf5Folder:
    """The episodes of a file, or of all files of a folder.

    Raises:
        BadEpisodeFile: not HDF5, what lies in it does not fit together, is kept elsewhere, or is larger than its bytes; or files
            of several kinds.
        BadInput: no episodes were found; the message lists what there is and the configuration to write.
    """
    files = files_in(path) if path.is_dir() else []
    return Hdf5Folder(files, config) if files else Hdf5Episodes(path, config)


def write_hdf5(
    path: Path, episodes: Iterable[Episode], config: Hdf5Config, if_exists: Literal["refuse", "append", "overwrite"]
) -> None:
    """Write episodes; what is appended goes into a copy that takes the file's place when all is well.

    Raises:
        BadInput: no episodes, episodes of several kinds, or a layout other than robomimic's.
        NonFinite: an episode holds NaN or infinity.
    """
    if config.layout not in (None, "robomimic"):
        raise BadInput(f"layout={config.layout!r} is only read; robomimic's is written.")
    old = Hdf5Episodes(path, Hdf5Config(layout="robomimic")) if if_exists == "append" and path.exists() else None
    kind = (old[0].specs, old[0].action) if old else None
    with written_aside(path, "overwrite" if old else if_exists) as aside:
        if old:
            shutil.copyfile(path, aside)
        with h5py().File(aside, "a") as file:
            data = file.require_group("data")
            number = 1 + max((int(name.rpartition("_")[2]) for name in data if name[-1].isdigit()), default=-1)
            first = number
            for episode in episodes:
                if kind is None:
                    kind = episode.specs, episode.action
                    file.attrs[KIND] = index_text(Index(*kind))
                check_same_kind(episode, *kind)
                _write(data.create_group(f"demo_{number}"), episode)
                data.attrs["total"] = int(data.attrs.get("total", 0)) + len(episode) - 1
                number += 1
            if number == first:
                raise BadInput("there are no episodes to write.")


def _write(demo: Any, episode: Episode) -> None:
    if len(episode) < 2:
        raise BadInput(
            "an episode of one frame has no action, and robomimic's layout has no place for it; leave it out."
        )
    demo.attrs["num_samples"] = len(episode) - 1
    demo.attrs["provenance"] = json.dumps(asdict(episode.provenance))
    demo["actions"] = episode.actions
    for name, values in {**episode.streams, "actions": episode.actions}.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise NonFinite(f"{name} of an episode hold NaN or infinity; cut or mend those frames.")
    for name, values in episode.streams.items():
        demo[f"obs/{name}"], demo[f"next_obs/{name}"] = values[:-1], values[1:]
    if episode.times is not None:
        demo["times"] = episode.times
    if episode.resets:
        demo["resets"] = np.asarray(episode.resets, np.int64)

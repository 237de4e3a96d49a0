"""The peer's side of `windows`: stable-worldmodel's readers of Lance (JPEG, quality 95) and HDF5 (raw), written by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_worldmodel.data.formats.hdf5 import HDF5Dataset, HDF5Writer  # pyright: ignore[reportMissingImports]
from stable_worldmodel.data.formats.lance import LanceDataset, LanceWriter  # pyright: ignore[reportMissingImports]

from beside.side import answer, size_of, spent
from beside.stamps import read, strip

READERS: dict[str, Any] = {}


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Write the recordings in both forms and open them; answers the bytes of each."""
    folder = Path(request["folder"])
    frames, actions = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("frames", "actions"))
    wanted = {"frameskip": request["skip"], "num_steps": request["length"]}
    forms = {
        "hdf5": (HDF5Writer, HDF5Dataset, folder / "peer.h5"),
        "lance": (LanceWriter, LanceDataset, folder / "peer.lance"),
    }
    sizes = {}
    for form, (writer, reader, path) in forms.items():
        with writer(path) as file:
            file.write_episodes(
                {"pixels": list(seen), "action": list(done)} for seen, done in zip(frames, actions, strict=True)
            )
        READERS[form] = reader(path=path, keys_to_load=["pixels", "action"], **wanted)
        sizes[form] = size_of(path)
    return {"bytes": sizes, "places": len(READERS["hdf5"]) // len(frames)}


def _batch(reader: Any, numbers: list[int]) -> list[dict[str, Any]]:
    # What torch's DataLoader would call; stacking the windows into one batch is not asked of the peer.
    return reader.__getitems__(numbers) if hasattr(reader, "__getitems__") else [reader[number] for number in numbers]


def windows(request: dict[str, Any]) -> dict[str, Any]:
    """Batches of the windows asked for; answers which frames came, and the sum of each window's actions."""
    reader, (rows, columns) = READERS[request["form"]], strip(request["size"])
    places, seen, done = len(reader) // request["episodes"], [], []
    asked = [number * places + start for number, start in request["windows"]]
    with spent() as counted:
        for first in range(0, len(asked), request["batch"]):
            found = _batch(reader, asked[first : first + request["batch"]])
            seen += [each["pixels"][:, 0, rows, columns].clone() for each in found]
            done += [each["action"] for each in found]
    return {
        "seconds": counted.seconds,
        "windows": len(asked),
        "frames": read(torch.stack(seen).numpy()).tolist(),
        # Its last block of actions leaves the last frame, and belongs to no step of the window.
        "actions": torch.stack(done)[:, :-1].double().sum((1, 2)).tolist(),
    }


def show(request: dict[str, Any]) -> dict[str, Any]:
    """Save the frames of one window, all pixels."""
    reader = READERS[request["form"]]
    number, start = request["window"]
    found = _batch(reader, [number * (len(reader) // request["episodes"]) + start])[0]
    np.save(request["file"], found["pixels"].permute(0, 2, 3, 1).contiguous().numpy())
    return {}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"prepare": prepare, "windows": windows, "show": show})

"""Our side of `windows`: random windows through `WindowSampler`, from the raw store and from the compressed one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from beside.side import answer, size_of, spent
from beside.stamps import read, strip
from gedanken.data import EpisodeFolder, JPEGConfig, WindowSampler
from gedanken.data.coded import CodedFrames
from gedanken.data.jpeg import decode_into
from gedanken.types import ActionSpec, Episode, StreamSpec

SAMPLERS: dict[str, WindowSampler] = {}
FORMS = {"raw": {}, "jpeg": {"pixels": JPEGConfig()}}


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Write the recordings in both forms and open them; answers the bytes of each."""
    folder = Path(request["folder"])
    frames, actions = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("frames", "actions"))
    specs = {"pixels": StreamSpec(frames.shape[2:], "uint8")}
    spec = ActionSpec(2, (-10.0, -10.0), (10.0, 10.0))
    sizes = {}
    for form, coded in FORMS.items():
        store = EpisodeFolder.create(folder / f"ours-{form}", specs, spec, coded=coded)
        store.extend(
            Episode({"pixels": np.asarray(seen)}, np.asarray(done[:-1]), specs, spec)
            for seen, done in zip(frames, actions, strict=True)
        )
        opened = EpisodeFolder.open(folder / f"ours-{form}")
        SAMPLERS[form] = WindowSampler(opened, request["length"], request["skip"])
        sizes[form] = size_of(folder / f"ours-{form}")
    return {"bytes": sizes, "places": len(SAMPLERS["raw"]) // len(frames)}


def windows(request: dict[str, Any]) -> dict[str, Any]:
    """Batches of the windows asked for; answers which frames came, and the sum of each window's actions."""
    sampler, (rows, columns) = SAMPLERS[request["form"]], strip(request["size"])
    places, seen, done = len(sampler) // request["episodes"], [], []
    asked = torch.tensor([number * places + start for number, start in request["windows"]])
    with spent() as counted:
        for batch in asked.split(request["batch"]):
            found = sampler.take(batch)
            seen.append(found.observations["pixels"][:, :, rows, columns, 0].clone())
            done.append(found.actions)
    return {
        "seconds": counted.seconds,
        "windows": len(asked),
        "frames": read(torch.cat(seen).numpy()).tolist(),
        "actions": torch.cat(done).double().sum((1, 2)).tolist(),
    }


def show(request: dict[str, Any]) -> dict[str, Any]:
    """Save the frames of one window, all pixels."""
    sampler = SAMPLERS[request["form"]]
    number, start = request["window"]
    found = sampler.take(torch.tensor([number * (len(sampler) // request["episodes"]) + start]))
    np.save(request["file"], found.observations["pixels"][0].numpy())
    return {}


def floor(request: dict[str, Any]) -> dict[str, Any]:
    """Core-seconds of what no reader can leave out: copying the frames, or decoding them."""
    store = EpisodeFolder.open(Path(request["folder"]) / f"ours-{request['form']}")
    count, batch = request["count"], request["batch"] * request["length"]
    frames = store[0].streams["pixels"]
    if request["form"] == "raw":
        warm = np.asarray(frames[: min(batch, len(frames))])
        room = np.empty_like(warm)
        with spent() as counted:
            for _ in range(count // len(warm)):
                np.copyto(room, warm)
        return {"seconds": counted.seconds, "frames": count // len(warm) * len(warm)}
    assert isinstance(frames, CodedFrames)
    content = [frames.content(k).tobytes() for k in range(min(batch, len(frames)))]
    room = np.empty(frames.shape[1:], np.uint8)
    with spent() as counted:
        for k in range(count):
            decode_into(room, content[k % len(content)], "")
    return {"seconds": counted.seconds, "frames": count}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer({"prepare": prepare, "windows": windows, "show": show, "floor": floor})

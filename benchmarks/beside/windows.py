"""Random windows of 4 frames, frame skip 5: ours raw and compressed beside the peer's two formats, on the same windows.

Every window of every repeat is looked at: its frames carry their numbers, and its actions are summed. Some are compared
pixel by pixel: raw ones must be equal, compressed ones near.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from beside import recorded
from beside.sides import Answer, Side, both, interleaved, rate, ratio

LENGTH, SKIP, BATCH = 4, 5, 32
FORMS = {"ours": ("raw", "jpeg"), "peer": ("hdf5", "lance")}
EXACT = ("raw", "hdf5")
_COUNT = {64: 512, 224: 128}
_SHOWN, _NEAR, _LESS = 3, 20.0, 0.5  # windows compared pixel by pixel; least dB to the recording, and below the peer


def measure(peer: str | None, repeats: int = 5, quick: bool = False) -> dict[str, Any]:
    """Windows a core-second, bytes and quality of each form, by recording and size; with the ratios where there is a peer."""
    cases = {}
    with both("windows", peer) as sides, tempfile.TemporaryDirectory() as scratch:
        for source in recorded.sources():
            for size in recorded.SIZES:
                folder = Path(scratch) / f"{source}-{size}"
                folder.mkdir()
                cases[f"{source} {size}"] = _case(sides, folder, source, size, repeats, quick)
    return cases


def _case(sides: dict[str, Side], folder: Path, source: str, size: int, repeats: int, quick: bool) -> dict[str, Any]:
    episodes, length = recorded.save(folder, source, size, quick)
    said = {name: side.ask("prepare", folder=str(folder), length=LENGTH, skip=SKIP) for name, side in sides.items()}
    # The peer's windows span one block of actions more, so it has fewer places; both are asked for those.
    places = min(each["places"] for each in said.values())
    common = {"episodes": episodes, "size": size, "batch": BATCH, "length": LENGTH}
    truth = Truth(folder, length)

    def asked(name: str, form: str):
        def once(seed: int) -> Answer:
            windows = recorded.drawn(episodes, places, _COUNT[size] // (4 if quick else 1), seed)
            found = sides[name].ask("windows", form=form, windows=windows, **common)
            truth.check(f"{name} {form}", windows, found)
            return found

        return once

    forms = {form: name for name in sides for form in FORMS[name]}
    answers = interleaved({form: asked(name, form) for form, name in forms.items()}, repeats)
    found: dict[str, Any] = {
        form: {
            **rate(answers[form], "windows"),
            "bytes a frame": said[forms[form]]["bytes"][form] / (episodes * length),
        }
        for form in forms
    }
    for form, name in forms.items():
        found[form]["psnr"] = truth.look(sides[name], form, folder / "shown.npy", episodes, places)
    frames = _COUNT[size] * LENGTH
    for form in FORMS["ours"]:
        least = sides["ours"].ask("floor", folder=str(folder), form=form, count=frames, **common)
        found[form]["share of floor"] = least["seconds"] / least["frames"] * LENGTH * found[form]["median"]
    if "peer" in sides:
        if found["jpeg"]["psnr"] < found["lance"]["psnr"] - _LESS:
            raise RuntimeError(
                "our compressed frames are worse than the peer's; speed at another quality says nothing."
            )
        best = max(FORMS["peer"], key=lambda form: found[form]["median"])
        found["raw over the peer's best"] = ratio(answers["raw"], answers[best], "windows") | {"best": best}
        found["jpeg over lance"] = ratio(answers["jpeg"], answers["lance"], "windows")
        found["bytes of jpeg over lance"] = found["jpeg"]["bytes a frame"] / found["lance"]["bytes a frame"]
    return found


class Truth:
    """What was recorded, to hold what comes back to."""

    def __init__(self, folder: Path, length: int) -> None:
        self._frames = np.load(folder / "frames.npy", mmap_mode="r")
        self._actions, self._length = np.load(folder / "actions.npy"), length

    def check(self, who: str, windows: list[tuple[int, int]], found: Answer) -> None:
        """Raise RuntimeError unless these are the frames and actions of the windows that were asked for."""
        frames = [[number * self._length + start + k * SKIP for k in range(LENGTH)] for number, start in windows]
        if found["frames"] != frames:
            raise RuntimeError(f"{who} returned other frames than the windows that were asked for hold.")
        reach = (LENGTH - 1) * SKIP
        sums = [float(self._actions[number, start : start + reach].sum(dtype=float)) for number, start in windows]
        if not np.allclose(found["actions"], sums, atol=1e-3):
            raise RuntimeError(f"{who} returned other actions than the windows that were asked for hold.")

    def look(self, side: Side, form: str, file: Path, episodes: int, places: int) -> float | None:
        """Peak signal-to-noise ratio in dB of some windows, None where all pixels are equal, as they must be if raw."""
        errors = []
        for number, start in recorded.drawn(episodes, places, _SHOWN, seed=1000):
            side.ask("show", form=form, window=(number, start), file=str(file), episodes=episodes)
            shown = np.load(file)
            wanted = self._frames[number, start : start + (LENGTH - 1) * SKIP + 1 : SKIP]
            if shown.shape != wanted.shape:
                raise RuntimeError(f"{side.name} {form} returned frames {shown.shape}; {wanted.shape} were recorded.")
            errors.append(np.square(shown.astype(float) - wanted).mean())
        error = float(np.mean(errors))
        psnr = None if error == 0 else float(10 * np.log10(255**2 / error))
        if psnr is not None and (form in EXACT or psnr < _NEAR):
            raise RuntimeError(f"{side.name} {form} returned pixels that are off by {psnr:.1f} dB.")
        return psnr

"""`gedanken surprise`: what in a video surprises a model, when, where, and how rarely the usual does so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

if TYPE_CHECKING:
    from gedanken.evaluation.surprise import Watched
    from gedanken.recipes import Loaded
    from gedanken.types import Episode


def surprise(
    clip: tyro.conf.Positional[str],
    /,
    model: Path,
    usual: str = "",
    episode: int = 0,
    rate: float = 0.01,
    out: Path = Path("surprise.html"),
    keep: Path | None = None,
    json: bool = False,
) -> None:
    """Watch a recording and say what in it surprises a model: which frames, and where in the picture.

    Example: gedanken surprise clip.mp4 --model runs/mine/model.safetensors --usual drives

    Args:
        clip: an MP4, or recordings in any other known format.
        model: a model file.
        usual: recordings in which nothing unusual happens and which the model was not trained on, to learn from what errors are
            usual; needed where the model file does not know yet.
        episode: which of the recordings at `clip`.
        rate: share of usual windows that may be taken for surprising.
        out: where the page with the curve, the frames that surprised and their heat maps goes.
        keep: also write the model with what it learned from --usual there.
        json: print one JSON object too.
    """
    import json as text

    import numpy as np

    from gedanken.cli.console import console, table
    from gedanken.errors import BadInput
    from gedanken.evaluation.report import write_report
    from gedanken.evaluation.surprise import surprise_report, watch
    from gedanken.recipes import load

    if keep is not None and not usual:
        raise BadInput(
            f"there is nothing to keep in {keep}: give --usual, recordings in which nothing unusual happens."
        )
    loaded = load(model)
    seen = _one(clip, episode, loaded)
    if usual:
        loaded = _calibrated(loaded, usual, keep)
    watched = watch(loaded.model, seen, rate)
    facts = {"model": str(model), "clip": clip, **({"usual": usual} if usual else {})}
    report = surprise_report(watched, np.asarray(seen.streams["pixels"]), f"{Path(clip).name} to {model.stem}", facts)
    written = write_report(out, report)
    if json:
        print(
            text.dumps(
                {"clip": clip, "model": str(model), "report": str(written), **watched.as_dict()}, allow_nan=False
            )
        )
        return
    _show(watched, clip, table)
    for sentence in watched.told:
        console.print(f"· {sentence}")
    console.print(f"report [bold]{written}[/bold]", soft_wrap=True)


def _one(clip: str, number: int, loaded: Loaded) -> Episode:
    """The recording, its pictures as the model reads them."""
    from gedanken.data.camera import with_pixels
    from gedanken.data.formats import open_episodes
    from gedanken.errors import BadInput

    height, width, channels = _frame(loaded)
    episodes, _ = with_pixels(open_episodes(clip), (height, width))
    if not 0 <= number < len(episodes):
        raise BadInput(f"{clip} holds {len(episodes)} recordings, numbered from 0; there is no episode {number}.")
    found = episodes[number]
    shape = found.specs["pixels"].shape if "pixels" in found.specs else None
    if shape != (height, width, channels):
        raise BadInput(f"{clip} shows pictures of {shape}; this model reads {height}×{width} with {channels} colours.")
    return found


def _frame(loaded: Loaded) -> tuple[int, ...]:
    from gedanken.errors import BadInput

    if set(loaded.observation) != {"pixels"}:
        raise BadInput(f"this model reads {', '.join(loaded.observation)}; a video has pixels alone.")
    return loaded.observation["pixels"].shape


def _calibrated(loaded: Loaded, usual: str, keep: Path | None) -> Loaded:
    from gedanken.cli.console import console
    from gedanken.data.camera import with_pixels
    from gedanken.data.formats import open_episodes
    from gedanken.recipes import calibrated, save

    height, width, _ = _frame(loaded)
    episodes, _ = with_pixels(open_episodes(usual), (height, width))
    loaded = calibrated(loaded, episodes)
    told: Any = loaded.recipe.usual
    console.print(
        f"· what errors are usual: {told.whiten} windows of {told.steps} model steps, and {told.windows} to judge by"
    )
    if keep is not None:
        save(keep, loaded.model, loaded.recipe, loaded.observation, {**loaded.lineage, "usual": usual})
        console.print(f"· kept in {keep}", soft_wrap=True)
    return loaded


def _show(watched: Watched, clip: str, table) -> None:
    verdict = "surprising" if watched.surprising else "as usual"
    rows = []
    for moment in watched.as_dict()["moments"]:
        when = f"{moment['frame']}" if moment["seconds"] is None else f"{moment['frame']} ({moment['seconds']:.2f} s)"
        rows.append((when, f"{moment['surprise']:.2f}", f"{moment['across']:.0%}", f"{moment['down']:.0%}"))
    title = f"{clip}: {verdict}, p = {watched.p_value:.2g} at a false-alarm rate of {watched.rate:.2g}"
    table(title, ("frames that surprised", "surprise", "from the left", "from the top"), rows)

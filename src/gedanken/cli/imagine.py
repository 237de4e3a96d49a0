"""`gedanken imagine`: what the model expects to see if given actions were carried out."""

from __future__ import annotations

from pathlib import Path

import tyro


def imagine(
    model: tyro.conf.Positional[Path] = Path("bundled"),
    /,
    action: tuple[float, ...] = (1.2, 0.0),
    steps: int = 8,
    start: Path | None = None,
    out: Path = Path("imagined.png"),
    seed: int = 0,
) -> None:
    """Imagine holding one action, and save what is expected as a strip of the nearest frames known.

    Example: gedanken imagine bundled --action 1.2 0.5 --steps 8

    Args:
        model: a model file, or `bundled` for the one in the package.
        action: one environment action, held all along, in the environment's own units.
        steps: model steps to imagine.
        start: picture of the start (resized to the model's frame); without one, a drawn task of two-rooms-v1 is used.
        out: where the strip of pictures goes; the upper row is imagined, in two-rooms-v1 the lower one really happened.
        seed: of the drawn task.
    """
    from gedanken.cli.console import console
    from gedanken.recipes import bundled_model, imagined_strip, load

    loaded = load(bundled_model() if str(model) == "bundled" else model)
    imagined_strip(loaded, action, steps, start, seed).save(out)
    console.print(f"[bold]{out}[/bold]: the start, then {steps} imagined model steps.")

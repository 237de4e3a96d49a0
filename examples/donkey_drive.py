"""A real drive: the code that learns two rooms learns what a toy car's camera will see, given the driver's commands.

`python examples/donkey_drive.py` trains for a few minutes on 1000 frames and writes `runs/donkey-drive/report.html`, which
shows how far ahead the model sees on parts of the drive it never learned from, beside guesses that need no model.
"""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import tyro

from gedanken import Episode, __version__, save
from gedanken.cli.console import bar, console, table, training_bar
from gedanken.data import time_blocks
from gedanken.data.formats import read_image_table
from gedanken.encoders import ConvEncoderConfig
from gedanken.evaluation.decoder import fit_decoder, frame_bank
from gedanken.evaluation.prediction import evaluate_prediction
from gedanken.evaluation.prediction_report import (
    prediction_charts,
    prediction_figures,
    prediction_strips,
    prediction_table,
)
from gedanken.evaluation.report import ReportData, write_report
from gedanken.recipes import Recipe, fit
from gedanken.training import RunFolder, TrainConfig

DRIVE = Path(__file__).parent / "data" / "donkey_track" / "donkey_track.parquet"
RATE_HZ = 20.0
LAG = 4  # frames until a command shows: there the picture's sideways shift correlates best with the steering
HELD_OUT = (1, 4, 7)  # of ten blocks of 5 s; the car passes each place once more, in a block it learns from
FRAME_SKIP, HORIZON = 4, 8  # model steps of 0.2 s, predicted up to 1.6 s ahead
STEP_SECONDS = FRAME_SKIP / RATE_HZ
JUDGED = 5  # model steps ahead, in the headline
WITHIN = round(2 * RATE_HZ)  # the true frame is to be found among others within 2 s of it


def main(quick: bool = False, out: Path = Path("runs/donkey-drive"), seed: int = 0) -> None:
    """Train on a real drive and report how far ahead the model sees.

    Args:
        quick: a few steps, to see that all runs; the model is of no use.
        out: folder for metrics, the model and the report.
        seed: of weights, windows and candidates.
    """
    training, held_out = recordings()
    recipe = drive_recipe(steps=8 if quick else 600, seed=seed)
    run, numbers = RunFolder(out), range(len(training) + len(held_out))
    with training_bar() as watch:
        split = numbers[: len(training)], numbers[len(training) :]
        fitted = fit([*training, *held_out], recipe, run, watch, split)
    save(run.model, fitted.model, recipe, training[0].specs, {"data": DRIVE.name})

    result = evaluate_prediction(fitted.model, held_out, HORIZON, within=WITHIN, seed=seed)
    compared = prediction_table(result, JUDGED)
    with bar("report") as tell:
        bank = frame_bank(fitted.model, fitted.training, frames=1500)
        decoder = fit_decoder(bank, 20 if quick else 400, watch=lambda step, steps, loss: tell(step / steps))
    middles = torch.tensor([1, 3, 5]) * len(fitted.held_out) // 6  # of the three held-out blocks
    report = ReportData(
        title="A real drive",
        subtitle=f"What a toy car's camera sees {JUDGED * STEP_SECONDS:.1f} s later, on held-out blocks of its track",
        figures=prediction_figures(result, JUDGED),
        filmstrips=prediction_strips(fitted.model, fitted.held_out, middles, bank, decoder, STEP_SECONDS),
        charts=prediction_charts(result, STEP_SECONDS),
        tables=[compared],
        metrics=run.read_metrics(),
        limits=LIMITS,
        facts={
            "command": f"python examples/donkey_drive.py --seed {seed}{' --quick' if quick else ''}",
            "data": f"{DRIVE.name} (Donkey Car, MIT licence), {RATE_HZ:g} Hz, commands {LAG} frames earlier",
            "training": f"{recipe.train.steps} steps, {fitted.trained.core_seconds:.0f} core-s, {fitted.trained.dtype}",
            "evaluation": f"{len(result.blocks)} windows, {len(result.blocks.unique())} blocks, bootstrap over blocks",
            "versions": f"gedanken {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        },
    )
    table(compared.title, compared.columns, compared.rows)
    console.print(f"report  [bold]{write_report(out / 'report.html', report)}[/bold]", soft_wrap=True)


def recordings() -> tuple[list[Episode], list[Episode]]:
    """The drive in blocks of time: those to learn from, in a mirror too, and those held out."""
    drive = read_image_table(
        DRIVE,
        actions=["angle", "throttle"],
        bounds=[(-1.0, 1.0), (0.0, 1.0)],
        rate_hz=RATE_HZ,
        action_lag=LAG,
        licence="MIT",
    )
    training, held_out = time_blocks(drive, blocks=10, held_out=HELD_OUT, gap=round(RATE_HZ))
    return [*training, *map(mirrored, training)], list(held_out)


def mirrored(drive: Episode) -> Episode:
    """The same drive with left and right exchanged, in picture and steering: as possible as the first."""
    pixels = np.ascontiguousarray(drive.streams["pixels"][:, :, ::-1])
    return replace(drive, streams={"pixels": pixels}, actions=drive.actions * np.array([-1, 1], np.float32))


def drive_recipe(steps: int, seed: int) -> Recipe:
    """A small model: there are 600 frames to learn from."""
    return Recipe(
        name="donkey-drive",
        window=HORIZON + 1,
        frame_skip=FRAME_SKIP,
        encoder=ConvEncoderConfig(size=(64, 64), width=16, latent=64),
        train=TrainConfig(steps=steps, batch=32, seed=seed),
    )


LIMITS = (
    "One drive of 1000 frames, one driver, one track: two laps, and each held-out place is learned from on the other lap. "
    "Nothing is said about any other track.",
    "The recording lost its timestamps: 20 Hz is the car's default rate, and the lag of the commands was estimated from the "
    "pictures of the whole drive.",
    "Three held-out blocks of 5 s hold few independent moments, so the intervals are rough; and they hold for one training "
    "seed.",
    "Copy-last finds the true frame less often than chance, as frames between now and then lie nearer to it: chance is the "
    "fairer bar.",
    "The mean latent is a weak guess: the latent tells places apart more than moments. Copy-last and shuffled actions are "
    "the errors to beat.",
    "The driver steers by what he sees, so another window's commands are not only wrong but unusual for the place.",
    "Nothing is planned here: whether the model could steer was not measured.",
)

if __name__ == "__main__":
    tyro.cli(main)

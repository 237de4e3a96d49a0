"""A real drive: the code that learns two rooms learns what a toy car's camera will see, given the driver's commands.

`python examples/donkey_drive.py` trains for a few minutes on 1000 frames and writes `runs/donkey-drive/report.html`, which
shows how far ahead the model sees on parts of the drive it never learned from, beside guesses that need no model.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from gedanken import Context, Episode, __version__, save
from gedanken.cli.console import bar, console, training_bar
from gedanken.data import WindowSampler, time_blocks
from gedanken.data.formats import read_image_table
from gedanken.encoders import ConvEncoderConfig
from gedanken.evaluation.decoder import fit_decoder, frame_bank, nearest_frames
from gedanken.evaluation.prediction import Forecast, PredictionResult, block_bootstrap, evaluate_prediction
from gedanken.evaluation.report import Chart, Figure, Filmstrip, ReportData, Series, Table, write_report
from gedanken.recipes import Fitted, Recipe, fit
from gedanken.training import RunFolder, TrainConfig

DRIVE = Path(__file__).parent / "data" / "donkey_track" / "donkey_track.parquet"
RATE_HZ = 20.0
LAG = 4  # frames until a command shows in the picture: where steering and the picture's shift correlate best
FRAME_SKIP = 4
HORIZON = 8
HELD_OUT = (1, 4, 7)  # of ten blocks of 5 s; the car passes each place once more, in a block it learns from
WITHIN_SECONDS = 2.0
JUDGED = 5  # model steps ahead, the horizon of the headline
SECONDS = [FRAME_SKIP * k / RATE_HZ for k in range(1, HORIZON + 1)]


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
    within = round(WITHIN_SECONDS * RATE_HZ)
    result = evaluate_prediction(fitted.model, held_out, HORIZON, within=within, seed=seed)
    with bar("report") as tell:
        strips = filmstrips(fitted, decoder_steps=20 if quick else 400, tell=tell)
    path = write_report(out / "report.html", report(result, strips, fitted, run, recipe))
    for name, error, found in comparisons(result):
        console.print(f"{name:<28} error {error:<24} true frame found {found}")
    console.print(f"report  [bold]{path}[/bold]")


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
    return replace(drive, streams={"pixels": pixels}, actions=drive.actions * np.float32([-1, 1]))


def drive_recipe(steps: int, seed: int) -> Recipe:
    """A small model: there are 600 frames to learn from."""
    return Recipe(
        name="donkey-drive",
        window=HORIZON + 1,
        frame_skip=FRAME_SKIP,
        encoder=ConvEncoderConfig(size=(64, 64), width=16, latent=64),
        train=TrainConfig(steps=steps, batch=32, seed=seed),
    )


@torch.no_grad()
def imagined(fitted: Fitted, windows: WindowSampler, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """What came, `[B, K, 64, 64, 3]`, and the latents `[B, K, P, D]` imagined from the frame before it."""
    taken = windows.take(numbers)
    now = fitted.model.encode({"pixels": taken.observations["pixels"][:, :1]})
    context = Context(now, torch.zeros(len(numbers), 0, taken.actions.shape[2]))
    return taken.observations["pixels"][:, 1:], fitted.model.rollout(context, taken.actions[:, None]).latents[:, 0]


def filmstrips(fitted: Fitted, decoder_steps: int, tell: Callable[[float], None]) -> list[Filmstrip]:
    """The middle of each held-out block, as it came and as it was imagined from one frame before."""
    bank = frame_bank(fitted.model, fitted.training, frames=1500)
    decoder = fit_decoder(bank, decoder_steps, watch=lambda step, steps, loss: tell(step / steps))
    shown = ((torch.arange(len(HELD_OUT)) + 0.5) / len(HELD_OUT) * len(fitted.held_out)).long()
    came, latents = imagined(fitted, fitted.held_out, shown)
    rows = {
        "what came": came,
        "imagined: the nearest frame of the training data": nearest_frames(latents, bank),
        "imagined: drawn by a decoder fitted for looking": decoder.decode(latents),
    }
    return [
        Filmstrip(
            f"Block {block} of 10, held out",
            [(label, frames[number].numpy()) for label, frames in rows.items()],
            columns=[f"+{seconds:.1f} s" for seconds in SECONDS],
            note="Imagined from the frame before the first one here, and the driver's commands; nothing else was seen.",
        )
        for number, block in enumerate(HELD_OUT)
    ]


def report(
    result: PredictionResult, strips: list[Filmstrip], fitted: Fitted, run: RunFolder, recipe: Recipe
) -> ReportData:
    """All that is shown; errors in shares of what guessing the mean latent costs."""
    ways = {
        "model": result.model,
        "actions of another window": result.shuffled,
        "copy-last": result.copy_last,
        "mean latent": result.mean,
    }
    errors = {name: relative(each, result) for name, each in ways.items() if each is not result.mean}
    found = {name: each.found for name, each in ways.items()}
    chance = 1 / result.candidates
    return ReportData(
        title="A real drive",
        subtitle=f"What a toy car's camera will see, predicted {SECONDS[-1]:.1f} s ahead on held-out blocks of its track",
        figures=[
            Figure(
                f"true frame found, {SECONDS[JUDGED - 1]:.1f} s ahead",
                f"{result.model.found[:, JUDGED - 1].mean():.0%}",
                f"among {result.candidates} within ±{WITHIN_SECONDS:g} s; chance {chance:.0%}",
            ),
            *[
                Figure(f"error over {name}'s", f"{ratio(result.model, other):.2f}", "below 1: better")
                for name, other in (("copy-last", result.copy_last), ("the mean", result.mean))
            ],
        ],
        filmstrips=strips,
        charts=[
            chart("latent error", errors, result.blocks, "shares of the mean latent's error", (1.0, "mean latent")),
            chart("true frame found", found, result.blocks, "share of windows", (chance, "chance")),
        ],
        tables=[
            Table(
                f"The model against each guess, {SECONDS[JUDGED - 1]:.1f} s ahead",
                ("model minus", "error (95 % interval)", "true frame found (95 % interval)"),
                comparisons(result),
                note="Paired by window. An interval that holds 0 shows no difference; a better model errs less and finds more.",
            )
        ],
        metrics=run.read_metrics(),
        limits=LIMITS,
        facts={
            "data": f"{DRIVE.name}, Donkey Car, MIT licence, {RATE_HZ:g} Hz, action lag {LAG} frames",
            "training": f"{recipe.train.steps} steps, seed {recipe.train.seed}, {fitted.trained.core_seconds:.0f} "
            f"core-seconds, {fitted.trained.dtype}",
            "evaluation": f"{len(result.blocks)} windows in {int(result.blocks.max()) + 1} blocks; block bootstrap",
            "gedanken": f"{__version__}, torch {torch.__version__}, {platform.machine()}, Python {platform.python_version()}",
        },
    )


def relative(each: Forecast, result: PredictionResult) -> Tensor:
    """Errors `[W, K]` in shares of the mean latent's."""
    return each.error / result.mean.error.mean()


def ratio(one: Forecast, other: Forecast) -> float:
    """Mean error over mean error at the judged horizon."""
    return (one.error[:, JUDGED - 1].mean() / other.error[:, JUDGED - 1].mean()).item()


def comparisons(result: PredictionResult) -> list[tuple[str, str, str]]:
    """The model minus each other guess at the judged horizon: name, error, share found."""
    rows: list[tuple[str, str, str]] = []
    for name, other in (
        ("actions of another window", result.shuffled),
        ("copy-last", result.copy_last),
        ("mean latent", result.mean),
    ):
        error = (relative(result.model, result) - relative(other, result))[:, JUDGED - 1]
        found = (result.model.found - other.found)[:, JUDGED - 1]
        rows.append((name, *(str(block_bootstrap(each, result.blocks)) for each in (error, found))))
    return rows


def chart(title: str, lines: Mapping[str, Tensor], blocks: Tensor, unit: str, mark: tuple[float, str]) -> Chart:
    """Values `[W, K]` by name, averaged over windows, with their intervals."""
    series = []
    for name, values in lines.items():
        spread = [block_bootstrap(column, blocks) for column in values.unbind(dim=1)]
        bounds = ([getattr(each, end) for each in spread] for end in ("mean", "low", "high"))
        series.append(Series(name, SECONDS, *bounds))
    return Chart(
        title, series, "seconds ahead", unit, "Band: 95 % interval over blocks of time.", log_y=False, mark=mark
    )


LIMITS = (
    "One drive of 1000 frames, one driver, one track: two laps, and each held-out place is learned from on the other lap. "
    "Nothing is said about any other track.",
    "The recording lost its timestamps: 20 Hz is the car's default rate, and the lag of the commands was estimated from the "
    "pictures of the whole drive.",
    "Three held-out blocks of 5 s hold few independent moments: the intervals are rough, and one training seed was run.",
    "Copy-last finds the true frame less often than chance, since frames between now and then lie nearer to it; chance is "
    "the fairer bar.",
    "The driver steers by what he sees, so the commands of another window are not only wrong but also unusual for the place.",
    "Nothing is planned here: how well the model would steer was not measured.",
)

if __name__ == "__main__":
    tyro.cli(main)

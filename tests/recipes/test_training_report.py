"""A run's own report on recordings nobody has described."""

from dataclasses import replace

import numpy as np

from gedanken.recipes import choice_for, fit, split_for
from gedanken.recipes.training_report import training_report
from gedanken.training import RunFolder
from gedanken.types import ActionSpec, Episode, StreamSpec


def recordings(frames: int, count: int = 10) -> list[Episode]:
    """Pictures and numbers that follow the actions."""
    random = np.random.default_rng(0)
    specs = {"pixels": StreamSpec((16, 16, 3), "uint8"), "state": StreamSpec((2,), "float32", unit="m")}
    episodes = []
    for _ in range(count):
        actions = random.uniform(-1, 1, (frames - 1, 2)).astype(np.float32)
        state = np.concatenate([np.zeros((1, 2), np.float32), actions.cumsum(axis=0)])
        pixels = random.integers(0, 255, (frames, 16, 16, 3), dtype=np.uint8)
        episodes.append(
            Episode({"pixels": pixels, "state": state}, actions, specs, ActionSpec(2, (-1.0, -1.0), (1.0, 1.0)))
        )
    return episodes


def test_sensors_are_judged_as_far_ahead_as_short_recordings_allow(tmp_path):
    episodes = recordings(frames=10)
    chosen = choice_for(episodes, steps=3).recipe
    recipe = replace(chosen, train=replace(chosen.train, batch=4, dtype="float32", device="cpu"))
    run, split = RunFolder(tmp_path), split_for(episodes, recipe)
    fitted = fit(split.episodes, recipe, run, split=(split.training, split.held_out))
    report = training_report(fitted, recipe, split, run, "recordings")
    titles = [table.title for table in report.tables]
    assert [title for title in titles if "Sensors" in title] == [
        "Sensors on held-out recordings, 1 model steps ahead",
        "Sensors on held-out recordings, 6 model steps ahead",
    ]
    assert {chart.x_label for chart in report.charts} == {"model steps ahead"}  # no rate is told
    assert not [limit for limit in report.limits if "not judged" in limit]

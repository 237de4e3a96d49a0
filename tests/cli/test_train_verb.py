"""`gedanken train` on own recordings: chosen and said, judged, started again from its folder, refused in a sentence."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from gedanken.cli.main import main
from gedanken.contracts import Episodes
from gedanken.data import EpisodeFolder, EpisodeList
from gedanken.data.formats import FORMATS, RegisteredFormat
from gedanken.evaluation.sensor_prediction import evaluate_sensors
from gedanken.modelfile import read_header
from gedanken.recipes import load, training_report
from gedanken.types import Episode
from moving_dot import dot_episodes
from point_mass import ACTION, SPECS, mass_episodes

SMALL = ("--steps", "3", "--batch", "4", "--dtype", "float32", "--device", "cpu")


@pytest.fixture(autouse=True)
def quick_read_out(monkeypatch):
    """A read-out of a few steps: how good it is, is tested where it lives."""
    monkeypatch.setattr(training_report, "evaluate_sensors", partial(evaluate_sensors, readout_steps=5))


def said(capsys, *arguments: object) -> str:
    main([str(each) for each in arguments])
    return " ".join(capsys.readouterr().out.split())


def refusal(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([str(each) for each in arguments])
    assert stopped.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def stored(path: Path, episodes: Iterable[Episode]) -> Path:
    first, *rest = episodes
    EpisodeFolder.create(path, first.specs, first.action).extend([first, *rest])
    return path


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    kind: Literal["text"] = "text"


def opened_text(path: Path, config: TextConfig) -> Episodes:
    """A seed for each line of a file."""
    return EpisodeList([mass_episodes(1, seed=int(line))[0] for line in path.read_text().split()])


@pytest.fixture
def text_format(monkeypatch):
    told = RegisteredFormat(lambda path: path.suffix == ".seeds", opened_text, None, TextConfig)
    monkeypatch.setitem(FORMATS, "text", told)


@pytest.fixture
def trained(tmp_path, capsys) -> tuple[Path, str]:
    run = tmp_path / "run"
    answer = said(capsys, "train", stored(tmp_path / "mass", mass_episodes(10)), "--run", run, *SMALL)
    return run, answer


def test_what_was_chosen_and_why_and_how_good_it_is_are_said(trained):
    run, answer = trained
    assert "each brought to its own deviation: place (1), speed (1)" in answer
    assert "2 of 10 episodes are held out" in answer
    assert "ARX of order" in answer
    assert "copy-last" in answer
    assert "place [m]" in answer
    page = (run / "report.html").read_text()
    assert "place [m]" in page
    assert "ARX of order" in page
    loaded = load(run / "model.safetensors")
    assert dict(loaded.observation) == SPECS
    assert loaded.model.action == ACTION


def test_a_run_starts_again_from_its_folder_alone(trained, capsys, tmp_path):
    run, _ = trained
    weights = read_header(run / "model.safetensors").content_hash
    for left in ("model.safetensors", "checkpoint.safetensors", "metrics.jsonl", "report.html"):
        (run / left).unlink()
    assert "ARX of order" in said(capsys, "train", "--resume", run)
    assert read_header(run / "model.safetensors").content_hash == weights
    (run / "model.safetensors").unlink()
    said(capsys, "train", run)
    assert read_header(run / "model.safetensors").content_hash == weights
    assert "leave out train.steps=9" in refusal(capsys, "train", "--resume", run, "--steps", 9)


def test_any_field_is_changed_on_the_command_line(capsys, tmp_path):
    data, run = stored(tmp_path / "mass", mass_episodes(6)), tmp_path / "run"
    said(capsys, "train", data, "--run", run, *SMALL, "--frame-skip", 2, "--set", "encoder.latent=12", "window=6")
    recipe = load(run / "model.safetensors").recipe
    assert (recipe.frame_skip, recipe.encoder.latent, recipe.window, recipe.train.steps) == (2, 12, 6, 3)
    assert json.loads((run / "config.json").read_text())["recipe"]["encoder"]["latent"] == 12


def test_another_format_is_copied_once_into_the_run(capsys, tmp_path, text_format):
    source, run = tmp_path / "all.seeds", tmp_path / "run"
    source.write_text("1 2 3 4 5 6")
    answer = said(capsys, "train", source, "--run", run, *SMALL)
    assert "is read as 'text'" in answer
    kept = EpisodeFolder.open(run / "episodes")
    assert len(kept) == 6
    np.testing.assert_array_equal(kept[2].streams["place"], mass_episodes(1, seed=3)[0].streams["place"])
    source.unlink()
    assert "is read as" not in said(capsys, "train", "--resume", run)


def test_what_an_interrupted_start_left_behind_is_made_anew(capsys, tmp_path, text_format):
    source, run = tmp_path / "all.seeds", tmp_path / "run"
    source.write_text("1 2 3 4 5 6")
    stored(run / "episodes", mass_episodes(3))
    said(capsys, "train", source, "--run", run, *SMALL)
    assert len(EpisodeFolder.open(run / "episodes")) == 6


def test_pictures_are_judged_by_their_latents(capsys, tmp_path):
    answer = said(
        capsys, "train", stored(tmp_path / "dots", dot_episodes(8, steps=60)), "--run", tmp_path / "run", *SMALL
    )
    assert "0.2 s at 10 Hz" in answer
    assert "The model against other guesses" in answer
    assert "ARX" not in answer


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume", "nowhere"), "no run folder at nowhere"),
        (("--set", "encoder.latent=none"), "SensorEncoderConfig.latent is 'none'"),
        (("--set", "encoder"), "write path=value"),
        (("--steps", "0"), "steps=0"),
    ],
)
def test_mistakes_get_one_sentence(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / "mass", mass_episodes(6))
    assert words in refusal(capsys, "train", "mass", "--run", "run", *arguments)
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": 3}', '{"data": "x"}', '{"data": "x", "recipe": 3}'])
def test_a_folder_that_is_no_run_cannot_go_on(capsys, tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    answer = refusal(capsys, "train", "--resume", tmp_path)
    assert "gedanken: " in answer
    assert "Traceback" not in answer

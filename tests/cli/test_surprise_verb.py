"""`gedanken surprise`: anyone's video, a model that learns what is usual, a page and JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gedanken.cli.main import main
from gedanken.data import EpisodeFolder
from gedanken.data.formats import VideoFolderConfig, write_episodes
from gedanken.encoders import GridEncoderConfig
from gedanken.models import ConvGRUConfig
from gedanken.recipes import CoveredConfig, Recipe, fit, load, save
from gedanken.training import TrainConfig
from gedanken.types import StreamSpec
from moving_dot import ACTION, SPECS, dot_episodes


def in_colour(episodes):
    specs = {"pixels": StreamSpec((16, 16, 3), "uint8", 10.0)}
    return [
        replace(each, streams={"pixels": each.streams["pixels"].repeat(3, axis=3)}, specs=specs) for each in episodes
    ]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A tiny model of a moving dot, recordings of usual walks, and a video in which the dot jumps."""
    pytest.importorskip("av")
    folder = tmp_path_factory.mktemp("surprise")
    recipe = Recipe(
        name="dot",
        window=5,
        frame_skip=1,
        encoder=GridEncoderConfig(size=(16, 16), width=8, latent=8),
        predictor=ConvGRUConfig(grid=(2, 2), hidden=8),
        objective=CoveredConfig(ahead=3),
        train=TrainConfig(steps=80, batch=32, learning_rate=1e-2, dtype="float32", device="cpu"),
    )
    learned = in_colour(dot_episodes(60))
    model = fit(learned, recipe).model
    save(folder / "model.safetensors", model, recipe, learned[0].specs, {"data": "dots"})
    usual = EpisodeFolder.create(folder / "usual", learned[0].specs, ACTION)
    usual.extend(in_colour(dot_episodes(60, seed=8)))
    one, other = in_colour(dot_episodes(2, seed=9))
    frames = np.concatenate((one.streams["pixels"][:9], other.streams["pixels"][9:]))
    frames[9:] = frames[9:].max(axis=0, keepdims=True)[:, ::-1]  # another dot, and more of it, from frame 9 on
    write_episodes(folder / "clip", [replace(one, streams={"pixels": frames})], VideoFolderConfig())
    return folder


def test_a_jump_in_a_video_surprises_in_its_frame(there, capsys, monkeypatch):
    monkeypatch.chdir(there)
    arguments = ["surprise", str(next(there.glob("clip/*.mp4"))), "--model", "model.safetensors", "--usual", "usual"]
    main([*arguments, "--rate", "0.05", "--keep", "told.safetensors", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["surprising"]
    assert told["moments"][0]["frame"] == 9
    assert len(told["surprise"]) == 16
    page = (there / "surprise.html").read_text()
    assert "frame 9" in page
    assert "<svg" in page
    kept = load(there / "told.safetensors")
    assert kept.model.usual is not None
    assert kept.recipe.usual is not None


def test_what_was_kept_needs_no_usual_recordings(there, capsys, monkeypatch):
    monkeypatch.chdir(there)
    main(["surprise", "usual", "--model", "told.safetensors", "--episode", "3", "--rate", "0.05", "--out", "calm.html"])
    said = capsys.readouterr().out
    assert "false-alarm rate of 0.05" in " ".join(said.split())
    assert (there / "calm.html").exists()


def test_what_cannot_be_watched_is_refused(there, capsys, monkeypatch):
    monkeypatch.chdir(there)

    def refusal(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["surprise", *arguments])
        assert stopped.value.code == 2
        return capsys.readouterr().err

    assert "--usual" in refusal("usual", "--model", "model.safetensors")
    assert "no episode 99" in refusal("usual", "--model", "told.safetensors", "--episode", "99")
    assert "nothing to keep" in refusal("usual", "--model", "told.safetensors", "--keep", "more.safetensors")
    assert SPECS["pixels"].shape == (16, 16, 1)
    grey = EpisodeFolder.create(there / "grey", SPECS, ACTION)
    grey.extend(dot_episodes(1))
    assert "3 colours" in refusal("grey", "--model", "told.safetensors")

"""Each verb does what its help says, and what a user gets wrong is one sentence, not a traceback."""

import dataclasses

import pytest
from PIL import Image

import gedanken.recipes
from gedanken.cli.main import VERBS, main


def said(capsys, *arguments: str) -> str:
    main(list(arguments))
    return capsys.readouterr().out


def refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 2
    answer = capsys.readouterr().err
    assert answer.startswith("gedanken: ")
    assert "Traceback" not in answer
    return answer


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_shows_an_example(verb):
    assert f"Example: gedanken {verb}" in VERBS[verb].__doc__


def test_info_tells_what_the_bundled_model_is(capsys):
    answer = said(capsys, "info", "bundled")
    assert "two-rooms-demo" in answer
    assert "SHA-256" in answer


def test_plan_imagines_the_goal_nearer(capsys):
    answer = " ".join(said(capsys, "plan", "bundled", "--seed", "3").split())
    now = float(answer.split("to the goal: ")[1].split()[0])
    imagined = float(answer.split(" now, ")[1].split()[0])
    assert imagined < now / 10


def test_plan_takes_pictures(capsys, tmp_path):
    for name in ("start.png", "goal.png"):
        Image.new("RGB", (128, 128), (30, 40, 60)).save(tmp_path / name)
    answer = said(
        capsys, "plan", "bundled", "--start", str(tmp_path / "start.png"), "--goal", str(tmp_path / "goal.png")
    )
    assert "squared latent distance" in " ".join(answer.split())


def test_imagine_saves_a_strip(capsys, tmp_path):
    said(capsys, "imagine", "bundled", "--action", "1.2", "0.5", "--steps", "3", "--out", str(tmp_path / "strip.png"))
    with Image.open(tmp_path / "strip.png") as strip:
        assert strip.width > 3 * 64


def test_evaluate_prints_success_with_its_interval(capsys):
    answer = said(capsys, "evaluate", "bundled", "--pairs", "2")
    assert "95 %" in answer
    assert "dev manifest" in answer


def test_train_makes_a_model_from_a_world(capsys, tmp_path, monkeypatch):
    usual = gedanken.recipes.two_rooms_demo

    def small(seed=0):
        return dataclasses.replace(usual(seed), episodes=24)

    monkeypatch.setattr(gedanken.recipes, "two_rooms_demo", small)
    run = tmp_path / "run"
    said(capsys, "train", "two-rooms-v1", "--run", str(run), "--steps", "2", "--batch", "4", "--dtype", "float32")
    assert "two-rooms" in said(capsys, "info", str(run / "model.safetensors"))
    assert (run / "metrics.jsonl").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("info", "nowhere.safetensors"), "nowhere.safetensors"),
        (("train", "nowhere"), "nowhere"),
        (("plan", "bundled", "--start", "one.png"), "--goal"),
        (("plan", "bundled", "--start", "one.png", "--goal", "two.png"), "one.png"),
        (("imagine", "bundled", "--action", "1.0"), "2 numbers"),
        (("evaluate", "bundled", "--split", "train"), "dev"),
    ],
)
def test_mistakes_get_one_sentence(capsys, arguments, told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert told in refusal(capsys, *arguments)

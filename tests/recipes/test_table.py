"""The runs for the table: of one size, on the same clips, and from `gedanken train` to a score without another word."""

from dataclasses import replace

import gedanken.recipes
from gedanken.cli.main import main
from gedanken.data import EpisodeList
from gedanken.environments import table as world
from gedanken.environments.table import Table
from gedanken.recipes import UsualConfig, build, load, table, table_forgetful, table_pixels


def weights(run):
    return sum(each.numel() for each in build(replace(run.recipe, usual=None), Table().action).parameters())


def test_the_pixel_predictor_and_the_one_that_forgets_are_of_one_size_with_ours():
    ours = weights(table())
    assert weights(table_forgetful()) == ours
    assert abs(weights(table_pixels()) / ours - 1) < 0.02


def test_all_three_learn_alike_but_for_what_they_are():
    for other in (table_pixels(3), table_forgetful(3)):
        ours = table(3)
        assert other.recipe.train == ours.recipe.train
        assert other.recipe.window == ours.recipe.window
        assert other.recipe.objective.ahead == ours.recipe.objective.ahead
        assert other.episodes == ours.episodes
    assert table(3).recipe.train.seed == 3


def test_clips_that_calibrate_are_none_of_those_learned_from():
    run = replace(table(), recipe=replace(table().recipe, usual=UsualConfig(whiten=1, windows=2)), episodes=3)
    learned = EpisodeList()
    run.record(learned)
    numbers = [episode.provenance.note for episode in (*learned, *run.usual())]
    assert len(numbers) == len(set(numbers)) == 6


def test_train_then_score(tmp_path, capsys, monkeypatch):
    def small(seed=0):
        run = table(seed)
        train = replace(run.recipe.train, steps=2, batch=2, dtype="float32")
        return replace(run, episodes=8, recipe=replace(run.recipe, train=train, usual=UsualConfig(whiten=2, windows=4)))

    monkeypatch.setattr(gedanken.recipes, "table", small)
    main(["train", "table-v1", "--run", str(tmp_path)])
    told = load(tmp_path / "model.safetensors")
    assert told.model.usual is not None
    assert told.model.usual.variance.shape == (15, 64, 32)
    assert told.recipe.train.steps == 2
    monkeypatch.setattr(world, "PROPERTIES", {"colour": world.PROPERTIES["colour"]})
    capsys.readouterr()
    main(["physics", "score", str(tmp_path / "model.safetensors"), "--count", "1", "--rare", "1"])
    said = capsys.readouterr().out
    assert "whole quadruplets" in said
    assert "above 1 rare clips" in said

"""`gedanken physics`: sheets to look at, clips to learn from, and scores that are told apart from chance."""

import pytest
from PIL import Image

from gedanken.cli.main import main
from gedanken.data import EpisodeFolder


def refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_make_draws_sheets_and_records_possible_clips(capsys, tmp_path):
    main(["physics", "make", str(tmp_path), "--property", "colour", "--count", "1", "--episodes", "3"])
    with Image.open(tmp_path / "id-colour.png") as sheet:
        assert sheet.size == (2 * 14 * 64, 2 * 4 * 64)
        assert sheet.convert("RGB").getpixel((0, 128)) == (255, 0, 0)
        assert sheet.convert("RGB").getpixel((0, 0)) != (255, 0, 0)
    store = EpisodeFolder.open(tmp_path / "episodes")
    assert [len(episode) for episode in store] == [32] * 3
    assert "rejected" in capsys.readouterr().out


def test_score_tells_the_simulator_from_a_difference_of_frames(capsys, monkeypatch):
    from gedanken.environments import table

    monkeypatch.setattr(table, "PROPERTIES", {"colour": table.PROPERTIES["colour"]})
    for model, share in (("simulator", "100.0%"), ("frame-difference", "50.0%")):
        main(["physics", "score", model, "--count", "1", "--rare", "2"])
        said = capsys.readouterr().out
        row = next(line for line in said.splitlines() if "all pairs" in line)
        assert share in row
        assert ("above 2 rare clips" in said) == (model != "simulator")


def test_what_cannot_be_made_or_scored_is_refused(capsys, tmp_path):
    assert "Did you mean 'gravity'" in refusal(capsys, "physics", "make", str(tmp_path), "--property", "gravitas")
    assert "novel-layout" in refusal(capsys, "physics", "make", str(tmp_path), "--split", "novel")
    assert "count=0" in refusal(capsys, "physics", "score", "simulator", "--count", "0")
    assert "all possible" in refusal(capsys, "physics", "score", "simulator", "--split", "rare")
    assert "simulator" in refusal(capsys, "physics", "score", "simulater")
    assert "table-v1" in refusal(capsys, "train", "maze-v1", "--run", str(tmp_path / "run"))
    assert "rare=-1" in refusal(capsys, "physics", "score", "simulator", "--rare", "-1")

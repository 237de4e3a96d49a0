"""`gedanken memory`: what is told is what is remembered, and what is forgotten was asked for."""

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from PIL import Image

from gedanken.cli.main import main
from gedanken.memory import EpisodicMemory
from gedanken.types import Moment

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def house(tmp_path):
    """Two clusters of moments, red and green, an hour apart."""
    path = tmp_path / "house.db"
    with EpisodicMemory.open(path, "e" * 64, run="monday") as memory:
        for name, hour, colour in (("red", 0, (200, 0, 0)), ("green", 1, (0, 200, 0))):
            pixels = torch.tensor(colour, dtype=torch.uint8).expand(64, 64, 3)
            centre = torch.zeros(1, 8)
            centre[0, 0] = 20.0 * hour
            memory.write(
                [Moment(centre + torch.randn(1, 8), name, NOON + 3600 * hour + k, pixels=pixels) for k in range(30)]
            )
    return path


def said(capsys, *arguments: str) -> str:
    main(["memory", *map(str, arguments)])
    return " ".join(capsys.readouterr().out.split())


def refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["memory", *map(str, arguments)])
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_info_tells_counts_span_size_and_whose(capsys, house):
    told = said(capsys, "info", house)
    for words in (
        "60, 60 with a thumbnail",
        "2 episodes of 1 runs",
        "2026-01-31 12:00:00 UTC",
        "(1, 8)",
        "eeee",
        "none",
    ):
        assert words in told


def test_the_map_shows_both_clusters_apart_with_their_pictures(capsys, house, tmp_path):
    said(capsys, "show", house, "--out", tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).int()
    red = ((pixels - torch.tensor([200, 0, 0])).abs().sum(-1) == 0).nonzero()[:, 1].float()
    green = ((pixels - torch.tensor([0, 200, 0])).abs().sum(-1) == 0).nonzero()[:, 1].float()
    assert min(len(red), len(green)) > 1000
    assert (red.mean() - green.mean()).abs() > 500


def test_forget_says_what_went_and_asks_before(capsys, house, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert "nothing was forgotten" in said(capsys, "forget", house, "--episode", "red")
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "y")
    assert "forgot 30 moments" in said(capsys, "forget", house, "--since", "2026-01-31T13:00")
    assert "30 of 60" in asked[0]
    assert "forgot 10 moments" in said(capsys, "forget", house, "--until", str(NOON + 10), "--yes")
    with EpisodicMemory.reader(house) as memory:
        assert [each.moment.episode for each in memory.recent(60)] == ["red"] * 20


def test_mistakes_are_told_and_forget_nothing(capsys, house, tmp_path):
    assert "is not there" in refusal(capsys, "info", tmp_path / "none.db")
    assert "is not there" in refusal(capsys, "forget", tmp_path / "none.db", "--yes", "--episode", "red")
    assert not (tmp_path / "none.db").exists()
    assert "nothing was said" in refusal(capsys, "forget", house, "--yes")
    assert "nothing that fits" in refusal(capsys, "forget", house, "--yes", "--episode", "blue")
    assert "is no time" in refusal(capsys, "forget", house, "--yes", "--since", "yesterday")
    with EpisodicMemory.open(tmp_path / "new.db", "e" * 64):
        pass
    assert "at least 3" in refusal(capsys, "show", tmp_path / "new.db")
    with EpisodicMemory.reader(house) as memory:
        assert len(memory) == 60

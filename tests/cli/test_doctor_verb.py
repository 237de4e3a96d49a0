"""`gedanken doctor` answers in a table or in one JSON object, and its exit code says whether anything bad was found."""

import json
from dataclasses import replace
from itertools import pairwise

from gedanken.cli.main import main
from gedanken.data import EpisodeFolder, EpisodeList
from gedanken.recipes import two_rooms_demo
from moving_dot import ACTION, SPECS, dot_episodes


def answered(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output, and what was said of errors."""
    code = 0
    try:
        main(["doctor", *arguments])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_bundled_model_is_good_in_its_own_world(capsys):
    code, out, _ = answered(capsys, "bundled", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["healthy"]) == (0, "good", True)
    assert told["data"] == "fresh episodes of two-rooms-v1"
    assert {finding["severity"] for finding in told["findings"]} == {"good"}
    assert {"check", "severity", "number", "limits", "said", "low", "high"} <= set(told["findings"][0])


def test_recordings_whose_actions_belong_to_others_are_bad(capsys, tmp_path):
    episodes = EpisodeList()
    replace(two_rooms_demo(5), episodes=24).record(episodes)
    torn = [replace(each, actions=other.actions) for each, other in pairwise([*episodes, episodes[0]])]
    EpisodeFolder.create(tmp_path / "torn", episodes[0].specs, episodes[0].action).extend(torn)
    code, out, _ = answered(capsys, "bundled", str(tmp_path / "torn"))
    assert code == 1
    assert "verdict: ignores its actions" in out
    assert "paired with the frame it leaves" in " ".join(out.replace("│", "").split())


def test_what_cannot_be_examined_is_one_sentence_and_exit_code_2(capsys, tmp_path):
    EpisodeFolder.create(tmp_path / "empty", SPECS, ACTION)
    small = EpisodeFolder.create(tmp_path / "small", SPECS, ACTION)
    small.extend(dot_episodes(2))
    for data, told in (
        ("empty", "holds no episodes"),
        ("small", "uint8 (16, 16, 1)"),
        ("nowhere", "there is nothing at"),
    ):
        code, out, err = answered(capsys, "bundled", str(tmp_path / data))
        assert (code, out) == (2, "")
        assert told in err
        assert err.count("\n") == 1

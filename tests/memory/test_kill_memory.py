"""The harness of the claim `kill-memory`: a few kills of the real thing, and kills of writers that lie."""

import os
import signal

import pytest

from claims import kill_memory
from claims.known_moments import ENCODER, State, moment
from gedanken.memory import EpisodicMemory, forgetting

pytestmark = [
    pytest.mark.skipif(
        not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="there is no fork or no SIGKILL"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.parametrize("seed", [0, 1], ids=["no cap", "a cap"])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path, seed):
    found = kill_memory.run(tmp_path, 4, seed)
    assert found["sound"] == found["kills"] == 4
    assert [found[each] for each in ("corrupt", "lost", "differing", "bytes_left")] == [0, 0, 0, 0]
    assert found["acknowledged"] > 0


def test_a_writer_that_acknowledges_what_it_did_not_commit_is_caught(tmp_path, monkeypatch):
    write = EpisodicMemory.write
    monkeypatch.setattr(EpisodicMemory, "write", lambda self, moments: write(self, moments[:-1]) or [1])
    found = kill_memory.run(tmp_path, 3, seed=0)
    assert found["lost"] + found["corrupt"] > 0
    assert found["sound"] < 3


def test_a_writer_whose_forgetting_leaves_bytes_is_caught(tmp_path, monkeypatch):
    path = tmp_path / "killed.db"
    EpisodicMemory.open(path, ENCODER).close()
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.write([moment(serial, "walk") for serial in range(30)])
        memory.write([moment(serial, "talk") for serial in range(30, 60)])
    state = State().after({"do": "write", "serial": 0, "count": 30, "episode": "walk"}, 1)
    state = state.after({"do": "write", "serial": 30, "count": 30, "episode": "talk"}, 31)
    words = [{"opened": True}, {"do": "forget", "episode": "walk"}, {"done": 0}]
    with EpisodicMemory.open(path, ENCODER) as memory:
        monkeypatch.setattr(forgetting, "clean", lambda database: None)
        memory.database.connection.execute("PRAGMA secure_delete = OFF")
        memory.forget(episode="walk")
        memory.database.connection.execute("UPDATE facts SET value = '0' WHERE name = 'unclean'")
    left = kill_memory.judged(path, state, words, cap=0)
    assert (left.corrupt, left.lost, left.differing) == (0, 0, 0)
    assert left.bytes_left > 0


def test_a_retrieval_that_differs_is_caught(tmp_path):
    path = tmp_path / "killed.db"
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.write([moment(serial, "walk") for serial in range(30)])
    work = {"do": "write", "serial": 0, "count": 30, "episode": "walk"}
    words = [work, {"done": 1}, {"oldest": 1, "retrieval": "another"}]
    assert kill_memory.judged(path, State(), words, cap=0).differing == 1
    assert kill_memory.judged(path, State(), words[:2], cap=0).differing == 0

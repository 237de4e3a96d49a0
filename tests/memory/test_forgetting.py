import os
import sqlite3

import numpy as np
import pytest
import torch
from moments import ENCODER, latents, moments

from gedanken.errors import BadInput, StorageError
from gedanken.memory import EpisodicMemory, forgetting
from gedanken.types import Moment


def marked(mark: int, episode: str, since: float) -> list[Moment]:
    """Moments whose latents, actions and pictures are made of bytes that can be searched for."""
    draw = np.random.default_rng(mark)
    return [
        Moment(
            latent=torch.from_numpy(draw.normal(size=(1, 16)).astype(np.float16).astype(np.float32)),
            episode=episode,
            time=since + k,
            action=torch.from_numpy(draw.normal(size=4).astype(np.float32)),
            pixels=torch.from_numpy(draw.integers(0, 255, (64, 64, 3), dtype=np.uint8)),
        )
        for k in range(25)
    ]


def traces(memory: EpisodicMemory, ids: list[int]) -> list[bytes]:
    """Bytes of moments as they lie in the file, in pieces short enough that no page's end cuts them all.

    All pictures begin alike, so their first bytes are left out.
    """
    rows = memory.database.rows(
        f"SELECT latent, action, picture FROM moments JOIN thumbnails ON moment = id WHERE id IN ({', '.join(map(str, ids))})"
    )
    return [
        piece
        for latent, action, picture in rows
        for piece in (latent[:16], latent[16:], action, *_pieces(picture[64:]))
    ]


def _pieces(whole: bytes) -> list[bytes]:
    return [whole[start : start + 16] for start in range(0, len(whole) - 16, 200)]


def found(folder, pieces: list[bytes]) -> int:
    """How many of the pieces lie anywhere in any file of a folder."""
    content = b"\0".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    return sum(piece in content for piece in pieces)


def test_no_byte_of_what_was_forgotten_is_left_in_any_file(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER, run="monday") as memory:
        kept = memory.write(marked(1, "kept", 0.0))
        gone = memory.write(marked(2, "gone", 100.0))
        more = memory.write(marked(3, "kept", 200.0))
        of_gone, of_kept = traces(memory, gone), traces(memory, kept + more)
        assert found(tmp_path, of_gone) == len(of_gone) > 250
        assert memory.forget(episode="gone") == 25
        assert found(tmp_path, of_gone) == 0
        assert found(tmp_path, [b"gone"]) == 0
        assert found(tmp_path, of_kept) == len(of_kept)
        assert [each.id for each in memory.recent(500)] == kept + more
        assert memory.write(marked(4, "next", 300.0))[0] > more[-1]  # no number is given twice
        memory.check()


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"run": "tuesday"}, [1, 2, 3, 4, 5, 6]),
        ({"episode": "walk"}, [4, 5, 6]),
        ({"episode": "walk", "run": "monday"}, [4, 5, 6, 7, 8]),
        ({"since": 1001.0, "until": 1002.0}, [1, 3, 4, 6, 7]),
        ({"since": 1001.0, "episode": "talk"}, [1, 2, 3, 4, 7, 8]),
        ({"until": 9e9}, []),
        ({"episode": "unknown"}, [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_what_fits_all_that_is_given_is_forgotten_and_nothing_else(tmp_path, asked, left):
    path = tmp_path / "house.db"
    with EpisodicMemory.open(path, ENCODER, run="monday") as memory:
        memory.write([*moments(3, "walk"), *moments(3, "talk", seed=1)])
    with EpisodicMemory.open(path, ENCODER, run="tuesday") as memory, EpisodicMemory.reader(path, ENCODER) as reader:
        memory.write(moments(2, "walk", seed=2))
        reader.nearest(latents(1))
        assert memory.forget(**asked) == 8 - len(left)
        for each in (memory, reader):
            assert [one.id for one in each.recent(20)] == left
            assert sorted(each.nearest(latents(1), 20).ids[0].tolist()) == left


def test_a_range_that_holds_nothing_by_mistake_is_refused(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        with pytest.raises(BadInput, match="nothing was said"):
            memory.forget()
        with pytest.raises(BadInput, match="is not before"):
            memory.forget(since=2.0, until=1.0)


def test_who_is_killed_while_forgetting_is_finished_by_the_next(tmp_path, monkeypatch):
    path = tmp_path / "house.db"
    memory = EpisodicMemory.open(path, ENCODER)
    gone = memory.write(marked(2, "gone", 100.0))
    memory.write(marked(3, "kept", 200.0))
    of_gone = traces(memory, gone)
    with monkeypatch.context() as patched:
        patched.setattr(forgetting, "clean", lambda database: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            memory.forget(episode="gone")
    assert found(tmp_path, of_gone) > 0
    memory.close()
    with EpisodicMemory.open(path, ENCODER) as again:
        assert found(tmp_path, of_gone) == 0
        assert len(again) == 25


def test_a_reader_that_holds_on_to_the_log_is_told_of(tmp_path, monkeypatch):
    path = tmp_path / "house.db"
    memory = EpisodicMemory.open(path, ENCODER)
    gone = memory.write(marked(2, "gone", 100.0))
    of_gone = traces(memory, gone)
    memory.database.connection.execute("PRAGMA busy_timeout = 50")
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM moments").fetchone()
    with pytest.raises(StorageError, match="a reader holds on"):
        memory.forget(episode="gone")
    assert len(memory) == 0
    reader.close()
    memory.close()
    EpisodicMemory.open(path, ENCODER).close()
    assert found(tmp_path, of_gone) == 0


def wide(count: int, seed: int) -> list[Moment]:
    """Moments of 8 KB each."""
    return [Moment(latent, f"part {seed}", 100.0 * seed) for latent in latents(count, width=4096, seed=seed)]


def test_the_oldest_go_when_the_file_has_reached_its_cap(tmp_path):
    path, cap, query = tmp_path / "house.db", 1 << 20, latents(1, width=4096)
    with EpisodicMemory.open(path, ENCODER, cap=cap) as memory, EpisodicMemory.reader(path, ENCODER) as reader:
        written = []
        for part in range(20):
            written += memory.write(wide(10, part))
            kept = sorted(memory.nearest(query, 1000).ids[0].tolist())
            assert kept == written[-len(kept) :] == [each.id for each in memory.recent(1000)]
            assert kept == sorted(reader.nearest(query, 1000).ids[0].tolist())
        assert 80 < len(kept) < 130
        memory.check()
        memory.database.emptied_log()
        assert os.path.getsize(path) <= cap + 20 * 8192  # what a write brings is there before the oldest go
        assert memory.info().cap == cap
        assert memory.info().episodes < 20
    with EpisodicMemory.open(path, ENCODER, cap=0) as memory:
        assert memory.info().cap is None


def test_what_alone_exceeds_the_cap_is_refused(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER, cap=1 << 20) as memory:
        memory.write(wide(3, 0))
        with pytest.raises(BadInput, match="raise the cap"):
            memory.write(wide(200, 1))
        assert len(memory) == 3

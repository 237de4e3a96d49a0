import os
import pickle
import threading

import pytest
import torch
from moments import ENCODER, OTHER, brute_force, latents, moments

from gedanken.contracts import Memory
from gedanken.errors import BadInput, NonFinite, ShapeError, StorageError
from gedanken.memory import EpisodicMemory
from gedanken.memory.keys import Keys
from gedanken.types import Provenance


def test_what_was_written_comes_back_from_a_memory_opened_anew(tmp_path):
    written, origin = moments(5, pictures=True), Provenance("two-rooms-v1", "CC0-1.0", "a test", "0.1.0")
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER, run="monday", provenance=origin) as memory:
        assert isinstance(memory, Memory)
        ids = memory.write(written)
    with EpisodicMemory.reader(tmp_path / "house.db", ENCODER) as memory:
        back = memory.read(list(reversed(ids)))
        assert [each.id for each in memory.recent(2)] == ids[-2:]
    assert [each.id for each in back] == list(reversed(ids))
    for each, moment in zip(reversed(back), written, strict=True):
        assert (each.run, each.provenance) == ("monday", origin)
        assert (each.moment.episode, each.moment.time, each.moment.surprise) == ("walk", moment.time, moment.surprise)
        assert each.moment.latent.equal(moment.latent)
        assert each.moment.action.equal(moment.action)
        assert each.moment.pixels.equal(moment.pixels)  # a picture of few colours is kept without loss


def test_the_nearest_are_those_that_comparing_all_would_find(tmp_path):
    asked = latents(8, seed=1)
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        ids = memory.write([moment for part in range(7) for moment in moments(300, seed=part)])
        keys = torch.cat([latents(300, seed=part) for part in range(7)])
        found = memory.nearest(asked, 7)
    for row, query in enumerate(asked):
        places, distances = brute_force(keys, query, 7)
        assert found.ids[row].tolist() == [ids[place] for place in places]
        assert found.distances[row].numpy() == pytest.approx(distances, rel=1e-6)
        assert found.latents[row].equal(keys[torch.from_numpy(places)])


@pytest.mark.parametrize("width", [3, 200])
def test_leading_components_lose_no_neighbour_however_the_keys_lie(width):
    """Copies, a line, far from zero, all directions alike: bounds that are of no use must still be bounds."""
    draw = torch.Generator().manual_seed(0)
    line = torch.randn(1500, 1, generator=draw) * torch.ones(width)
    cloud = torch.randn(1500, width, generator=draw)
    spread = torch.cat([line, cloud, cloud[:50].repeat(20, 1), 300 + cloud[:500]]).half()
    keys = Keys(width)
    for part in range(0, len(spread), 400):
        some = spread[part : part + 400]
        keys.append(torch.arange(part, part + len(some)).numpy(), some.numpy())
    assert keys._basis is not None
    for query in (*spread[::500], *torch.randn(5, width, generator=draw).half()):
        places, distances = brute_force(spread[:, None].float(), query[None].float(), 30)
        found, apart = keys.nearest(query.numpy(), 30)
        assert found.tolist() == places.tolist()
        assert apart.astype("float32") == pytest.approx(distances, rel=1e-6)


def test_a_reader_sees_what_was_committed_since(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        memory.write(moments(3))
        with EpisodicMemory.reader(tmp_path / "house.db", ENCODER) as reader:
            assert reader.nearest(latents(1)).ids.shape == (1, 3)
            ids = memory.write(moments(2, seed=5))
            assert len(reader) == 5
            assert reader.nearest(latents(2, seed=5), 1).ids[:, 0].tolist() == ids
            assert memory.nearest(latents(2, seed=5), 1).ids[:, 0].tolist() == ids


def test_an_empty_memory_recalls_nothing(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        assert memory.nearest(latents(2)).ids.shape == (2, 0)
        assert memory.write([]) == []
        assert memory.recent() == []
        assert memory.info().since is None


def test_another_encoders_latents_are_refused(tmp_path):
    path = tmp_path / "house.db"
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.write(moments(1))
    for door in (EpisodicMemory.open, EpisodicMemory.reader):
        with pytest.raises(BadInput, match=r"latents of encoder aaaaaaaaaaaa, and bbbbbbbbbbbb was given"):
            door(path, OTHER)
    with EpisodicMemory.open(path) as nameless:
        with pytest.raises(BadInput, match="without saying whose"):
            nameless.write(moments(1))
        with pytest.raises(BadInput, match="without saying whose"):
            nameless.nearest(latents(1))


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"latent": torch.zeros(1, 17)}, ShapeError, r"keeps \[P, D\] = \(1, 16\)"),
        ({"latent": torch.zeros(16)}, ShapeError, r"expected \[P, D\]"),
        ({"latent": torch.full((1, 16), 7e4)}, NonFinite, "65504"),
        ({"action": torch.tensor([float("nan")])}, NonFinite, "NaN"),
        ({"time": float("inf")}, NonFinite, "time is inf"),
        ({"surprise": float("nan")}, NonFinite, "surprise is nan"),
        ({"episode": ""}, BadInput, "no name"),
        ({"pixels": torch.zeros(64, 64)}, ShapeError, "torch.uint8"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_beside_it_is_written(tmp_path, changed, error, told):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        memory.write(moments(1))
        wrong = moments(1)[0]
        for name, value in changed.items():
            object.__setattr__(wrong, name, value)  # past the shape check that only the tests have
        with pytest.raises(error, match=told):
            memory.write([*moments(2), wrong])
        assert len(memory) == 1


def test_what_cannot_be_asked_is_refused(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        memory.write(moments(1))
        with pytest.raises(ShapeError, match=r"keeps \[P, D\] = \(1, 16\)"):
            memory.nearest(torch.zeros(1, 16, 1))
        with pytest.raises(NonFinite, match="only finite"):
            memory.nearest(torch.full((1, 1, 16), float("nan")))
        with pytest.raises(BadInput, match="at least 1"):
            memory.nearest(latents(1), 0)
        with pytest.raises(BadInput, match="remembers no moment 99"):
            memory.read([1, 99])
        with pytest.raises(BadInput, match="cap=5"):
            EpisodicMemory.open(tmp_path / "other.db", ENCODER, cap=5)
    with EpisodicMemory.reader(tmp_path / "house.db", ENCODER) as reader:
        for what in (lambda: reader.write(moments(1)), lambda: reader.forget(episode="walk"), reader.build_index):
            with pytest.raises(BadInput, match="opened for reading"):
                what()


def test_a_memory_belongs_to_its_process_and_thread(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        memory.write(moments(1))
        with pytest.raises(BadInput, match="belongs to the process that opened it"):
            pickle.dumps(memory)
        told = []

        def elsewhere():
            try:
                len(memory)
            except BadInput as error:
                told.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert "another thread" in told[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told_and_neither_harms_nor_holds_the_memory(tmp_path):
    path = tmp_path / "house.db"
    memory = EpisodicMemory.open(path, ENCODER)
    memory.write(moments(1))
    heard, speak = os.pipe()
    waiting, go = os.pipe()
    child = os.fork()
    if not child:
        try:
            memory.write(moments(1))
        except BadInput as error:
            os.write(speak, str(error).encode())
        memory.close()
        os.close(go)
        os.read(waiting, 1)  # stays alive until its parent has let go
        os._exit(0)
    assert b"open it again here" in os.read(heard, 1000)
    memory.write(moments(2, seed=1))
    memory.close()
    with EpisodicMemory.open(path, ENCODER) as again:  # the child does not hold the turn to write
        assert len(again) == 3
        again.check()
    os.write(go, b".")
    os.waitpid(child, 0)


def test_there_is_one_writer(tmp_path):
    told = f"written by process {os.getpid()}"
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER), pytest.raises(StorageError, match=told):
        EpisodicMemory.open(tmp_path / "house.db", ENCODER)
    EpisodicMemory.open(tmp_path / "house.db", ENCODER).close()


def test_closing_twice_does_nothing(tmp_path):
    memory = EpisodicMemory.open(tmp_path / "house.db", ENCODER)
    memory.close()
    memory.close()

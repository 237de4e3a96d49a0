import json
import multiprocessing
import os
import random
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gedanken.contracts import EpisodeStore
from gedanken.data import EpisodeFolder, EpisodeList
from gedanken.errors import BadEpisodeFile, BadInput, NonFinite, StorageError
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

SPECS = {"pixels": StreamSpec((4, 5, 3), "uint8", 10.0), "angle": StreamSpec((2,), "float32", 10.0, "rad")}
ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0), norm=1.0, unit="m/s", rate_hz=10.0)


def episode(length: int, seed: int = 0, **more) -> Episode:
    random_numbers = np.random.default_rng(seed)
    streams = {
        "pixels": random_numbers.integers(0, 256, (length, 4, 5, 3), dtype=np.uint8),
        "angle": random_numbers.normal(size=(length, 2)).astype(np.float32),
    }
    actions = random_numbers.uniform(-1, 1, (length - 1, 2)).astype(np.float32)
    return Episode(streams, actions, SPECS, ACTION, **more)


def same(one: Episode, other: Episode) -> bool:
    arrays = [(one.streams[name], other.streams[name]) for name in SPECS]
    arrays.append((one.actions, other.actions))
    if one.times is not None and other.times is not None:
        arrays.append((one.times, other.times))
    told = [(each.times is None, each.resets, each.provenance, each.specs, each.action) for each in (one, other)]
    return told[0] == told[1] and all(np.array_equal(left, right) for left, right in arrays)


VARIED = [
    episode(7, 1, resets=(3, 5), provenance=Provenance("rig", "MIT", "first", "0.1.0")),
    episode(1, 2),
    episode(4, 3, times=np.linspace(0.0, 0.3, 4)),
    episode(5, 4),
    episode(3, 5, times=np.array([1.0, 2.0, 4.0])),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = EpisodeFolder.create(tmp_path / "store", SPECS, ACTION)
    store.extend(VARIED[:3])
    store.append(VARIED[3])
    store.append(VARIED[4])
    return tmp_path / "store"


def test_what_was_written_is_read_by_the_writer_and_by_others(folder):
    writer = EpisodeFolder.open(folder)
    writer.append(episode(6, 9))
    for store in (writer, EpisodeFolder.open(folder)):
        assert isinstance(store, EpisodeStore)
        assert len(store) == 6
        assert store.action == ACTION
        assert dict(store.specs) == SPECS
        assert all(same(one, other) for one, other in zip(store, [*VARIED, episode(6, 9)], strict=True))
        assert same(store[-1], episode(6, 9))
    with pytest.raises(IndexError):
        writer[6]


def test_arrays_are_mapped_and_cannot_be_written(folder):
    pixels = EpisodeFolder.open(folder)[0].streams["pixels"]
    owner = pixels
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    assert isinstance(owner, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_files_are_plain_npy(folder):
    pixels = np.load(folder / "shard-000000" / "stream-pixels.npy", allow_pickle=False)
    assert np.array_equal(pixels[:7], VARIED[0].streams["pixels"])
    assert np.load(folder / "shard-000000" / "actions.npy").shape == (7 + 1 + 4 - 3, 2)


def test_two_writers_take_turns_and_lose_nothing(folder):
    one, other = EpisodeFolder.open(folder), EpisodeFolder.open(folder)
    one.append(episode(3, 10))
    other.append(episode(3, 11))
    one.append(episode(3, 12))
    assert len(one) == 8
    assert same(EpisodeFolder.open(folder)[6], episode(3, 11))


def test_a_store_is_not_made_twice_and_an_empty_one_can_be_opened(tmp_path):
    EpisodeFolder.create(tmp_path, SPECS, ACTION)
    assert len(EpisodeFolder.open(tmp_path)) == 0
    with pytest.raises(BadInput, match="holds a store already"):
        EpisodeFolder.create(tmp_path, SPECS, ACTION)
    with pytest.raises(BadInput, match="stream name"):
        EpisodeFolder.create(tmp_path / "other", {"../up": SPECS["angle"]}, ACTION)
    with pytest.raises(BadInput, match="dtype"):
        EpisodeFolder.create(tmp_path / "other", {"words": StreamSpec((), "object")}, ACTION)


def test_episodes_of_another_kind_or_with_nan_are_refused_and_change_nothing(folder):
    store = EpisodeFolder.open(folder)
    other_rate = {**SPECS, "angle": replace(SPECS["angle"], rate_hz=5.0)}
    with pytest.raises(BadInput, match="streams"):
        store.extend([episode(3), replace(episode(3), specs=other_rate)])
    with pytest.raises(BadInput, match="keeps ActionSpec"):
        store.append(replace(episode(3), action=replace(ACTION, norm=None)))
    broken = episode(3)
    broken.actions[1, 0] = np.nan
    with pytest.raises(NonFinite, match="actions"):
        store.extend([episode(3), broken])
    with pytest.raises(NonFinite, match="times"):
        store.append(episode(2, times=np.array([0.0, np.inf])))
    assert len(store) == len(EpisodeFolder.open(folder)) == 5
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [f"shard-{n:06d}" for n in range(3)]


def test_episode_list_is_a_store_that_refuses_another_kind():
    episodes = EpisodeList(VARIED)
    assert isinstance(episodes, EpisodeStore)
    assert len(episodes) == 5
    assert episodes[2] is VARIED[2]
    with pytest.raises(BadInput, match="keeps ActionSpec"):
        episodes.append(replace(episode(3), action=replace(ACTION, unit="")))


def edited(path: Path, change) -> None:
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def nan_into(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-4:] = np.float32(np.nan).tobytes()
    path.write_bytes(content)


def file_for_folder(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("")


def other_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"False", b"True ", 1))


DAMAGES = {
    "no index": lambda store: (store / "index.json").unlink(),
    "empty index": lambda store: (store / "index.json").write_text(""),
    "index is a list": lambda store: (store / "index.json").write_text("[]"),
    "deep index": lambda store: (store / "index.json").write_text("[" * 100_000),
    "not UTF-8": lambda store: (store / "index.json").write_bytes(b"\xff\xfe{"),
    "new schema": lambda store: edited(store / "index.json", lambda raw: raw.update(schema=2)),
    "true as schema": lambda store: edited(store / "index.json", lambda raw: raw.update(schema=True)),
    "huge number": lambda store: (store / "index.json").write_text('{"schema": ' + "9" * 5000 + "}"),
    "traversal": lambda store: edited(
        store / "index.json", lambda raw: raw["specs"].update({"../../etc/passwd": raw["specs"]["angle"]})
    ),
    "pickled dtype": lambda store: edited(store / "index.json", lambda raw: raw["specs"]["angle"].update(dtype="O")),
    "unhashable dtype": lambda store: edited(store / "index.json", lambda raw: raw["specs"]["angle"].update(dtype=[])),
    "huge shape": lambda store: edited(
        store / "index.json", lambda raw: raw["specs"]["angle"].update(shape=[2**40, 2])
    ),
    "other shape": lambda store: edited(store / "index.json", lambda raw: raw["specs"]["angle"].update(shape=[1])),
    "negative shape": lambda store: edited(store / "index.json", lambda raw: raw["specs"]["angle"].update(shape=[-2])),
    "crossed bounds": lambda store: edited(store / "index.json", lambda raw: raw["action"].update(low=[2.0, 2.0])),
    "wider action": lambda store: edited(
        store / "index.json", lambda raw: raw["action"].update(width=3, low=[-1, -1, -1], high=[1, 1, 1])
    ),
    "NaN bound": lambda store: edited(store / "index.json", lambda raw: raw["action"].update(low=[np.nan, 0.0])),
    "text bound": lambda store: edited(store / "index.json", lambda raw: raw["action"].update(low=["-1", 0.0])),
    "huge bound": lambda store: edited(store / "index.json", lambda raw: raw["action"].update(high=[10**400, 1.0])),
    "text as rate": lambda store: edited(store / "index.json", lambda raw: raw["action"].update(rate_hz="10")),
    "action a list": lambda store: edited(store / "index.json", lambda raw: raw.update(action=[])),
    "a spec a list": lambda store: edited(store / "index.json", lambda raw: raw["specs"].update(angle=[])),
    "an episode a list": lambda store: edited(
        store / "shard-000001" / "shard.json", lambda raw: raw["episodes"].__setitem__(0, [])
    ),
    "no action": lambda store: edited(store / "index.json", lambda raw: raw.pop("action")),
    "one shard more": lambda store: edited(store / "index.json", lambda raw: raw["shards"].append(1)),
    "one episode more": lambda store: edited(store / "index.json", lambda raw: raw["shards"].__setitem__(0, 4)),
    "negative count": lambda store: edited(store / "index.json", lambda raw: raw["shards"].__setitem__(0, -3)),
    "no table": lambda store: (store / "shard-000001" / "shard.json").unlink(),
    "shorter episode": lambda store: edited(
        store / "shard-000001" / "shard.json", lambda raw: raw["episodes"][0].update(length=4)
    ),
    "endless episode": lambda store: edited(
        store / "shard-000001" / "shard.json", lambda raw: raw["episodes"][0].update(length=2**39)
    ),
    "reset outside": lambda store: edited(
        store / "shard-000001" / "shard.json", lambda raw: raw["episodes"][0].update(resets=[5])
    ),
    "provenance a number": lambda store: edited(
        store / "shard-000001" / "shard.json", lambda raw: raw["episodes"][0].update(provenance=3)
    ),
    "no actions": lambda store: (store / "shard-000001" / "actions.npy").unlink(),
    "truncated": lambda store: os.truncate(store / "shard-000001" / "stream-pixels.npy", 200),
    "longer": lambda store: (store / "shard-000001" / "stream-pixels.npy").open("ab").write(b"x"),
    "lying header": lambda store: other_header(store / "shard-000001" / "stream-pixels.npy"),
    "NaN in actions": lambda store: nan_into(store / "shard-000001" / "actions.npy"),
    "NaN in a stream": lambda store: nan_into(store / "shard-000001" / "stream-angle.npy"),
    "a file for a folder": lambda store: (
        shutil.rmtree(store / "shard-000001"),
        (store / "shard-000001").write_text(""),
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_store_is_refused_in_one_sentence(folder, damage):
    damage(folder)
    with pytest.raises(BadEpisodeFile) as refusal:
        EpisodeFolder.open(folder)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FILES = ["index.json", "shard-000000/shard.json", "shard-000000/times.npy", "shard-000001/actions.npy"]
FUZZED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused_or_readable(folder: Path, file: str, content: bytes) -> None:
    original = (folder / file).read_bytes()
    (folder / file).write_bytes(content)
    try:
        for each in EpisodeFolder.open(folder):
            assert len(each) > 0
    except BadEpisodeFile:
        pass
    finally:
        (folder / file).write_bytes(original)


@FUZZED
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(1, 255), st.binary(max_size=8))
def test_changed_and_cut_bytes_raise_nothing_else(folder, file, place, mask, inserted):
    content = bytearray((folder / file).read_bytes())
    at = int(place * len(content))
    refused_or_readable(folder, file, bytes(content[:at] + inserted))
    content[at] ^= mask
    refused_or_readable(folder, file, bytes(content))


@FUZZED
@given(st.data())
def test_any_value_anywhere_in_the_index_raises_nothing_else(folder, data):
    file = data.draw(st.sampled_from(FILES[:2]))
    raw = json.loads((folder / file).read_text())
    at = raw
    while isinstance(at, (dict, list)) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            at[key] = data.draw(JSON)
            break
        at = at[key]
    refused_or_readable(folder, file, json.dumps(raw).encode())


def test_a_full_disk_is_one_sentence_and_leaves_the_store_as_it_was(folder):
    store = EpisodeFolder.open(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(StorageError, match="nothing was added"):
            store.append(episode(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(store) == len(EpisodeFolder.open(folder)) == 5
    assert not (folder / "shard-000003").exists()
    assert not list(folder.glob("writing-*"))
    store.append(episode(3, 10))
    assert same(EpisodeFolder.open(folder)[5], episode(3, 10))


def test_a_failure_after_the_shard_is_in_place_leaves_nothing(folder, monkeypatch):
    store, replace_file = EpisodeFolder.open(folder), os.replace

    def refuse_the_index(source, target):
        if str(target).endswith("index.json"):
            raise OSError(30, "Read-only file system")
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", refuse_the_index)
    with pytest.raises(StorageError, match="Read-only"):
        store.append(episode(3))
    assert len(store) == 5
    assert not (folder / "shard-000003").exists()
    assert not list(folder.glob("writing-*"))


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        EpisodeFolder.create(tmp_path / "file" / "store", SPECS, ACTION)


def append_ten(folder: Path, seed: int) -> None:
    store = EpisodeFolder.open(folder)
    for _ in range(10):
        store.append(episode(3, seed))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_writers_in_several_processes_lose_nothing(tmp_path):
    EpisodeFolder.create(tmp_path, SPECS, ACTION)
    processes = multiprocessing.get_context("fork")
    writers = [processes.Process(target=append_ten, args=(tmp_path, seed)) for seed in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store = EpisodeFolder.open(tmp_path)
    assert len(store) == 30
    assert all(sum(same(each, episode(3, seed)) for each in store) == 10 for seed in range(3))


def append_for_ever(folder: Path, acknowledged: Path) -> None:
    store = EpisodeFolder.open(folder)
    with acknowledged.open("a", buffering=1) as told:
        print(len(store), file=told)
        while True:
            store.extend([episode(200, len(store)), episode(50, 1)])
            print(len(store), file=told)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_writer_killed_at_any_moment_leaves_a_store_that_reads_and_grows(tmp_path):
    folder, acknowledged = tmp_path / "store", tmp_path / "acknowledged"
    EpisodeFolder.create(folder, SPECS, ACTION)
    acknowledged.touch()
    processes = multiprocessing.get_context("fork")
    for _ in range(25):
        told = acknowledged.stat().st_size
        writer = processes.Process(target=append_for_ever, args=(folder, acknowledged))
        writer.start()
        while acknowledged.stat().st_size == told:
            assert writer.is_alive()
            time.sleep(0.001)
        time.sleep(random.uniform(0.0, 0.1))
        writer.kill()
        writer.join()
        store = EpisodeFolder.open(folder)
        assert len(store) >= int(acknowledged.read_text().splitlines()[-1])
        assert len(store) % 2 == 0
    for number in range(0, len(store), 2):
        assert same(store[number], episode(200, number))
        assert same(store[number + 1], episode(50, 1))
    assert len(store) > 0
    store.append(episode(3))
    assert len(EpisodeFolder.open(folder)) == len(store)
    assert not list(folder.glob("writing-*"))


def test_the_names_of_a_vectors_components_are_kept_and_old_stores_are_still_read(tmp_path):
    specs = {"sensors": StreamSpec((2,), "float32", 10.0, "rad, rad/s", ("angle", "velocity"))}
    streams = {"sensors": np.zeros((3, 2), np.float32)}
    store = EpisodeFolder.create(tmp_path / "named", specs, ACTION)
    store.append(Episode(streams, np.zeros((2, 2), np.float32), specs, ACTION))
    assert EpisodeFolder.open(tmp_path / "named")[0].specs == specs
    # What was written before there were names, and what has none, looks as it always did.
    old = EpisodeFolder.create(tmp_path / "old", SPECS, ACTION)
    assert "names" not in (tmp_path / "old" / "index.json").read_text()
    assert EpisodeFolder.open(tmp_path / "old").specs == old.specs == SPECS
    for wrong in ([1, 2], "ab", ["one"]):
        edited(tmp_path / "named" / "index.json", lambda raw, wrong=wrong: raw["specs"]["sensors"].update(names=wrong))
        with pytest.raises(BadEpisodeFile, match="names"):
            EpisodeFolder.open(tmp_path / "named")

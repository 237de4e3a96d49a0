"""Files that are not what they should be, and disks that refuse: one sentence each, and never silent garbage."""

import os
import random
import re
import shutil
import sqlite3
from contextlib import closing

import pytest
from moments import ENCODER, latents, moments

from gedanken.errors import BadInput, BadMemoryFile, GedankenError, StorageError
from gedanken.memory import EpisodicMemory

FIRST_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE episodes (id INTEGER PRIMARY KEY, run TEXT NOT NULL, name TEXT NOT NULL, provenance TEXT NOT NULL, UNIQUE (run, name));
CREATE TABLE moments (id INTEGER PRIMARY KEY AUTOINCREMENT, episode INTEGER NOT NULL, time REAL NOT NULL, action BLOB, latent BLOB NOT NULL, surprise REAL, thumbnail BLOB);
CREATE INDEX moments_by_episode ON moments (episode);
CREATE INDEX moments_by_time ON moments (time);
PRAGMA application_id = 1734626629;
PRAGMA user_version = 1;
"""  # noqa: E501 - as schema 1 had it


@pytest.fixture
def house(tmp_path):
    """A memory of 40 moments, closed."""
    path = tmp_path / "house.db"
    with EpisodicMemory.open(path, ENCODER, run="monday") as memory:
        memory.write(moments(40, pictures=True))
    return path


def first_schema(path, rows=6):
    """A memory as schema 1 kept it: the picture in the moment's own row, and no checksums."""
    with EpisodicMemory.open(path.with_name("now.db"), ENCODER, run="monday") as memory:
        ids = memory.write(moments(rows, pictures=True))
        assert memory.forget(since=1000.0 + rows - 1) == 1
        kept = memory.database.rows(
            "SELECT moments.id, episode, time, action, latent, surprise, picture FROM moments LEFT JOIN thumbnails "
            "ON moment = moments.id"
        )
        episodes = memory.database.rows("SELECT * FROM episodes")
        facts = memory.database.rows("SELECT * FROM facts")
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FIRST_SCHEMA)
        old.executemany("INSERT INTO facts VALUES (?, ?)", facts)
        old.executemany("INSERT INTO episodes VALUES (?, ?, ?, ?)", episodes)
        old.executemany("INSERT INTO moments VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
        old.execute("UPDATE sqlite_sequence SET seq = ?", (ids[-1],))
        old.commit()
    return ids


def test_an_older_schema_is_brought_forward_with_all_it_holds(tmp_path):
    path = tmp_path / "old.db"
    ids = first_schema(path)
    with pytest.raises(BadMemoryFile, match=r"schema 1 .* open it once for writing"):
        EpisodicMemory.reader(path, ENCODER)
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.check()
        assert memory.info().schema == 3
        for each, moment in zip(memory.read(ids[:-1]), moments(6, pictures=True), strict=False):
            assert each.moment.latent.equal(moment.latent)
            assert each.moment.pixels.equal(moment.pixels)
            assert (each.run, each.moment.time, each.moment.surprise) == ("monday", moment.time, moment.surprise)
        assert memory.write(moments(1))[0] == ids[-1] + 1  # the number of what was forgotten is not given again
        assert memory.nearest(moments(1)[0].latent[None], 1).distances.item() == 0


def test_a_migration_that_is_stopped_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "old.db"
    first_schema(path)
    with monkeypatch.context() as patched:
        patched.setattr("gedanken.memory.schema.thumbnail_sum", lambda *_: 1 / 0)
        with pytest.raises(GedankenError):
            EpisodicMemory.open(path, ENCODER)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT count(*) FROM moments").fetchone() == (5,)
    with EpisodicMemory.open(path, ENCODER) as memory:
        assert len(memory) == 5


def changed(path, *commands):
    with closing(sqlite3.connect(path)) as other:
        for command in commands:
            other.execute(command)
        other.commit()


def a_text(path):
    path.write_text("not a database, but long enough to be read as one" * 100)


def a_folder(path):
    path.unlink()
    path.mkdir()


def another_sqlite_file(path):
    path.unlink()
    changed(path, "CREATE TABLE notes (text)")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (a_text, "does not begin as an SQLite file"),
        (a_folder, "is a folder"),
        (another_sqlite_file, "an SQLite file of something else"),
        (lambda path: changed(path, "PRAGMA user_version = 4"), "schema 4 .* update gedanken"),
        (lambda path: changed(path, "PRAGMA user_version = 0"), "schema 0"),
        (lambda path: changed(path, "DROP INDEX moments_by_time"), "not the tables of a memory"),
        (
            lambda path: changed(path, "CREATE TRIGGER t AFTER INSERT ON moments BEGIN DELETE FROM moments; END"),
            "not the tables of a memory",
        ),
        (lambda path: changed(path, "DELETE FROM facts WHERE name = 'generation'"), "what no memory says"),
        (lambda path: changed(path, "UPDATE facts SET value = '99999999' WHERE name = 'width'"), "what no memory says"),
    ],
)
@pytest.mark.parametrize("door", [EpisodicMemory.open, EpisodicMemory.reader])
def test_what_is_no_memory_is_refused_by_either_door_and_left_as_it_is(house, damage, told, door):
    damage(house)
    before = house.read_bytes() if house.is_file() else None
    with pytest.raises(BadMemoryFile, match=told) as raised:
        door(house, ENCODER)
    assert "\n" not in str(raised.value)
    assert before is None or house.read_bytes() == before
    if house.is_file():  # whoever comes after is not kept from it
        house.unlink()
        EpisodicMemory.open(house, ENCODER).close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE moments SET latent = zeroblob(32) WHERE id = 7", "moment 7 is not as it was written"),
        ("UPDATE moments SET time = 5 WHERE id = 7", "moment 7 is not as it was written"),
        ("UPDATE moments SET surprise = 'much' WHERE id = 7", "moment 7 is not as it was written"),
        ("UPDATE thumbnails SET picture = zeroblob(9) WHERE moment = 7", "the thumbnail of moment 7 is not as it was"),
        ("UPDATE thumbnails SET moment = 70 WHERE moment = 7", "a thumbnail of no moment"),
    ],
)
def test_a_row_that_was_changed_is_noticed(house, change, told):
    changed(house, change)
    with EpisodicMemory.reader(house, ENCODER) as memory, pytest.raises(BadMemoryFile, match=told):
        memory.check()


def everything(path):
    """All that a memory has to say, or its refusal."""
    try:
        with EpisodicMemory.reader(path, ENCODER) as memory:
            memory.check()
            found = memory.nearest(latents(1, seed=9), 40)
            told = [(each.id, each.run, each.moment.time) for each in memory.recent(100)]
            return told, found.ids.tolist(), found.distances.tolist()
    except (BadMemoryFile, StorageError, BadInput) as error:
        return None if re.fullmatch(r"[^\n]{20,400}", str(error)) else f"not one sentence: {error}"


def test_a_damaged_file_is_refused_or_says_what_it_said_before(house, tmp_path):
    """Bits flipped and ends cut off at random; a flip may fall where nothing is kept."""
    whole, draw, refused = everything(house), random.Random(0), 0
    assert whole is not None
    content = house.read_bytes()
    for number in range(48):
        damaged = bytearray(content)
        if number % 6 == 0:
            damaged = damaged[: draw.randrange(17, len(damaged))]
        else:
            damaged[draw.randrange(16, len(damaged))] ^= 1 << draw.randrange(8)
        file = tmp_path / "damaged.db"
        file.write_bytes(damaged)
        said = everything(file)
        refused += said is None
        assert said in (None, whole)
    assert refused > 10  # of the 48 about half fall where nothing is kept


def test_a_full_disk_keeps_what_was_acknowledged_and_says_so(house):
    with EpisodicMemory.open(house, ENCODER) as memory:
        pages = memory.database.number("PRAGMA page_count")
        memory.database.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StorageError, match=r"cannot grow.*free some space"):
            memory.write(moments(400, seed=1))
        assert len(memory) == 40
        memory.database.connection.execute("PRAGMA max_page_count = 1000000")
        assert memory.write(moments(1, seed=2)) == [41]
        memory.check()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_file_that_may_not_grow_ends_in_a_sentence(tmp_path):
    import resource

    heard, speak = os.pipe()
    if not os.fork():
        memory, count = EpisodicMemory.open(tmp_path / "house.db", ENCODER), 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        try:
            for seed in range(1000):
                count += len(memory.write(moments(20, seed=seed)))
        except StorageError as error:
            os.write(speak, f"{count} {error}".encode())
        os._exit(0)
    count, told = os.read(heard, 1000).decode().split(" ", 1)
    os.wait()
    assert "house.db cannot" in told
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        assert len(memory) == int(count) > 0
        memory.check()


def refuses_to_write(folder) -> bool:
    """Whether a folder's mode keeps this user from writing; it does not keep root."""
    folder.chmod(0o555)
    return not os.access(folder, os.W_OK)


def test_a_read_only_folder(house):
    if not refuses_to_write(house.parent):
        house.parent.chmod(0o755)
        pytest.skip("this user may write anywhere")
    try:
        with pytest.raises(StorageError, match="folder can be written"):
            EpisodicMemory.open(house, ENCODER)
        with EpisodicMemory.reader(house, ENCODER) as memory:
            assert len(memory) == 40
    finally:
        house.parent.chmod(0o755)


def test_where_sqlite_cannot_write_it_is_told_in_a_sentence(house, monkeypatch):
    """As in a read-only folder, also for a user who may write anywhere."""
    with EpisodicMemory.open(house, ENCODER) as memory:
        memory.database.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="check that its folder can be written"):
            memory.write(moments(1))
    monkeypatch.setattr(os, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(StorageError, match="cannot be opened for writing: Permission denied"):
        EpisodicMemory.open(house, ENCODER)


def test_a_memory_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(StorageError, match="is not there"):
        EpisodicMemory.reader(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_maker_killed_before_the_tables_leaves_what_can_be_made(tmp_path):
    for number, content in enumerate((b"", None)):
        path = tmp_path / f"{number}.db"
        if content is None:
            changed(path, "PRAGMA page_size = 8192", "PRAGMA journal_mode = WAL")
        else:
            path.write_bytes(content)
        with pytest.raises(BadMemoryFile, match="holds nothing yet"):
            EpisodicMemory.reader(path)
        with EpisodicMemory.open(path, ENCODER) as memory:
            assert memory.write(moments(1)) == [1]


def test_a_copy_of_a_closed_memory_is_the_memory(house, tmp_path):
    shutil.copy(house, tmp_path / "copy.db")
    assert everything(tmp_path / "copy.db") == everything(house)


def test_a_thumbnail_of_another_size_than_is_kept_is_refused(house):
    import io
    from zlib import crc32

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(file, "PNG")
    with EpisodicMemory.open(house, ENCODER) as memory:
        checksum = crc32(file.getvalue(), crc32((7).to_bytes(8, "little")))
        memory.database.connection.execute(
            "UPDATE thumbnails SET picture = ?, checksum = ? WHERE moment = 7", (file.getvalue(), checksum)
        )
        with pytest.raises(BadMemoryFile, match=r"\(4000, 4000\); at most 64"):
            memory.read([7])

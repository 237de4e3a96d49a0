"""Any format into any other, by the command: what comes back is what went in, but for what the one table says is lost."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gedanken.cli.main import main
from gedanken.data.formats import FORMATS, Hdf5Config, open_episodes, write_episodes
from gedanken.data.formats.carried import CARRIED, PICTURE_ERROR, Carried, table
from gedanken.data.formats.differences import compared, differences
from gedanken.data.formats.registry import as_written, format_named
from gedanken.types import ActionSpec, Episode, Provenance, StreamSpec

LENGTH = 14
ACTION = ActionSpec(2, (-2.0, -3.0), (2.0, 3.0), unit="Nm", rate_hz=10.0)
SPECS = {
    "pixels": StreamSpec((32, 48, 3), "uint8", 10.0),
    "joints": StreamSpec((2,), "float32", 10.0, "rad, rad/s", ("angle", "speed")),
    "load": StreamSpec((1,), "float32", 10.0, "kg"),
}
HOLDS = {"pictures": ("pixels",), "numbers": ("joints", "load"), "both": ("pixels", "joints", "load")}


def an_episode(seed: int, streams: tuple[str, ...]) -> Episode:
    """Smooth pictures, numbers and commands, with a reset and an origin; the second kept uneven times as well."""
    draws = np.random.default_rng(seed)
    down, across = np.mgrid[:32, :48] / 8
    shift = draws.uniform(0, 6, (LENGTH, 3))[:, None, None]
    frames = 128 + 90 * np.sin(across[None, :, :, None] + shift) * np.cos(down[None, :, :, None])
    values = {
        "pixels": frames.round().astype(np.uint8),
        "joints": draws.normal(size=(LENGTH, 2)).astype(np.float32),
        "load": draws.normal(size=(LENGTH, 1)).astype(np.float32),
    }
    actions = draws.uniform(-1, 1, (LENGTH - 1, 2)).astype(np.float32)
    origin = Provenance(f"rig {seed}", "CC-BY-4.0", "task: push", "by hand")
    return Episode(
        {name: values[name] for name in streams},
        actions,
        {name: SPECS[name] for name in streams},
        ACTION,
        resets=(6,),
        provenance=origin,
    )


def episodes(holds: str, uneven: bool = False) -> list[Episode]:
    whole = [an_episode(seed, HOLDS[holds]) for seed in (1, 2)]
    if not uneven:
        return whole
    times = np.arange(LENGTH) / 10 + 0.02 * np.sin(np.arange(LENGTH))
    return [replace(each, times=times - times[0]) for each in whole]


def refuses(carried: Carried, holds: str) -> bool:
    """Whether the table says that a format refuses such a set."""
    return (
        (holds != "numbers" and carried.pictures == "refused")
        or (holds != "pictures" and carried.numbers == "refused")
        or (holds == "both" and carried.pictures == "one")
    )


def place(folder: Path, name: str) -> tuple[Path, str]:
    """Where to write, and the format, of a row of the table."""
    kind, _, ending = name.partition(" ")
    return folder / f"{kind}{ending or ('.hdf5' if kind == 'hdf5' else '')}", kind


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = 0
    try:
        main(["data", "convert", *map(str, arguments)])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


PAIRS = [(of, into, holds) for of in CARRIED for into in CARRIED for holds in HOLDS if not refuses(CARRIED[of], holds)]
"""Every ordered pair, with each set that the first of the two can hold."""


@pytest.mark.parametrize(("of", "into", "holds"), PAIRS)
def test_any_to_any(of, into, holds, capsys, tmp_path):
    start, kind = place(tmp_path / "from", of)
    start.parent.mkdir()
    write_episodes(start, episodes(holds), format_named(kind).config())
    (tmp_path / "to").mkdir()
    target, to = place(tmp_path / "to", into)
    code, out, err = answer(capsys, start, target, "--to", to)
    if refuses(CARRIED[into], holds):
        assert (code, out) == (2, "")
        assert re.fullmatch(r"gedanken: [^\n]+\.\n", err), err
        assert list((tmp_path / "to").iterdir()) == []
        return
    assert (code, err) == (0, "")
    before, after = open_episodes(start, as_written(kind)), open_episodes(target, as_written(to))
    lost = differences(before, after)
    assert lost.keys() <= CARRIED[into].may_differ, lost
    # Never in silence: whatever differs was said.
    for said in lost.values():
        assert f"not carried by {to}: {said}" in out
    # And over both steps nothing is lost but what one of the two does not carry.
    whole = differences(episodes(holds), after)
    assert whole.keys() <= CARRIED[of].may_differ | CARRIED[into].may_differ, whole
    for one, other in zip(episodes(holds), after, strict=True):
        assert np.array_equal(one.actions, other.actions)
        if holds != "numbers":
            error = np.abs(one.streams["pixels"].astype(int) - other.streams["pixels"]).mean()
            lossy = "lossy" in (CARRIED[of].pictures, CARRIED[into].pictures)
            assert error <= (PICTURE_ERROR if lossy else 0.0)


@pytest.mark.parametrize("into", CARRIED)
def test_uneven_times_are_kept_or_said_to_be_resampled(into, capsys, tmp_path):
    holds = "pictures" if CARRIED[into].numbers == "refused" else "numbers"
    write_episodes(tmp_path / "set", episodes(holds, uneven=True))
    target, to = place(tmp_path, into)
    code, out, _ = answer(capsys, tmp_path / "set", target, "--to", to)
    assert code == 0
    lost = differences(episodes(holds, uneven=True), open_episodes(target, as_written(to)))
    assert lost.keys() <= CARRIED[into].may_differ, lost
    assert ("times of frames" in out) == (not CARRIED[into].times)


def test_what_a_table_loses_is_said_aspect_by_aspect(capsys, tmp_path):
    write_episodes(tmp_path / "set", episodes("numbers"))
    _, out, _ = answer(capsys, tmp_path / "set", tmp_path / "log.csv", "--to", "sensor-table")
    for words in ("joints, load are sensors now", "units rad, rad/s, kg, Nm are none", "bounds", "source, licence"):
        assert words in out


def test_what_cannot_be_read_back_is_said(capsys, tmp_path):
    bare = [
        replace(each, actions=np.zeros((LENGTH - 1, 0), np.float32), action=ActionSpec(0, (), ()))
        for each in episodes("numbers")
    ]
    write_episodes(tmp_path / "set", bare)
    code, out, _ = answer(capsys, tmp_path / "set", tmp_path / "log.csv", "--to", "sensor-table")
    assert code == 0
    assert "it is not read back without more being said: which columns" in out


def test_a_folder_of_hdf5_files_is_one_set(capsys, tmp_path):
    (tmp_path / "days").mkdir()
    for day, each in enumerate(episodes("both")):
        write_episodes(tmp_path / "days" / f"day-{day}.hdf5", [each], Hdf5Config())
    code, out, _ = answer(capsys, tmp_path / "days", tmp_path / "set")
    assert (code, "2 episodes of hdf5" in out) == (0, True)
    assert differences(episodes("both"), open_episodes(tmp_path / "set")) == {}
    bounds = []
    for path in (tmp_path / "days").iterdir():  # as others write them, each with bounds of its own
        with pytest.importorskip("h5py").File(path, "r+") as file:
            del file.attrs["gedanken"]
        bounds.append(open_episodes(path)[0].action.high)
    assert len(set(bounds)) == 2
    whole = open_episodes(tmp_path / "days")
    assert {each.action.high for each in whole} == {tuple(np.max(bounds, axis=0).tolist())}
    write_episodes(tmp_path / "days" / "other.h5", episodes("numbers"), Hdf5Config())
    code, _, err = answer(capsys, tmp_path / "days", tmp_path / "again")
    assert (code, "other.h5 holds joints" in err, err.count("\n")) == (2, True, 1)


def test_each_aspect_is_noticed():
    one = episodes("both")[0]
    spec = one.specs["joints"]
    others = {
        "pictures": replace(one, streams={**one.streams, "pixels": one.streams["pixels"] ^ 1}),
        "numbers": replace(one, streams={**one.streams, "load": one.streams["load"] + 1}),
        "names": replace(one, specs={**one.specs, "joints": replace(spec, names=())}),
        "units": replace(one, specs={**one.specs, "joints": replace(spec, unit="")}),
        "rates": replace(one, action=replace(one.action, rate_hz=20.0)),
        "actions": replace(one, actions=-one.actions),
        "bounds": replace(one, action=replace(one.action, high=(9.0, 9.0))),
        "times": replace(one, times=np.arange(LENGTH) / 7),
        "resets": replace(one, resets=()),
        "origin": replace(one, provenance=Provenance()),
    }
    assert compared(one, one) == {}
    for aspect, other in others.items():
        assert compared(one, other).keys() == {aspect}
    assert differences([one], []).keys() == {"episodes"}


def test_every_format_that_is_written_is_in_the_table_and_the_page_shows_it():
    written = {name for name, each in FORMATS.items() if each.write is not None}
    assert {name.split()[0] for name in CARRIED} == written
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")
    shown = page.split("gedanken.data.formats.carried -->\n")[1].split("\n<!-- /carried -->")[0]
    assert shown == table()
    assert f"at most {PICTURE_ERROR:g} of 255" in page

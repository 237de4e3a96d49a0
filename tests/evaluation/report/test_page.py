import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from gedanken.errors import BadInput, ShapeError, StorageError
from gedanken.evaluation.landscape import Landscape
from gedanken.evaluation.report import (
    Chart,
    EndStates,
    EpisodePicture,
    Figure,
    Filmstrip,
    PlanningCost,
    ReportData,
    Series,
    SuccessRow,
    Table,
    write_report,
)
from gedanken.evaluation.report.markup import VOID
from gedanken.evaluation.report.page import page

HOSTILE = """<script>alert("1")</script>&'--></style>"""


class Reader(HTMLParser):
    """Checks that tags are in balance, and collects text, headings and what the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.loads: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] != ["style"] else ""
        if self.open[-1:] == ["h2"]:
            self.headings.append(data)


def frames(count: int, seed: int = 0) -> np.ndarray:
    """A dot that moves over a plain ground with a little noise, as a decoder draws it."""
    noise = np.random.default_rng(seed).integers(0, 6, (count, 64, 64, 3), dtype=np.uint8)
    out = np.full((count, 64, 64, 3), 40, np.uint8) + noise
    for index in range(count):
        out[index, 20:24, index : index + 4] = (230, 40, 60)
    return out


@cache
def full(word: str = "a name") -> ReportData:
    """A report with everything in it, every text made of `word`."""
    x = np.linspace(-1, 1, 41)
    step = np.arange(50)
    health = {
        "effective_rank": 30.0,
        "std_batch": 1.0,
        "std_time": 0.5,
        "action_sensitivity": 0.7,
        "error_over_copy": 0.4,
    }
    rows = [{"step": int(at), "loss": float(9 / (at + 1)), word: 1.0} for at in step]
    rows[-1] |= {"health": health, "warnings": [f"{word}: wrong"]}
    return ReportData(
        title=word,
        subtitle=word,
        success=[
            SuccessRow(word, 0.964, 0.941, 0.98, 0.99, 500, 1.31, word),
            SuccessRow("No-op", 0.0, n=500),
        ],
        figures=[Figure(word, word, word)],
        episodes=[
            EpisodePicture(f"{word} {at}", bool(at % 2), frames(51), frames(51, 1), frames(1)[0], frames(51), note=word)
            for at in range(6)
        ],
        end_states=EndStates(np.arange(9.0), np.arange(9.0), np.arange(9) < 4, word, word),
        landscapes={word: Landscape(x, x, x[None] ** 2 + x[:, None] ** 2, (0.0, 0.0), (0.5, 0.1), word)},
        planning=PlanningCost(0.0182, 0.041, 1.3, word),
        metrics=rows,
        tables=[Table(word, [word, "n"], [[word, "5"]], word)],
        charts=[Chart(word, [Series(word, step, step), Series("b", step, step)], word, word, word, mark=(3.0, word))],
        filmstrips=[Filmstrip(word, [(word, frames(5)), ("came", frames(4))], [word] * 5, word)],
        limits=[word],
        facts={word: word, "source": "https://example.com/data"},
    )


@cache
def whole() -> str:
    return page(full())


def test_a_full_report_is_one_well_formed_file_that_loads_nothing(tmp_path):
    path = write_report(tmp_path / "new" / "report.html", full())
    assert path == tmp_path / "new" / "report.html"
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    text = path.read_text("utf-8")
    assert 50_000 < path.stat().st_size < 8_000_000
    reader = Reader(text)
    assert len(reader.loads) > 6
    assert [load for load in reader.loads if not load.startswith("data:")] == []
    assert "script" not in reader.seen
    style = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)[0]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "default-src &#x27;none&#x27;" in text
    assert "https://example.com/data" in reader.text


def test_dark_and_light_define_the_same_colours_and_every_colour_used_is_defined():
    text = whole()
    light, dark = re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL)
    assert "@media (prefers-color-scheme: dark)" in text
    defined = set(re.findall(r"(--[\w-]+):", light))
    colours = {name for name in defined if name not in ("--serif", "--sans", "--mono")}
    assert set(re.findall(r"(--[\w-]+):", dark)) == colours
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= defined
    used = {each for classes in re.findall(r'class="([sh]\d+)', text) for each in classes.split()}
    assert {each for each in used if f".{each} {{" not in text} == set()


def test_the_headline_and_the_rows_say_the_numbers():
    text = Reader(whole()).text
    for word in (
        "96.4\u202f%",
        "94.1–98.0",
        "n = 500",
        "99.0\u202f%",
        "1.31",
        "0.0\u202f%",
        "at step 200",
        "18.2\u202fms",
        "41\u202fms",
        "1.3\u202fs",
        "a name: wrong",
    ):
        assert word in text
    assert "at step 90" in Reader(page(replace(full(), steps=90))).text


def test_bars_are_as_long_as_the_success():
    text = whole()
    assert 'style="width:96.4%"' in text
    assert 'style="left:94.1%;width:3.9%"' in text


def test_hostile_names_stay_text():
    text = page(full(HOSTILE))
    reader = Reader(text)
    assert "script" not in reader.seen
    assert reader.text.count(HOSTILE) > 15
    assert "<script" not in text
    assert text.count("</style>") == 1


def test_what_there_is_no_data_for_leaves_no_trace():
    bare = Reader(page(ReportData(title="Only a title")))
    assert bare.headings == []
    assert bare.seen.count("section") == 0
    assert bare.text.strip() == "Only a titlegedankenOnly a title"
    everything = Reader(whole()).headings
    parts = {
        "success": "Goals reached",
        "episodes": "Episodes",
        "planning": "Cost of planning",
        "metrics": "Training",
        "tables": "a name",
        "charts": "Measured",
        "filmstrips": "In pictures",
        "limits": "Limits",
        "facts": "Provenance",
    }
    few = replace(full(), episodes=full().episodes[:1], landscapes={})
    for name, heading in parts.items():
        empty = {"facts": {}, "planning": None}.get(name, ())
        assert heading in everything
        assert heading not in Reader(page(replace(few, **{name: empty}))).headings
    without = Reader(page(replace(full(), end_states=None, landscapes={})))
    assert "What the planner sees" in everything
    assert "What the planner sees" not in without.headings


def test_episodes_say_whether_they_reached_and_show_what_there_is():
    picture = EpisodePicture("one", None, frames(3), frames(2))
    text = Reader(page(ReportData(title="t", episodes=[picture]))).text
    assert "real" in text
    assert "imagined" in text
    assert not {"goal", "nearest", "reached"} & set(text.split())
    missed = Reader(page(ReportData(title="t", episodes=[replace(picture, success=False)]))).text
    assert "not reached" in missed


def test_a_disk_that_refuses_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"report\.html"):
        write_report(tmp_path / "file" / "report.html", ReportData(title="t"))


def test_data_that_cannot_be_shown_are_refused():
    with pytest.raises(BadInput, match="share from 0 to 1"):
        SuccessRow("model", 96.4)
    with pytest.raises(BadInput, match="both ends"):
        SuccessRow("model", 0.9, low=0.8)
    with pytest.raises(ShapeError, match="real is float32"):
        EpisodePicture("one", True, frames(2).astype(np.float32), frames(2))
    with pytest.raises(ShapeError, match="same length"):
        Series("a", [1, 2], [1])
    with pytest.raises(ShapeError, match="2 cells"):
        Table("t", ["a", "b"], [["1"]])
    with pytest.raises(ShapeError, match="as many imagined"):
        EndStates(np.zeros(3), np.zeros(2))

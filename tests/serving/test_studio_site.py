"""The page and its way in: fetched without a token, asks with one, and holds the browser to this server."""

import json
import urllib.error
import urllib.request

import pytest
import websockets.exceptions as failures
import websockets.sync.client as client
from served import serving

from gedanken.errors import BadInput
from gedanken.serving.door import COOKIE, Door
from gedanken.serving.studio.runs import run_folders
from gedanken.serving.studio.shelf import Shelf

TOKEN = 'a-token-with; odd=signs"'
ASK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetched(address: str, path: str, method: str = "GET", **headers: str):
    """Status, headers and body."""
    request = urllib.request.Request(f"http://{address}{path}", headers=headers, method=method)
    try:
        with ASK.open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, steps in (("one", 5), ("two", 2000)):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps({"train": {"steps": steps, "seed": 0}, "data": [1, 2]}))
        rows = [json.dumps({"step": k, "loss": 1 / (k + 1), "name": "x"}) for k in range(steps)]
        (folder / name / "metrics.jsonl").write_text("\n".join([*rows, '{"step": 3, "loss": NaN}', '{"torn']))
    (folder / "one" / "report.html").write_text("<script>alert(1)</script>")
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    (folder / "nothing").mkdir()
    return folder


@pytest.fixture(scope="module")
def locked(runs):
    door, _ = Door.opened("127.0.0.1", TOKEN)
    with serving(door=door, studio=Shelf(runs=run_folders((runs,)))) as address:
        yield address


@pytest.fixture(scope="module")
def address(runs):
    with serving(studio=Shelf(runs=run_folders((runs,)))) as where:
        yield where


def test_the_page_needs_no_token_and_what_it_asks_does(locked):
    status, headers, body = fetched(locked, "/")
    assert status == 200
    assert b"<html" in body
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert fetched(locked, "/studio.js")[0] == 200
    for path in ("/studio/runs", "/studio/runs/one/report", "/health", "/example"):
        assert fetched(locked, path)[0] == 403, path
    assert fetched(locked, "/studio/enter", "POST")[0] == 403
    with pytest.raises(failures.InvalidStatus):
        client.connect(f"ws://{locked}/studio/live", proxy=None)


def test_a_token_is_exchanged_for_a_pass_that_does_not_tell_it(locked):
    status, headers, _ = fetched(locked, "/studio/enter", "POST", Authorization=f"Bearer {TOKEN}")
    kept = headers["Set-Cookie"]
    assert status == 204
    assert "HttpOnly" in kept
    assert "samesite=strict" in kept.lower()
    assert TOKEN[:8] not in kept
    cookie = kept.partition(";")[0]
    assert fetched(locked, "/studio/runs", Cookie=f"other=1; {cookie}")[0] == 200
    with client.connect(f"ws://{locked}/studio/live", proxy=None, additional_headers={"Cookie": cookie}) as socket:
        assert json.loads(socket.recv(timeout=10))["is"] == "hello"
    assert fetched(locked, "/studio/runs", Cookie=f"{COOKIE}={'0' * 64}")[0] == 403
    assert fetched(locked, "/studio/runs", Authorization="Bearer wrong", Cookie=cookie)[0] == 403
    assert fetched(locked, "/", Origin="http://evil.example")[0] == 403


def test_a_foreign_page_may_not_look(address):
    with pytest.raises(failures.InvalidStatus):
        client.connect(f"ws://{address}/studio/live", proxy=None, origin="http://evil.example")
    assert fetched(address, "/", Host="evil.example")[0] == 403


def test_runs_are_told_with_their_numbers(address):
    told = {each["name"]: each for each in json.loads(fetched(address, "/studio/runs")[2])}
    assert set(told) == {"one", "two", "broken"}
    assert told["one"]["config"] == {"train.steps": "5", "train.seed": "0", "data": "[1, 2]"}
    assert told["one"]["metrics"] == {"loss": [[k, float(f"{1 / (k + 1):.5g}")] for k in range(5)]}
    points = told["two"]["metrics"]["loss"]
    assert len(points) <= 401
    assert (points[0][0], points[-1][0]) == (0, 1999)
    assert "config.json" in told["broken"]["error"]
    assert (told["one"]["report"], told["two"]["report"]) == (True, False)


def test_a_report_is_shown_where_it_can_run_nothing(address):
    status, headers, body = fetched(address, "/studio/runs/one/report")
    assert (status, body) == (200, b"<script>alert(1)</script>")
    policy = headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy


@pytest.mark.parametrize("name", ["two", "..", "%2e%2e", "..%2fone", "one%00", "nothing"])
def test_no_other_file_is_read(address, name):
    assert fetched(address, f"/studio/runs/{name}/report")[0] in (400, 404)


def test_folders_that_are_no_runs_are_refused(runs, tmp_path):
    with pytest.raises(BadInput, match="no run folder"):
        run_folders((tmp_path,))
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.json").write_text("{}")
    with pytest.raises(BadInput, match="two runs are called 'one'"):
        run_folders((runs, tmp_path))
    assert list(run_folders((runs / "one", runs / "one"))) == ["one"]

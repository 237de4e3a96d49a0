"""A model is asked over HTTP, and answers what it answers in this process."""

import base64
import json
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from served import WORLD, quick_model, seen, serving, tasks

import gedanken
from gedanken.agent import Agent
from gedanken.serving import http as http_routes
from gedanken.serving.limits import Limits
from gedanken.serving.pictures import png
from gedanken.types import Context

ASK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def address():
    with serving() as where:
        yield f"http://{where}"


@pytest.fixture(scope="module")
def loaded():
    return gedanken.load(quick_model())


def ask(address: str, path: str, body: object = None, method: str | None = None, headers: dict | None = None):
    """Status and what was told."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(address + path, data, headers, method=method)
    try:
        with ASK.open(request, timeout=30) as answer:
            status, said = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, said = error.code, error.read()
    return status, json.loads(said)


def told(address: str, path: str, body: object = None, method: str | None = None):
    status, answer = ask(address, path, body, method)
    assert status in (200, 202), answer
    return answer


def shown(state) -> dict:
    return {"pixels": {"png": png(seen(state)["pixels"])}}


def test_a_plan_is_the_agents_own(address, loaded):
    now, goal = tasks(1, seed=2)
    agent = loaded.agent(seed=5)
    agent.begin(WORLD.observe(goal))
    own = agent.act(WORLD.observe(now))
    answer = told(address, "/plan", {"observation": shown(now), "goal": shown(goal), "seed": 5})
    assert answer["actions"] == own.steps()[:, 0].tolist()
    assert answer["energy"] == own.plan.energy.item()
    assert answer["planning_ms"] > 0


def test_an_example_can_be_sent_back_as_it_is(address):
    example = told(address, "/example?seed=4")
    start, _ = WORLD.pairs(1, torch.Generator().manual_seed(4))
    assert example["observation"] == shown(start)
    assert told(address, "/plan", example)["how"] == "cold"
    assert told(address, "/example?seed=5") != example


def test_three_ways_to_write_an_array_mean_the_same(address, loaded):
    now, _ = tasks(1)
    pixels = seen(now)["pixels"]

    raw = {"data": base64.b64encode(pixels.tobytes()).decode(), "dtype": "uint8", "shape": [64, 64, 3]}
    answers = [
        told(address, "/encode", {"observation": {"pixels": each}})
        for each in (raw, pixels.tolist(), shown(now)["pixels"])
    ]
    assert answers[0] == answers[1] == answers[2]
    expected = loaded.model.encode({"pixels": WORLD.observe(now)["pixels"][:, None]})[0, 0]
    torch.testing.assert_close(torch.tensor(answers[0]["latent"]), expected.detach())


def test_imagined_latents_are_the_models(address, loaded):
    now, _ = tasks(1)
    course = [[1.0, 0.5], [0.0, -1.0], [0.3, 0.3]]
    answer = told(address, "/imagine", {"observation": shown(now), "actions": course})
    blocks = torch.tensor(course).repeat(1, loaded.model.frame_skip)[None, None]
    with torch.no_grad():
        latents = loaded.model.encode({"pixels": WORLD.observe(now)["pixels"][:, None]})
        expected = loaded.model.rollout(Context(latents, torch.zeros(1, 0, blocks.shape[-1])), blocks).latents[0, 0]
    torch.testing.assert_close(torch.tensor(answer["latents"]), expected)


def test_the_course_towards_the_goal_is_the_better_one(address):
    """The goal is where the first course really leads; the other goes back."""
    now, _ = tasks(1, seed=2)
    there = now
    for _ in range(8):
        there = WORLD.step(there, torch.tensor([[0.0, 1.0]]))
    courses = [[[0.0, 1.0]] * 2, [[0.0, -1.0]] * 2, [[0.0, 1.0]] * 2]
    body = {"observation": shown(now), "goal": shown(there), "actions": courses}
    answer = told(address, "/what-if", body)
    assert answer["best"] == 0
    assert answer["distance"][0][-1] < answer["distance"][1][-1]
    assert answer["apart"][0][1] > 1 > answer["apart"][0][2] == 0
    assert told(address, "/energy", body)["energy"] == answer["energy"]
    assert "energy" not in told(address, "/what-if", {**body, "goal": None})


def test_what_did_not_happen_is_a_surprise(address):
    now, other = tasks(1, seed=2)
    states, action = [now], [0.0, 1.0]
    for _ in range(3):
        for _ in range(4):
            now = WORLD.step(now, torch.tensor([action]))
        states.append(now)
    states[2] = other  # somewhere else for one moment
    answer = told(address, "/surprise", {"observations": [shown(each) for each in states], "actions": [action] * 3})
    calm, into, out = answer["surprise"]
    assert calm < answer["surprising_above"] < min(into, out)


def test_health_models_and_the_page(address):
    assert told(address, "/health")["models"] == ["quick"] == told(address, "/models")
    assert told(address, "/models/quick")["observation"]["pixels"]["dtype"] == "uint8"
    paths = told(address, "/openapi.json")["paths"]
    assert {"/plan", "/imagine", "/energy", "/what-if", "/surprise", "/encode"} <= set(paths)
    with ASK.open(address + "/docs") as answer:
        page = answer.read().decode()
    assert all(path in page for path in paths)
    assert "://" not in page.replace("http://www.w3.org", "")  # nothing is fetched from elsewhere


def test_metrics_count_what_happens(address):
    def plans() -> float:
        with ASK.open(address + "/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line for line in lines if line.startswith("gedanken_planning_seconds_count")).split()[1])

    before = plans()
    told(address, "/plan", told(address, "/example"))
    assert plans() == before + 1


def test_long_work_is_a_job_with_progress(address, monkeypatch):
    seen_shares, go = [], threading.Event()

    def slow(loaded, pairs, seed, tell):
        for share in (0.25, 0.5, 0.75):
            tell(share)
            seen_shares.append(share)
            go.wait(5)
        return {"success": 1.0, "pairs": pairs}

    monkeypatch.setattr(http_routes, "judged", slow)
    first = told(address, "/jobs/evaluate", {"pairs": 3})
    second = told(address, "/jobs/evaluate", {"pairs": 4})
    path = f"/jobs/{first['id']}"
    while not seen_shares:
        time.sleep(0.01)
    assert told(address, path)["progress"] == 0.25
    assert told(address, f"/jobs/{second['id']}")["state"] == "waiting"
    told(address, f"/jobs/{second['id']}", method="DELETE")
    go.set()
    while told(address, path)["state"] == "running":
        time.sleep(0.01)
    assert told(address, path)["result"] == {"success": 1.0, "pairs": 3}
    while (state := told(address, f"/jobs/{second['id']}")["state"]) == "waiting":
        time.sleep(0.01)
    assert state == "cancelled"
    status, answer = ask(address, "/jobs/nothing")
    assert (status, "no job 'nothing'" in answer["error"]) == (400, True)


def test_a_model_is_judged_in_its_own_world(address):
    job = told(address, "/jobs/evaluate", {"pairs": 2})
    while (now := told(address, f"/jobs/{job['id']}"))["state"] in ("waiting", "running"):
        time.sleep(0.05)
    assert now["state"] == "done", now
    assert now["result"]["pairs"] == 2
    assert now["result"]["low"] <= now["result"]["success"] <= now["result"]["high"]


PIXELS = [[[0, 0, 0]] * 64] * 64
REFUSED = {
    "no such page": ("/nothing", {}, 404, "Not Found"),
    "not JSON": ("/encode", b"{", 400, "cannot be read"),
    "NaN": ("/imagine", b'{"actions": [[NaN, 0]]}', 400, "NaN"),
    "infinity in numbers": ("/imagine", b'{"observation": {}, "actions": [[1e999, 0]]}', 422, "finite"),
    "a key twice": ("/encode", b'{"a": 1, "a": 2}', 400, "twice"),
    "nested": ("/encode", b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", 400, "levels deep"),
    "nested without end": ("/encode", b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "cannot be read"),
    "nothing": ("/encode", {}, 422, "body/observation"),
    "unknown": ("/encode", {"observation": {}, "modle": "x"}, 422, "modle"),
    "no stream": ("/encode", {"observation": {}}, 400, "lacks the stream 'pixels'"),
    "another shape": ("/encode", {"observation": {"pixels": [[0, 0]]}}, 400, "expected uint8 [64, 64, 3]"),
    "uneven": ("/encode", {"observation": {"pixels": [[0], [0, 1]]}}, 400, "no array of numbers"),
    "objects": ("/encode", {"observation": {"pixels": [[{}]]}}, 400, "no array of numbers"),
    "not a byte": ("/encode", {"observation": {"pixels": [[[256]]]}}, 400, "from 0 to 255"),
    "pickles": (
        "/encode",
        {"observation": {"pixels": {"data": "gAROLg==", "dtype": "O", "shape": [1]}}},
        400,
        "expected uint8",
    ),
    "no base64": ("/encode", {"observation": {"pixels": {"png": "§"}}}, 400, "not base64"),
    "no picture": ("/encode", {"observation": {"pixels": {"png": "AAAA"}}}, 400, "no picture"),
    "another model": ("/encode", {"observation": {}, "model": "../x"}, 400, "is served here"),
    "too wide": ("/imagine", {"observation": {"pixels": PIXELS}, "actions": [[1.0]]}, 400, "2 numbers"),
    "too far": ("/imagine", {"observation": {"pixels": PIXELS}, "actions": [[99.0, 0.0]]}, 400, "one is outside"),
    "too many": ("/imagine", {"observation": {"pixels": PIXELS}, "actions": [[0.0, 0.0]] * 9000}, 400, "8,192"),
    "no steps": ("/imagine", {"observation": {"pixels": PIXELS}, "actions": []}, 400, "above 0"),
    "uneven courses": ("/what-if", {"observation": {"pixels": PIXELS}, "actions": [[[0.0, 0.0]], []]}, 400, "lengths"),
    "one moment": ("/surprise", {"observations": [{"pixels": PIXELS}], "actions": []}, 400, "at least 2"),
    "too large": ("/encode", b" " * (2**20 + 1), 413, "1,048,576 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told_in_a_sentence(address, name):
    path, body, status, sentence = REFUSED[name]
    got, answer = ask(address, path, body)
    assert (got, sentence in answer["error"]) == (status, True), answer
    assert len(answer["error"]) < 400
    assert "Traceback" not in answer["error"]


def test_no_path_leads_to_a_file(address):
    for path in ("/models/..%2F..%2Fpyproject", "/models/%2Fetc%2Fpasswd", "/../../etc/passwd", "/models/quick%00"):
        status, answer = ask(address, path)
        assert status in (400, 404)
        assert "root:" not in json.dumps(answer)


def test_a_foreign_page_may_not_ask(address):
    status, answer = ask(address, "/health", headers={"Origin": "http://evil.example"})
    assert status == 403
    assert "may not talk to this server" in answer["error"]
    assert ask(address, "/health", headers={"Host": "evil.example"})[0] == 403


def test_a_mistake_of_ours_shows_nothing_of_its_innards(address, monkeypatch, caplog):
    example = told(address, "/example")

    def broken(self, *given):
        raise RuntimeError("secret innards")

    with monkeypatch.context() as patched:
        patched.setattr(Agent, "act", broken)
        status, answer = ask(address, "/plan", example)
    assert status == 500
    assert "our mistake" in answer["error"]
    assert "secret" in caplog.text
    assert told(address, "/plan", example)["how"] == "cold"


def test_a_body_that_does_not_come_is_not_waited_for(address):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(f"POST /encode HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert b"408" in slow.recv(1000)


def test_too_many_at_once_are_told_to_wait():
    with serving(limits=Limits(rate=1.0, burst=3)) as where:
        statuses = [ask(f"http://{where}", "/health")[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_a_client_that_leaves_frees_its_plan(monkeypatch):
    rounds, rollout = [], gedanken.models.JEPA.rollout

    def slow(self, context, actions):
        rounds.append(actions.shape[1])
        time.sleep(0.15)
        return rollout(self, context, actions)

    with serving() as where:
        example = json.dumps(told(f"http://{where}", "/example")).encode()
        monkeypatch.setattr(gedanken.models.JEPA, "rollout", slow)
        host, port = where.split(":")
        with socket.create_connection((host, int(port))) as leaving:
            head = f"POST /plan HTTP/1.1\r\nHost: {where}\r\nContent-Length: {len(example)}\r\n"
            leaving.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + example)
            while not rounds:
                time.sleep(0.01)
        monkeypatch.setattr(gedanken.models.JEPA, "rollout", rollout)
        time.sleep(0.5)
    assert len(rounds) < 6
    assert np.isfinite(rounds).all()

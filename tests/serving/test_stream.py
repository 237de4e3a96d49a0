"""A robot plans through the policy server what it would have planned by itself."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from served import LIMITS, WORLD, quick_model, seen, serving, stepped, tasks
from starlette.websockets import WebSocket

import gedanken
from gedanken.agent import Agent
from gedanken.errors import BadInput, Refused
from gedanken.recipes import bundled_model
from gedanken.serving.engine import Engine
from gedanken.serving.metrics import Metrics
from gedanken.serving.stream import endpoint
from gedanken.serving.stream.client import PolicyClient


@pytest.fixture(scope="module")
def address():
    with serving() as where:
        yield f"ws://{where}"


def one(state, row: int):
    return {name: values[row : row + 1] for name, values in state.items()}


@pytest.mark.parametrize(("file", "steps"), [(quick_model(), 12), (bundled_model(), 3)], ids=["quick", "bundled"])
def test_served_actions_equal_those_of_the_agent_itself_bit_for_bit(file, steps):
    now, goal = tasks(1, seed=3)
    agent = gedanken.load(file).agent(seed=7)
    agent.begin(WORLD.observe(goal))
    with serving(file) as where, PolicyClient(f"ws://{where}") as robot:
        for step in range(steps):
            own = agent.act(WORLD.observe(now))
            first = {"goal": seen(goal), "seed": 7} if step == 0 else {}
            answer = robot.infer({"observation": seen(now), **first})
            assert np.array_equal(answer["actions"], own.steps()[:, 0].numpy())
            assert np.array_equal(answer["plan"], own.plan.steps()[0].numpy())
            assert answer["energy"] == own.plan.energy.item()
            assert answer["surprise"] == own.surprise.item()
            assert answer["feasible"] is True
            assert answer["cut"] is False
            now = stepped(now, answer["actions"])


def test_the_greeting_says_what_the_model_reads(address):
    with PolicyClient(address) as robot:
        assert robot.greeting["observation"]["pixels"]["shape"] == [64, 64, 3]
        assert robot.greeting["action"]["width"] == 2
        now, goal = tasks(1)
        answer = robot.infer({"observation/pixels": seen(now)["pixels"], "goal/pixels": seen(goal)["pixels"]})
        assert answer["actions"].shape == (robot.greeting["actions_a_reply"], 2)
        assert answer["plan"].shape == (robot.greeting["plan_steps"], 2)


def test_the_same_goal_goes_on_and_another_begins_anew(address):
    now, goal = tasks(2)
    with PolicyClient(address) as robot:
        request = {"observation": seen(now), "goal": seen(goal)}
        assert robot.infer(request)["how"] == "cold"
        assert robot.infer(request)["how"] != "cold"
        assert robot.infer({**request, "reset": True})["how"] == "cold"
        assert robot.infer({**request, "goal": seen(goal, 1)})["how"] == "cold"


def test_a_deadline_is_kept_to_within_a_round(address, monkeypatch):
    """A round here takes 20 ms and a search has six."""
    rollout = gedanken.models.JEPA.rollout

    def slow(self, context, actions):
        if actions.shape[1] > 1:
            time.sleep(0.02)
        return rollout(self, context, actions)

    monkeypatch.setattr(gedanken.models.JEPA, "rollout", slow)
    now, goal = tasks(1)
    with PolicyClient(address) as robot:
        request = {"observation": seen(now), "goal": seen(goal), "reset": True}
        whole = robot.infer(request)
        hurried = robot.infer({**request, "deadline_ms": 1})
    assert whole["cut"] is False
    assert hurried["cut"] is True
    assert hurried["planning_ms"] < whole["planning_ms"] / 2
    assert np.isfinite(hurried["actions"]).all()


def test_how_old_an_observation_is_when_it_is_acted_on(address):
    now, goal = tasks(1)
    with PolicyClient(address) as robot:
        answer = robot.infer({"observation": seen(now), "goal": seen(goal), "age_ms": 250})
    assert answer["age_ms"] > 250 + answer["planning_ms"]
    assert answer["age_ms"] < 250 + 2 * answer["planning_ms"] + 1000


def test_the_next_step_is_planned_while_this_one_is_carried_out(address):
    now, goal = tasks(1, seed=3)
    how = []
    with PolicyClient(address) as robot:
        for _ in range(8):
            answer = robot.infer({"observation": seen(now), "goal": seen(goal), "ahead": True})
            now = stepped(now, answer["actions"])
            how.append((answer["how"], answer["planning_ms"]))
            time.sleep(0.05)  # the robot moves
    assert "foreseen" in [each for each, _ in how]
    assert "warm" not in [each for each, _ in how[1:]]


def test_robots_that_ask_at_once_are_planned_in_one_batch_and_each_as_if_alone(address, monkeypatch):
    """Each has its own goal and its own seed, and gets the actions that its own agent would have chosen."""
    count = 4
    now, goal = tasks(count, seed=5)
    agents = [gedanken.load(quick_model()).agent(seed=row) for row in range(count)]
    expected = []
    for row, agent in enumerate(agents):
        agent.begin(WORLD.observe(one(goal, row)))
        expected.append(agent.act(WORLD.observe(one(now, row))).actions.numpy())
    busy = threading.Event()
    act = Agent.act

    def late(self, *given):
        busy.wait(5)  # until all have asked
        return act(self, *given)

    monkeypatch.setattr(Agent, "act", late)
    robots = [PolicyClient(address) for _ in range(count + 1)]
    requests = [{"observation": seen(now, row), "goal": seen(goal, row), "seed": row} for row in range(count)]
    with ThreadPoolExecutor(count + 1) as pool:
        first = pool.submit(robots[-1].infer, requests[0])
        time.sleep(0.2)
        rest = [pool.submit(robot.infer, request) for robot, request in zip(robots, requests, strict=False)]
        time.sleep(0.3)
        busy.set()
        answers = [each.result() for each in rest]
        assert first.result()["together"] == 1
    for robot in robots:
        robot.close()
    assert [answer["together"] for answer in answers] == [count] * count
    for answer, own in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer["actions"].ravel(), own[0], atol=1e-3)


def test_a_robot_that_leaves_frees_its_work(monkeypatch):
    """The search it asked for ends with the round at hand, and the next robot is served."""
    rounds, going = [], threading.Event()
    rollout = gedanken.models.JEPA.rollout

    def slow(self, context, actions):
        rounds.append(actions.shape[1])
        going.set()
        time.sleep(0.1)
        return rollout(self, context, actions)

    now, goal = tasks(1)
    request = {"observation": seen(now), "goal": seen(goal)}
    with serving() as where:
        leaving = PolicyClient(f"ws://{where}")
        leaving._seconds = 0.05
        with PolicyClient(f"ws://{where}") as robot:
            monkeypatch.setattr(gedanken.models.JEPA, "rollout", slow)
            with pytest.raises(Refused, match="no answer came within"):
                leaving.infer(request)
            going.wait(5)
            leaving._socket.socket.close()
            time.sleep(0.4)
            monkeypatch.setattr(gedanken.models.JEPA, "rollout", rollout)
            assert robot.infer(request)["how"] == "cold"
    assert len(rounds) < 6  # six rounds and what to expect would be seven


def test_a_robot_that_leaves_before_it_was_greeted_is_nobodys_mistake():
    """uvicorn says so by a RuntimeError at the first word to it, which would end in the log as a crash of ours."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])
        if message["type"] != "websocket.accept":
            raise RuntimeError("the handshake was given up")

    socket, engine = WebSocket({"type": "websocket"}, receive, send), Engine()
    try:
        asyncio.run(endpoint.converse(socket, "quick", gedanken.load(quick_model()), engine, LIMITS, Metrics()))
    finally:
        engine.close()
    assert sent[:2] == ["websocket.accept", "websocket.send"]


WRONG = {
    "no goal was given": lambda message: {"observation": message["observation"]},
    "lacks the stream 'pixels'": lambda message: {**message, "goal": {}},
    "expected uint8 [64, 64, 3]": lambda message: {**message, "goal": {"pixels": np.zeros((3, 64, 64), np.uint8)}},
    "'observation' is a str": lambda message: {**message, "observation": "door"},
    "Did you mean 'deadline_ms'": lambda message: {**message, "deadline_sm": 3},
    "must be a number from 0": lambda message: {**message, "age_ms": -1},
    "must be true or false": lambda message: {**message, "reset": 1},
    "a whole number": lambda message: {**message, "seed": 1.5},
    "twice": lambda message: {**message, "goal/pixels": message["goal"]["pixels"]},
    "nested more than": lambda message: {**message, "goal": {"a": [[[[[[[[[[]]]]]]]]]]}},
    "at most 1,048,576": None,
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_said_in_a_sentence_and_can_be_mended(address, sentence):
    now, goal = tasks(1)
    request = {"observation": seen(now), "goal": seen(goal)}
    with PolicyClient(address) as robot:
        if WRONG[sentence] is None:
            with pytest.raises(Refused, match="1009"):
                robot.infer({**request, "goal": {"pixels": np.zeros((1024, 1024, 3), np.uint8)}})
            return
        with pytest.raises(BadInput) as told:
            robot.infer(WRONG[sentence](request))
        assert sentence in str(told.value)
        assert str(told.value)[-1] in ".?"
        assert "Traceback" not in str(told.value)
        assert robot.infer(request)["how"] == "cold"


def test_our_own_mistakes_are_said_without_their_innards(address, monkeypatch, caplog):
    now, goal = tasks(1)

    def broken(self, *given):
        raise RuntimeError("secret innards")

    with PolicyClient(address) as robot:
        with monkeypatch.context() as patched:
            patched.setattr(Agent, "act", broken)
            with pytest.raises(BadInput, match="our mistake") as told:
                robot.infer({"observation": seen(now), "goal": seen(goal)})
        assert "secret" not in str(told.value)
        assert "secret" in caplog.text
        assert robot.infer({"observation": seen(now), "goal": seen(goal)})["how"] == "cold"


def test_a_model_that_is_not_served_is_named():
    with serving() as where, pytest.raises(BadInput, match="no 'other' is served here; there is quick"):
        PolicyClient(f"ws://{where}/?model=other")


def test_where_nobody_serves():
    with pytest.raises(Refused, match="gedanken serve"):
        PolicyClient("ws://127.0.0.1:9")


def test_a_model_file_that_is_replaced_changes_nothing(tmp_path):
    file = tmp_path / "mine.safetensors"
    file.write_bytes(quick_model().read_bytes())
    now, goal = tasks(1)
    request = {"observation": seen(now), "goal": seen(goal), "seed": 1}
    with serving(file) as where, PolicyClient(f"ws://{where}") as robot:
        before = robot.infer(request)
        with file.open("r+b") as overwritten:  # in place, which a mapped file would show
            overwritten.seek(100_000)
            overwritten.write(b"\0" * 200_000)
        assert np.array_equal(robot.infer(request)["plan"], before["plan"])
        file.unlink()
        assert np.array_equal(robot.infer(request)["plan"], before["plan"])

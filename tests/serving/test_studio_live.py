"""The page's line: what a page asks is done, and what cannot be done is said in a sentence."""

import base64
import json
import time
from contextlib import contextmanager

import pytest
import torch
import websockets.sync.client as client
from served import WORLD, quick_model, serving, tasks

import gedanken
from gedanken.data import EpisodeList
from gedanken.encoders import fingerprint
from gedanken.memory import EpisodicMemory
from gedanken.recipes import bundled_model, save
from gedanken.serving.pictures import png
from gedanken.serving.studio import live
from gedanken.serving.studio.known import known_of_world
from gedanken.serving.studio.scene import places_of
from gedanken.serving.studio.shelf import Shelf
from gedanken.types import Context, Episode, Moment


def an_episode(steps: int = 24) -> Episode:
    """A walk in which the dot is moved by a hand at frame 12."""
    state, _ = tasks(1, seed=6)
    action, frames = torch.tensor([[0.6, 0.6]]), []
    for k in range(steps + 1):
        if k == 12:
            state = {**state, "position": torch.tensor([[50.0, 50.0]])}
        frames.append(WORLD.observe(state)["pixels"])
        state = WORLD.step(state, action)
    return Episode({"pixels": torch.cat(frames).numpy()}, action.expand(steps, 2).numpy(), WORLD.streams, WORLD.action)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    file = tmp_path_factory.mktemp("memory") / "house.db"
    loaded = gedanken.load(bundled_model())
    state, _ = tasks(5, seed=6)
    seen = WORLD.observe(state)["pixels"]
    latents = loaded.model.encode({"pixels": seen[:, None]})[:, 0].detach()
    with EpisodicMemory.open(file, fingerprint(loaded.model.encoder)) as memory:
        memory.write([Moment(each, f"visit {k}", 1e9 + k, pixels=seen[k]) for k, each in enumerate(latents)])
    episodes = EpisodeList()
    episodes.append(an_episode())
    return Shelf({"walks": episodes}, memory=file)


@pytest.fixture(scope="module")
def address(shelf):
    with serving(quick_model(), studio=shelf) as where:
        yield where


class Page:
    """What a page does, without a browser."""

    def __init__(self, socket) -> None:
        self.socket = socket
        self.hello = self.next()

    def next(self) -> dict:
        return json.loads(self.socket.recv(timeout=30))

    def send(self, **command) -> None:
        self.socket.send(json.dumps(command))

    def until(self, *kinds: str) -> tuple[dict, list[dict]]:
        before = []
        while True:
            message = self.next()
            if message["is"] in kinds:
                return message, before
            assert message["is"] != "error", message
            before.append(message)

    def ask(self, *kinds: str, **command) -> dict:
        self.send(**command)
        return self.until(*kinds)[0]


@contextmanager
def page(address: str, **open_):
    with client.connect(f"ws://{address}/studio/live", compression=None, proxy=None, max_size=2**26) as socket:
        visit = Page(socket)
        if open_:
            visit.ask("scene", do="open", **open_)
            visit.until("known")
        yield visit


def test_a_world_is_opened_and_its_goal_reached_by_thinking(address):
    with page(address) as visit:
        scene = visit.ask("scene", do="open", seed=1)
        start, goal = tasks(1, seed=1)
        assert scene["picture"] == f"data:image/png;base64,{png(WORLD.observe(start)['pixels'][0].numpy())}"
        assert scene["goal"] == f"data:image/png;base64,{png(WORLD.observe(goal)['pixels'][0].numpy())}"
        visit.until("known")
        visit.send(do="go", pace=120)
        rest, before = visit.until("rests")
        kinds = [message["is"] for message in before]
        assert rest == {"is": "rests", "why": "held", "reached": True}
        assert kinds[:7] == ["thought"] * 6 + ["decided"]
        assert kinds.count("step") == 4 * kinds.count("moment") > 20
        thought = before[0]
        assert thought["candidates"] == 32
        assert len(thought["paths"]) == len(thought["ranks"])
        assert thought["energies"] == sorted(thought["energies"])
        assert before[5]["energies"][0] <= thought["energies"][0]
        moments = [message for message in before if message["is"] == "moment"]
        assert [each["at"] for each in moments] == list(range(1, len(moments) + 1))
        last = moments[-1]["place"]
        assert abs(last[0] - scene["goal_place"][0]) + abs(last[1] - scene["goal_place"][1]) < 0.12


def test_a_goal_that_is_pointed_at_is_the_worlds_picture_of_it(address):
    with page(address, seed=1) as visit:
        told = visit.ask("goal", do="goal", place=[0.25, 0.75], id=7)
        state, _ = tasks(1, seed=1)
        there = {**state, "position": torch.tensor([[15.5, 47.5]])}
        assert told["picture"].endswith(png(WORLD.observe(there)["pixels"][0].numpy()))
        assert (told["id"], told["place"]) == (7, [0.25, 0.75])
        visit.send(do="go", pace=120)
        rest, before = visit.until("rests")
        assert rest["reached"]
        at = [each["place"] for each in before if each["is"] == "moment"][-1]
        assert (at[0] - 0.25) ** 2 + (at[1] - 0.75) ** 2 < (4.5 / 64) ** 2
        assert "wall" in visit.ask("error", do="goal", place=[0.508, 0.8])["sentence"]


def test_a_goal_picture_may_be_dropped_and_a_broken_one_is_refused(address):
    with page(address, seed=2) as visit:
        _, goal = tasks(1, seed=3)
        dropped = png(WORLD.observe(goal)["pixels"][0].numpy())
        assert visit.ask("goal", do="goal", picture=dropped)["place"] is None
        visit.send(do="go", pace=120)
        rest, _ = visit.until("rests")
        assert rest == {"is": "rests", "why": "held", "reached": None}  # the world does not know what is in the picture
        broken = base64.b64encode(b"no picture").decode()
        assert "no picture" in visit.ask("error", do="goal", picture=broken)["sentence"]
        assert "one of" in visit.ask("error", do="goal")["sentence"]


def test_two_futures_are_imagined_and_simulated_side_by_side(address):
    with page(address, seed=1) as visit:
        told = visit.ask("supposed", do="suppose", actions=[[1.0, 0.0], [0.0, 1.5]], steps=3)
        start, _ = tasks(1, seed=1)
        for future in told["futures"]:
            end = (start["position"][0] + 12 * torch.tensor(future["action"]) + 0.5) / 64
            assert torch.tensor(future["truly"][-1]) == pytest.approx(end, abs=0.01)
            assert torch.tensor(future["path"][-1]) == pytest.approx(end, abs=0.06)
            assert len(future["pictures"]) == len(future["after"]) == 3
        assert told["apart"] > 1
        assert told["futures"][0]["energy"] != told["futures"][1]["energy"]
        assert "outside" in visit.ask("error", do="suppose", actions=[[5.0, 0.0]])["sentence"]
        assert "numbers" in visit.ask("error", do="suppose", actions=[[1.0]])["sentence"]


def test_a_dream_is_the_models_and_never_looks_at_the_simulator(address):
    loaded = gedanken.load(quick_model())
    with page(address, seed=1) as visit:
        steps = [visit.ask("dreamt", do="dream", action=[1.5, 0.5]) for _ in range(12)]
        start, _ = tasks(1, seed=1)
        latent = loaded.model.encode({"pixels": WORLD.observe(start)["pixels"][:, None]})
        actions = torch.tensor([1.5, 0.5]).repeat(1, 1, 12, 4)
        latents = loaded.model.rollout(Context(latent, torch.zeros(1, 0, 8)), actions).latents[0, 0]
        known = known_of_world(loaded, WORLD, places_of(WORLD), start)
        own = known.read(latents).detach()
        assert torch.tensor([each["place"] for each in steps]) == pytest.approx(own, abs=0.01)
        assert [each["steps"] for each in steps] == list(range(1, 13))
        assert steps[-1]["truly_at"][0] == pytest.approx(0.477, abs=0.01)  # the simulator stands at the wall
        assert visit.ask("awake", do="wake") == {"is": "awake"}
        assert visit.ask("dreamt", do="dream", action=[1.5, 0.5])["steps"] == 1


def test_a_hand_that_moves_the_dot_surprises_and_is_found_as_the_cause(address):
    with page(address, seed=1) as visit:
        moved = visit.ask("moment", do="put", place=[0.8, 0.8])
        assert moved["surprise"] > 20 > visit.hello["surprising"]
        assert moved["put"]
        caused = visit.ask("caused", do="cause", at=1)
        assert caused["surprise"] == moved["surprise"]
        assert caused["seen"] == moved["picture"] != caused["expected"]
        assert max(map(max, caused["cells"])) > 0.2


def test_a_recording_is_read_and_its_peak_is_where_the_hand_was(address):
    with page(address) as visit:
        assert visit.hello["recordings"] == [{"name": "walks", "episodes": 1}]
        scene = visit.ask("scene", do="open", recording=0)
        assert (scene["kind"], scene["moments"], len(scene["actions"])) == ("recording", 7, 6)
        surprises, _ = visit.until("surprises")
        values = surprises["values"]
        assert surprises["from"] == 1
        assert values.index(max(values)) + 1 == 3  # frame 12 is the third model step
        known, _ = visit.until("known")
        assert len(known["cloud"]) == 7
        look = visit.ask("looked", do="look", at=3, ahead=3)
        assert len(look["real"]) == len(look["imagined"]) == 3
        assert all(off < still for off, still in zip(look["off"], look["still"], strict=True))
        shown = visit.ask("shown", do="show", at=3)
        assert shown["picture"] == visit.ask("looked", do="look", at=3, ahead=1)["start"] != scene["picture"]
        visit.ask("goal", do="goal", moment=6)
        visit.send(do="go", at=3)
        rest, before = visit.until("rests")
        assert rest == {"is": "rests", "why": "thought"}
        assert [each["is"] for each in before].count("step") == 0
        assert "recording" in visit.ask("error", do="put", place=[0.5, 0.5])["sentence"]
        assert "no recording 4" in visit.ask("error", do="open", recording=4)["sentence"]


def test_a_moment_reminds_of_what_is_in_memory(address):
    with page(address, seed=6) as visit:
        state, _ = tasks(5, seed=6)
        visit.ask("moment", do="put", place=((state["position"][2] + 0.5) / 64).tolist())
        told = visit.ask("recalled", do="recall", at=1, count=2)
        assert told["moments"] == 5
        assert told["recalled"][0]["episode"] == "visit 2"
        assert told["recalled"][0]["distance"] < 0.5 < told["recalled"][1]["distance"]
        assert told["recalled"][0]["picture"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("{", "JSON"),
        ('{"do": "fly"}', "does not fit"),
        ('{"do": "open", "path": "/etc/passwd"}', "does not fit"),
        ('{"do": "goal", "place": [2, 0]}', "does not fit"),
        ('{"do": "suppose", "actions": [[NaN, 0]]}', "NaN"),
        ('{"do": "suppose", "actions": [[1e999, 0]]}', "does not fit"),
        ('{"do": "suppose", "actions": [[1, 0]], "steps": 1000000}', "does not fit"),
        ('{"do": "look", "at": -1}', "does not fit"),
        ('{"do": "look", "at": 7}', "no moment 7"),
        ("[" * 200 + "]" * 200, "JSON"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(address, message, says):
    with page(address, seed=1) as visit:
        visit.socket.send(message)
        told = visit.until("error")[0]
        assert says in told["sentence"]
        assert told["sentence"].endswith(".")
        assert visit.ask("goal", do="goal", place=[0.3, 0.3])["place"] == [0.3, 0.3]


def test_stopping_ends_with_the_step_and_leaving_ends_the_search(address):
    with page(address, seed=1) as visit:
        visit.send(do="go", pace=120)
        visit.until("decided")
        visit.send(do="stop")
        rest, before = visit.until("rests")
        assert rest["why"] == "stopped"
        assert [each["is"] for each in before][-1] == "moment"
        visit.send(do="go", pace=120)
    began = time.perf_counter()
    with page(address, seed=1):
        assert time.perf_counter() - began < 10


def test_a_model_of_recordings_says_how_to_open_one(tmp_path):
    loaded = gedanken.load(quick_model())
    save(tmp_path / "mine.safetensors", loaded.model, loaded.recipe, loaded.observation, {"data": "my-drives"})
    with serving(tmp_path / "mine.safetensors", studio=Shelf()) as address, page(address) as visit:
        assert "--data" in visit.ask("error", do="open", seed=1)["sentence"]


def test_only_so_many_pages_are_open_at_once(address, monkeypatch):
    monkeypatch.setattr(live, "MOST_PAGES", 1)
    with page(address, seed=1) as first:
        with client.connect(f"ws://{address}/studio/live", compression=None, proxy=None) as second:
            told = json.loads(second.recv(timeout=10))
            assert "1 pages are open already" in told["sentence"]
        assert first.ask("goal", do="goal", place=[0.3, 0.3])["place"] == [0.3, 0.3]


def test_two_pages_think_side_by_side_without_disturbing_one_another(address):
    def run(visit: Page, alone: bool) -> list:
        if alone:
            visit.send(do="go", pace=120, steps=3)
        return [each["action"] for each in visit.until("rests")[1] if each["is"] == "decided"]

    with page(address, seed=1) as visit:
        own = run(visit, True)
    with page(address, seed=1) as one, page(address, seed=5) as other:
        one.send(do="go", pace=120, steps=3)
        other.send(do="go", pace=120, steps=3)
        assert run(one, False) == own
        assert run(other, False) != own

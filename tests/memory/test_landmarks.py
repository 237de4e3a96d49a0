"""Landmarks on a ring with a wall: known ways, remembered failures, and nothing left of what is forgotten."""

import sqlite3

import numpy as np
import pytest
import torch
from moments import ENCODER, OTHER

from gedanken.contracts import Landmarks
from gedanken.errors import BadInput, BadMemoryFile, ShapeError
from gedanken.memory import EpisodicMemory, LandmarkConfig, LandmarkGraph, reembedded
from gedanken.memory.landmarks.ways import all_ways, cost_of
from gedanken.types import Moment

# A corridor bent to a U: places by their length along it, whose two arms lie a step apart with a wall between.
ARM, GAP = 8, 1.0
CONFIG = LandmarkConfig(apart=0.9, trusted=1.5, direct=1.5, reach=3.0)


def place(along: float) -> torch.Tensor:
    """`[1, 3]`: where a length along the corridor is in the plane."""
    x = along if along <= ARM else 2 * ARM - along
    return torch.tensor([[x, 0.0 if along <= ARM else GAP, 0.0]]).half().float()


def along(latents: torch.Tensor) -> torch.Tensor:
    x, y = latents[:, 0, 0], latents[:, 0, 1]
    return torch.where(y < GAP / 2, x, 2 * ARM - x)


def true_steps(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """What a head that knows the wall would say."""
    return (along(some)[:, None] - along(others)).abs()


def through_the_wall(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """What one says that takes the two arms' ends at x = 2 for neighbours."""
    steps = true_steps(some, others)
    ends = [(place(2.0), place(2 * ARM - 2.0)), (place(2 * ARM - 2.0), place(2.0))]
    for one, other in ends:
        wrong = (some == one).all((1, 2))[:, None] & (others == other).all((1, 2))
        steps = torch.where(wrong, torch.tensor(1.2), steps)
    return steps


def walked(path, fingerprint: str = ENCODER, every: float = 0.5, episodes: int = 4) -> EpisodicMemory:
    """A memory of the whole corridor, in several episodes none of which goes far."""
    memory = EpisodicMemory.open(path, fingerprint)
    places = np.arange(0, 2 * ARM + every / 2, every)
    memory.write(
        [Moment(place(p), f"walk-{int(p * episodes / (2 * ARM + 1))}", 1000.0 + k) for k, p in enumerate(places)]
    )
    return memory


def graph_of(memory: EpisodicMemory, steps=true_steps, fingerprint: str = "head") -> LandmarkGraph:
    graph = LandmarkGraph(memory, steps, fingerprint, CONFIG)
    graph.propose([each.id for each in memory.recent(10_000)])
    return graph


def followed(graph: LandmarkGraph, start: float, goal: float) -> list[float]:
    """The places a traveller is sent to, one after the other, who always arrives."""
    now, end, seen = place(start)[None], place(goal)[None], []
    for _ in range(40):
        route = graph.route(now, end)
        seen.append(float(along(route.aims)))
        if route.target == -1:
            return seen
        now = route.aims
    raise AssertionError(f"never sent to the goal: {seen}")


def test_landmarks_are_apart_and_near_everything(tmp_path):
    with walked(tmp_path / "u.db") as memory:
        graph = graph_of(memory)
        assert isinstance(graph, Landmarks)
        places = along(torch.stack([each.moment.latent for each in memory.read(graph.ids)]))
        gaps = (places[:, None] - places).abs().fill_diagonal_(9)
        assert gaps.min() > CONFIG.apart
        every = along(torch.stack([each.moment.latent for each in memory.recent(100)]))
        assert (every[:, None] - places).abs().amin(1).max() <= CONFIG.apart
        assert graph.propose([each.id for each in memory.recent(100)]) == 0


def test_a_way_leads_around_the_wall_place_by_place(tmp_path):
    with walked(tmp_path / "u.db") as memory:
        way = followed(graph_of(memory), 1.0, 15.0)  # side by side, and the whole corridor apart
        assert way[-1] == 15.0
        assert len(way) >= 8
        assert (np.diff([1.0, *way]) > 0).all()
        assert (np.diff([1.0, *way]) <= CONFIG.reach).all()


def test_a_goal_within_trust_or_without_a_way_is_aimed_at_itself(tmp_path):
    with walked(tmp_path / "u.db") as memory:
        graph = graph_of(memory)
        near = graph.route(place(3.0)[None], place(4.0)[None])
        assert near.target.tolist() == [-1]
        assert near.aims.equal(place(4.0)[None])
        assert near.left.tolist() == [1.0]
        nowhere = torch.full((1, 1, 3), 50.0)
        assert graph.route(place(3.0)[None], nowhere).target.tolist() == [-1]
        both = graph.route(torch.stack((place(3.0), place(1.0))), torch.stack((place(4.0), place(15.0))))
        assert (both.target == -1).tolist() == [True, False]
        with pytest.raises(ShapeError, match="one goal each"):
            graph.route(place(3.0)[None].repeat(2, 1, 1), nowhere)
    with EpisodicMemory.open(tmp_path / "empty.db", ENCODER) as memory:
        assert LandmarkGraph(memory, true_steps, "head").route(place(0.0)[None], place(9.0)[None]).target == -1


def test_a_way_that_failed_is_left_and_taken_up_again_when_it_held(tmp_path):
    """The ends' neighbourhood is imagined; only trying tells."""
    with walked(tmp_path / "u.db", every=1.0) as memory:
        graph = graph_of(memory, through_the_wall)
        before = followed(graph, 2.0, 14.0)
        assert before == [14.0]  # straight through the wall, for it is within trust
        route = graph.route(place(1.0)[None], place(15.0)[None])
        way = followed(graph, 1.0, 15.0)
        assert len(way) <= 4
        at = along(torch.stack([each.moment.latent for each in memory.read(graph.ids)]))
        source, target = (graph.ids[int((at - end).abs().argmin())] for end in (2.0, 14.0))
        for _ in range(3):
            graph.judge(source, target, arrived=False)
        again = followed(graph, 1.0, 15.0)
        assert len(again) >= 6
        assert max(np.diff([1.0, *again])) <= CONFIG.reach
        assert graph.route(place(1.0)[None], place(15.0)[None]).left > route.left
        graph.judge(source, target, arrived=True)
        assert followed(graph, 1.0, 15.0) == way


def test_it_is_there_again_after_a_restart_with_what_failed(tmp_path):
    path = tmp_path / "u.db"
    with walked(path) as memory:
        graph = graph_of(memory, through_the_wall)
        ids = graph.ids
        graph.judge(ids[0], ids[1], arrived=False)
        before = graph.route(place(1.0)[None], place(15.0)[None])
    with EpisodicMemory.reader(path, ENCODER) as memory:
        memory.check()
        asked = []
        again = LandmarkGraph(
            memory, lambda a, b: asked.append(len(a) * len(b)) or through_the_wall(a, b), "head", CONFIG
        )
        assert again.ids == ids
        assert asked == []  # nothing is predicted anew
        route = again.route(place(1.0)[None], place(15.0)[None])
        assert route.target.equal(before.target)
        assert route.left.equal(before.left)
        assert again._failed.sum() == 1
        with pytest.raises(BadInput, match="opened for reading"):
            again.propose([1])


def test_another_models_steps_are_not_mixed_in(tmp_path):
    path = tmp_path / "u.db"
    with walked(path) as memory:
        ids = graph_of(memory, through_the_wall).ids
    with EpisodicMemory.reader(path, ENCODER) as memory, pytest.raises(BadInput, match="another model"):
        LandmarkGraph(memory, true_steps, "other head", CONFIG)
    with EpisodicMemory.open(path, ENCODER) as memory:
        graph = LandmarkGraph(memory, true_steps, "other head", CONFIG)
        assert graph.ids == ids
        assert len(followed(graph, 2.0, 14.0)) > 3  # the new one knows the wall


def test_what_is_forgotten_is_no_landmark_any_more_to_the_last_byte(tmp_path):
    path = tmp_path / "u.db"
    with walked(path) as memory:
        graph = graph_of(memory)
        gone = [each.id for each in memory.recent(100) if each.moment.episode == "walk-1"]
        there = set(graph.ids) & set(gone)
        assert there
        secret = memory.read(sorted(there))[0].moment.latent.half().numpy().tobytes()
        assert secret in path.read_bytes() + path.with_name("u.db-wal").read_bytes()
        memory.forget(episode="walk-1")
        assert not set(graph.ids) & set(gone)
        assert graph.route(place(1.0)[None], place(15.0)[None]).target == -1  # the way is cut
        memory.check()
    with sqlite3.connect(path) as raw:
        rows = raw.execute("SELECT source, target FROM ways").fetchall()
        assert rows
        assert not {each for row in rows for each in row} & set(gone)
    left = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert secret not in left


def test_evicted_moments_are_no_landmarks(tmp_path):
    with EpisodicMemory.open(tmp_path / "small.db", ENCODER, cap=1 << 20) as memory:
        ids = memory.write([Moment(place(p), "first", 1.0) for p in (0.0, 1.0, 2.0, 3.0)])
        graph = graph_of(memory)
        assert len(graph) == 4
        filler = torch.rand(280, 64, 64, 3, generator=torch.Generator().manual_seed(0)).mul(255).byte()
        for some in filler.split(50):
            memory.write([Moment(place(5.0), "later", 2.0, pixels=each) for each in some])
        assert not set(ids) & {each.id for each in memory.recent(1000)}
        assert graph.ids == []
        memory.check()


def test_a_changed_row_is_told(tmp_path):
    for table, change in (("ways", "steps = steps + 1"), ("ways", "failed = 7"), ("landmarks", "checksum = 1")):
        path = tmp_path / f"{table}-{change.split()[0]}.db"
        with walked(path) as memory:
            graph_of(memory)
        with sqlite3.connect(path) as raw:
            raw.execute(
                f"UPDATE {table} SET {change} WHERE rowid = 1"
                if table == "landmarks"
                else f"UPDATE {table} SET {change}"
            )
        with EpisodicMemory.reader(path, ENCODER) as memory:
            with pytest.raises(BadMemoryFile, match="not as it was written"):
                memory.check()
            with pytest.raises(BadMemoryFile, match="not as it was written"):
                LandmarkGraph(memory, true_steps, "head", CONFIG)


def test_reembedding_chooses_landmarks_anew(tmp_path):
    with EpisodicMemory.open(tmp_path / "seen.db", ENCODER) as memory:
        pixels = torch.zeros(8, 8, 3, dtype=torch.uint8)
        memory.write([Moment(place(p), "walk", 1.0, pixels=pixels + int(p)) for p in (0.0, 2.0, 4.0)])
        assert len(graph_of(memory)) == 3
    reembedded(tmp_path / "seen.db", lambda seen: seen["pixels"].float().mean((2, 3))[:, :, None], OTHER)
    with EpisodicMemory.open(tmp_path / "seen.db", OTHER) as memory:
        assert LandmarkGraph(memory, true_steps, "head", CONFIG).ids == []


def test_a_second_schema_gets_its_tables(tmp_path):
    path = tmp_path / "second.db"
    with walked(path):
        pass
    with sqlite3.connect(path) as raw:
        for table in ("landmarks", "ways"):
            raw.execute(f"DROP TABLE {table}")
        raw.execute("PRAGMA user_version = 2")
    with pytest.raises(BadMemoryFile, match="schema 2"):
        EpisodicMemory.reader(path, ENCODER)
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.check()
        assert len(graph_of(memory)) > 10
        assert memory.info().schema == 3


def test_cheapest_ways_and_costs_are_what_they_say():
    inf = np.inf
    cost = np.array([[inf, 1.0, 5.0], [inf, inf, 1.0], [1.0, inf, inf]])
    assert all_ways(cost).tolist() == [[0, 1, 2], [2, 0, 1], [1, 2, 0]]
    steps, failed = np.array([1.0, 2.5, 2.5, 3.5]), np.array([0, 0, 2, 0])
    assert cost_of(steps, failed, CONFIG).tolist() == [1.0, 3.5, 56.0, inf]
    with pytest.raises(BadInput, match="must rise"):
        LandmarkConfig(apart=9.0)
    with pytest.raises(BadInput, match="failure"):
        LandmarkConfig(failure=0.5)

"""The comparison of searches until a plan is as good: one that is told more than it knows, or never comes down, is found out."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from beside import as_good, scaling
from beside.as_good import Problem, reached, target, until_reached
from claims import CLAIMS
from claims.plan_as_good import OVER, REACHED, WALL, problems_of
from gedanken.models import JEPA
from gedanken.planners import CEMConfig, GradientConfig
from gedanken.recipes import lewm_banded
from gedanken.types import ActionSpec, Rollout

PLAIN = CEMConfig(candidates=40, elites=4, rounds=3, momentum=0.0, returns="mean", plain=True)
QUICK = GradientConfig(candidates=16, restarts=2, rounds=20)


@pytest.fixture
def model(monkeypatch) -> JEPA:
    paper = lewm_banded(64)
    small = replace(paper, encoder=replace(paper.encoder, depth=1), predictor=replace(paper.predictor, depth=1))
    monkeypatch.setattr(scaling, "lewm_banded", lambda size: small)
    drawn = scaling.drawn()
    drawn.action = ActionSpec(2, (-2.0, -2.0), (2.0, 2.0))
    return drawn


@pytest.fixture
def problem() -> Problem:
    return problems_of("dev", 0, 1)[0]


def test_a_search_ends_once_it_is_as_good_and_says_how_long_it_took(model, problem):
    plain = target(model, problem, 0, PLAIN)
    assert plain["energy"] < plain["start"]
    found = reached(model, problem, plain["energy"], 0, QUICK)
    assert found["reached"]
    assert found["energy"] <= plain["energy"]
    assert found["rounds"] < 2 + QUICK.rounds
    assert found["seconds"] > 0


def test_a_search_that_never_is_as_good_counts_as_endless(model, problem):
    found = reached(model, problem, 0.0, 0, replace(QUICK, rounds=2))
    assert not found["reached"]
    assert found["rounds"] == 4
    assert until_reached([found], "seconds") == [float("inf")]


def test_a_search_whose_rollouts_are_of_another_start_is_found_out(model, problem, monkeypatch):
    rollout, kept = JEPA.rollout, []

    def stale(self, context, actions):
        # As an engine would that keeps the first rollout's end and adds it to every later one.
        found = rollout(self, context, actions).latents
        kept.append(found)
        return Rollout(found if len(kept) > 5 and actions.shape[1] == 1 else found * 0.5)

    monkeypatch.setattr(JEPA, "rollout", stale)
    with pytest.raises(RuntimeError, match="encoded anew"):
        reached(model, problem, 0.0, 0, replace(QUICK, rounds=4))


def test_pairs_are_those_of_the_manifest_and_lie_apart():
    first, second = problems_of("test", 10, 2)
    assert first.start.shape == (1, 1, 64, 64, 3)
    assert not torch.equal(first.start, first.goal)
    assert not torch.equal(first.start, second.start)


def test_the_claim_counts_pairs_that_were_never_as_good():
    claim, made = CLAIMS["plan-as-good"], {"git": "a", "machine": "b", "core_seconds": 1.0}
    pair = {"reached": True, "seconds": 1.0, "wall": 0.8, "energy": 0.1, "rounds": 5}

    def part(lost: int):
        ours = [{**pair, "reached": number >= lost} for number in range(10)]
        return {"peer": 20.0, "plain": [{"seconds": 5.0}] * 10, "ours": ours, "waited": ours, **made}

    parts = {f"pairs-{first}": part(lost=0) for first in range(0, 50, 10)}
    parts |= {
        "train": {"training_core_seconds": 9.0, **made},
        "choice": {"seconds": {}, "chosen": "icem", **made},
    }
    entry = claim.entry(parts, Path("nowhere"))
    assert (entry.figures[OVER], entry.figures[WALL], entry.figures[REACHED]) == (20.0, 0.8, 1.0)
    assert entry.holds
    missed = claim.entry({**parts, "pairs-0": part(lost=3)}, Path("nowhere"))
    assert missed.figures[REACHED] == 0.94
    assert not missed.holds
    endless = claim.entry({**parts, **{f"pairs-{first}": part(lost=9) for first in range(0, 50, 10)}}, Path("nowhere"))
    assert endless.figures[OVER] == 0.0
    assert not endless.holds


def test_the_search_it_is_held_against_is_the_papers():
    search = lewm_banded(64).agent.cold
    assert search == as_good.PLAIN
    assert CLAIMS["plan-as-good"].recipe().predictor == lewm_banded(64).predictor

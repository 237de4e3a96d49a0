"""The comparison of planning looks at the plan: a search that skips work is found out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from beside import plan, plan_floor, plan_ours, scaling
from beside.plan import LEWM, Setting
from claims import CLAIMS
from gedanken.models import JEPA, WindowTransformerConfig
from gedanken.models.engine.window import WindowEngine
from gedanken.recipes import lewm_paper

TINY = Setting(size=8, rounds=4, candidates=40, horizon=4, skip=2)
FOLDER = str(Path(__file__).parent / "recipes" / "lewm")


class Here:
    """A side in this process: what it does can be broken."""

    def __init__(self, **doing):
        self._doing = doing

    def ask(self, do, **what):
        return json.loads(json.dumps(self._doing[do](json.loads(json.dumps(what)))))


OURS = {name: getattr(plan_ours, name) for name in ("prepare", "solve", "judge", "agree", "floor")}


def solve_as_the_peer(request):
    """Stands in for the peer: the same search by the predictor's own steps."""
    model, rollout = plan_ours._made["model"], JEPA.rollout
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gedanken.models.jepa.engine_of", lambda *_: None)
        assert model.rollout.__func__ is rollout
        return plan_ours.solve(request)


def measured(setting: Setting = TINY, type: str = "auto", **broken):
    peer = Here(prepare=lambda request: {}, solve=solve_as_the_peer)
    return plan.beside({"ours": Here(**{**OURS, **broken}), "peer": peer}, FOLDER, setting, repeats=2, type=type)


def test_a_plan_is_measured_and_looked_at():
    found = measured(type="float32")
    assert found["ours float32"]["median"] > 0
    assert found["floor over peer float32"] > found["over peer float32"]["median"]
    assert 0 < found["ours float32"]["share of floor"] < 1
    assert found["plan difference"] < 1e-4
    assert found["rollout difference"] < 1e-5
    assert set(found) > {"over peer float32", "over peer bfloat16", "peer float32"}


def test_exactness_is_that_of_float32_whatever_is_timed():
    types = []

    def solve(request):
        types.append(request["type"])
        return plan_ours.solve(request)

    found = measured(type="bfloat16", solve=solve)
    assert set(found) > {"ours bfloat16", "over peer float32"}
    assert types[-1] == "float32"
    assert found["plan difference"] < 1e-4
    assert found["rollout difference"] < 1e-5


def test_a_search_that_skips_the_encoder_is_found_out(monkeypatch):
    kept, encode = {}, JEPA.encode

    def once(self, observations):
        # Latents of the first pictures again and again, as a cache that is keyed by nothing would give.
        return kept.setdefault("first", encode(self, observations))

    def solve(request):
        with monkeypatch.context() as patch:
            patch.setattr(JEPA, "encode", once)
            return plan_ours.solve(request)

    with pytest.raises(RuntimeError, match="encoded and stepped anew"):
        measured(solve=solve)


def test_an_engine_that_returns_round_ones_rollouts_is_found_out(monkeypatch):
    call = WindowEngine.__call__

    def solve(request):
        kept = {}
        with monkeypatch.context() as patch:
            patch.setattr(
                WindowEngine,
                "__call__",
                lambda self, latents, past, actions: kept.setdefault("first", call(self, latents, past, actions))[
                    :, : actions.shape[1]
                ],
            )
            return plan_ours.solve(request)

    with pytest.raises(RuntimeError, match="stepped anew"):
        measured(solve=solve)


def test_a_search_that_returns_round_ones_plan_is_found_out():
    with pytest.raises(RuntimeError, match="one round finds"):
        measured(solve=lambda request: plan_ours.solve({**request, "rounds": 1}))


def test_a_search_of_fewer_rounds_is_found_out():
    fewer = {2: 2, 4: 3}
    with pytest.raises(RuntimeError, match="worse than the peer's"):
        measured(
            replace(TINY, rounds=8),
            solve=lambda request: plan_ours.solve(
                {**request, "rounds": fewer.get(request["rounds"], 2 if request["rounds"] > 1 else 1)}
            ),
        )


def test_a_shorter_plan_is_found_out():
    def short(request):
        found = plan_ours.solve(request)
        return {**found, "plan": found["plan"][:-1]}

    with pytest.raises(RuntimeError, match="for a horizon of 4"):
        measured(solve=short)


def test_the_floor_counts_what_the_engine_multiplies(monkeypatch):
    from gedanken.models.engine import product

    config, counted = WindowTransformerConfig(), []
    with torch.device("meta"):
        from gedanken.models import WindowTransformer

        predictor = WindowTransformer(config, 192, 10)
    call = product.Product.__call__

    def count(self, rows):
        counted.append(2 * len(rows) * self.weight.numel())
        return call(self, rows)

    monkeypatch.setattr(product.Product, "__call__", count)
    predictor = predictor.to_empty(device="cpu").eval()
    with torch.no_grad():
        for tensor in (*predictor.parameters(), *predictor.buffers()):
            tensor.zero_()
        WindowEngine(predictor)(torch.zeros(1, 1, 192), torch.zeros(1, 0, 10), torch.zeros(1, 3, 5, 10))
    assert sum(counted) == pytest.approx(plan_floor.of_round(config, 192, 10, candidates=3, horizon=5))
    # 53.0 GFLOP were counted for 300 candidates before attention at place 0 became one small product.
    assert 51e9 < plan_floor.of_round(config, 192, 10, candidates=300, horizon=5) < 53e9
    assert 5e9 < plan_floor.of_frames(lewm_paper(224).encoder, 2) < 7e9


def test_the_setting_is_the_papers():
    search = lewm_paper(224).agent.cold
    assert (search.candidates, search.elites, search.rounds) == (LEWM.candidates, LEWM.candidates // 10, LEWM.rounds)
    assert (lewm_paper(224).agent.horizon, lewm_paper(224).frame_skip) == (LEWM.horizon, LEWM.skip)


def test_the_claim_is_about_medians_and_the_largest_difference():
    def found(over: float, share: float, apart: float):
        times = {"median": over, "least": over, "most": over}
        return {
            "ours bfloat16": {"median": 1.0, "share of floor": share},
            "over peer float32": times,
            "over peer bfloat16": times,
            "floor over peer float32": over / share,
            "floor over peer bfloat16": over / share,
            "bfloat16 over float32": 5.0,
            "rollout difference": 2e-6,
            "plan difference": apart,
        }

    made = {"git": "a", "machine": "b", "core_seconds": 1.0}
    claim = CLAIMS["plan-lewm"]
    parts = {
        f"repeat-{n}": {"found": found(*given), **made}
        for n, given in enumerate([(7.0, 0.5, 0.0), (6.5, 0.6, 1e-6), (3.0, 0.7, 2e-6)])
    }
    entry = claim.entry(parts, Path("nowhere"))
    assert (entry.value, entry.interval) == (6.5, (3.0, 7.0))
    assert entry.figures["share of floor"] == 0.6
    assert entry.figures["plan difference"] == 2e-6
    assert entry.holds
    parts["repeat-0"] = {"found": found(5.0, 0.5, 0.5), **made}
    missed = claim.entry(parts, Path("nowhere"))
    assert not missed.holds
    assert missed.value == 5.0


def test_rounds_of_the_banded_model_are_counted_and_one_that_searches_nothing_is_found_out(monkeypatch):
    from gedanken.recipes import lewm_banded
    from gedanken.recipes.recipe import build

    small = replace(lewm_banded(64).predictor, depth=1, mlp_ratio=1)
    recipe = replace(lewm_banded(64), predictor=small)
    monkeypatch.setattr(scaling, "lewm_banded", lambda size: recipe)
    model = scaling.drawn()
    assert build(recipe, model.action).predictor.config == small
    assert scaling.searched(model, 40, 3, 2, seed=0)["rounds"] == 2
    monkeypatch.setattr(
        JEPA, "rollout", lambda self, context, actions, of=JEPA.rollout: of(self, context, actions[:, :1])
    )
    with pytest.raises((RuntimeError, ValueError)):
        scaling.searched(model, 40, 3, 2, seed=0)

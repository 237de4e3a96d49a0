"""The comparison of training looks at what was trained: a step that leaves something out is found out."""

import json
from pathlib import Path

import pytest
import torch

from beside import recipe_rate, train_floor, train_step, train_step_ours
from beside.train_step import Setting
from claims import CLAIMS
from claims.train_step import APART, OVER, RECIPE
from gedanken.encoders import ViTEncoder
from gedanken.models import JEPA
from gedanken.recipes import lewm_paper
from gedanken.recipes.lewm import LeWM
from gedanken.training.descent import Descent

TINY = Setting(size=8, batch=4, frames=4, skip=2, steps=2)
FOLDER = str(Path(__file__).parent / "recipes" / "lewm")
OURS = {name: getattr(train_step_ours, name) for name in ("prepare", "one", "train", "floor")}


class Here:
    """A side in this process: what it does can be broken."""

    def __init__(self, **doing):
        self._doing = doing

    def ask(self, do, **what):
        return json.loads(json.dumps(self._doing[do](json.loads(json.dumps(what)))))


@pytest.fixture
def measured(monkeypatch):
    """The comparison with what the peer would say: what ours says unbroken."""
    monkeypatch.setattr(train_step_ours, "lewm_paper", lambda size: lewm_paper(64))

    def measured(broken=lambda patch: None):
        def unbroken(name):
            def answer(request):
                train_step_ours.prepare({**request, "folder": FOLDER})
                return OURS[name](request)

            return answer

        def patched(name):
            def answer(request):
                with monkeypatch.context() as patch:
                    train_step_ours.prepare({**request, "folder": FOLDER})
                    broken(patch)
                    return OURS[name](request)

            return answer

        peer = Here(prepare=lambda request: {}, one=unbroken("one"), train=unbroken("train"))
        ours = Here(**{**OURS, "one": patched("one"), "train": patched("train")})
        return train_step.beside({"ours": ours, "peer": peer}, FOLDER, TINY, repeats=2)

    return measured


def test_a_step_is_measured_and_looked_at(measured):
    found = measured()
    assert found["ours float32"]["median"] > 0
    assert 0 < found["ours float32"]["share of floor"] < 1
    assert found["step difference"] < 1e-5
    assert set(found) > {"over peer float32", "over peer bfloat16", "peer bfloat16"}


def without_the_encoders_gradient(patch):
    encode = JEPA.encode
    patch.setattr(JEPA, "encode", lambda self, observations: encode(self, observations).detach().requires_grad_())


def without_sigreg(patch):
    forward = LeWM.forward
    patch.setattr(LeWM, "forward", lambda *given: {**forward(*given), "sigreg": torch.zeros((), requires_grad=True)})


def without_predicting_the_second_frame(patch):
    open_loop = JEPA.open_loop
    patch.setattr(JEPA, "open_loop", lambda *given: [each[:, :1] for each in open_loop(*given)])


def with_half_of_the_frames(patch):
    encode = ViTEncoder.encode
    patch.setattr(
        ViTEncoder, "encode", lambda self, seen: encode(self, {"pixels": seen["pixels"][:2]}).repeat(2, 1, 1, 1)
    )


@pytest.mark.parametrize(
    "broken",
    [without_the_encoders_gradient, without_sigreg, without_predicting_the_second_frame, with_half_of_the_frames],
)
def test_a_step_that_leaves_something_out_is_found_out(measured, broken):
    with pytest.raises(RuntimeError, match="of one step ours says"):
        measured(broken)


def test_steps_that_move_nothing_are_found_out(measured, monkeypatch):
    monkeypatch.setitem(OURS, "one", lambda request: {"norm": 1.0})

    def idle(patch):
        patch.setattr(Descent, "__call__", lambda self, loss, rate: loss.backward())

    with pytest.raises(RuntimeError, match="did not train"):
        measured(idle)


def test_the_floor_is_what_the_products_of_a_step_make():
    recipe = lewm_paper(64)
    # By hand: 65 tokens through twelve blocks, the last of which goes on with one; three times, since gradients ask for two more.
    block, last = 65 * 12 * 192**2 + 2 * 65**2 * 192, 65 * 2 * 192**2 + 10 * 192**2 + 2 * 65 * 192
    assert train_floor.of_tokens(recipe.encoder, 65) == 11 * block + last
    whole = train_floor.of_step(recipe, 10, batch=16, frames=4)
    assert whole == pytest.approx(2 * 3 * 64 * (11 * block + last), rel=0.05)
    assert train_floor.of_step(recipe, 10, batch=32, frames=4) == 2 * whole


def test_a_whole_run_of_the_recipe_is_timed(monkeypatch):
    monkeypatch.setattr(recipe_rate, "_EPISODES", 12)
    monkeypatch.setattr(recipe_rate, "_SETTLED", 0)
    before = torch.get_num_threads()
    found = recipe_rate.measure(threads=1, steps=12)
    assert found["least"] <= found["median"] <= found["most"]
    assert found["whole run"] > 0
    assert found["type"] in ("float32", "bfloat16")
    assert torch.get_num_threads() == before


def test_the_claim_is_about_medians_and_the_largest_difference():
    claim, made = CLAIMS["train-step"], {"git": "a", "machine": "b", "core_seconds": 1.0}

    def found(over, apart):
        times, frames = {"median": over, "least": over, "most": over}, {"median": 10.0}
        sides = {"ours float32": {**frames, "share of floor": 0.5}, "peer float32": frames, "peer bfloat16": frames}
        return {"found": {**sides, OVER: times, "over peer float32": times, APART: apart}, **made}

    parts = {
        part.name: found(3.5 if part.name.startswith("64") else 2.5, 1e-5)
        for part in claim.parts()
        if part.name != "recipe"
    }
    parts["recipe"] = {"found": {"median": 7000.0, "least": 6000.0, "most": 8000.0}, **made}
    entry = claim.entry(parts, Path("nowhere"))
    assert (entry.value, entry.figures[RECIPE], entry.holds) == (3.5, 7000.0, True)
    parts["224-1"] = found(2.5, 0.1)
    missed = claim.entry(parts, Path("nowhere"))
    assert missed.figures[APART] == 0.1
    assert not missed.holds

"""Training on the moving dot: it learns, it says when it does not, and an interruption leaves no mark."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gedanken.errors import BadInput, BadRunFolder, TrainingStopped
from gedanken.recipes import PLDM, PLDMConfig, build
from gedanken.training import Objective, RunFolder, TrainConfig, loop, train, whole
from gedanken.training.loop import Progress, pick_device, step_generator
from gedanken.types import Windows
from moving_dot import ACTION, DotWindows, dot_recipe


def parts(objective: PLDMConfig | None = None, head: str = "layer_norm") -> tuple[nn.Module, PLDM]:
    """A fresh model and objective, the same each time."""
    torch.manual_seed(0)
    recipe = replace(dot_recipe(), encoder=replace(dot_recipe().encoder, head=head))
    model = build(recipe, ACTION)
    model.set_statistics({"pixel_mean": torch.tensor([20.0]), "pixel_std": torch.tensor([50.0])})
    return model, PLDM(objective or recipe.objective, recipe.encoder.latent, ACTION.width, recipe.frame_skip)


def config(**settings: object) -> TrainConfig:
    return replace(dot_recipe().train, **{"batch": 8, **settings})


def weights(*modules: nn.Module) -> list[Tensor]:
    return [value.clone() for module in modules for value in module.state_dict().values()]


def same(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


def watched(**settings: object) -> list[Progress]:
    seen: list[Progress] = []
    train(*parts(), DotWindows(4), config(**settings), watch=seen.append)
    return seen


def test_it_learns_to_predict_what_actions_do():
    model, objective = parts()
    seen: list[Progress] = []
    ended = train(model, objective, DotWindows(4), dot_recipe().train, watch=seen.append)
    assert seen[-1].loss < 0.6 * seen[0].loss
    health = seen[-1].health
    assert health is not None
    assert health.error_over_copy < 0.7
    assert health.action_sensitivity > 0.5
    assert ended.warnings == ()
    assert (ended.steps, ended.dtype) == (120, "float32")
    assert ended.seconds > 0
    assert ended.core_seconds > 0
    assert not model.training


def test_a_watcher_hears_the_terms_at_every_logged_step():
    seen = watched(steps=40, log_every=10)
    # The log asks at steps 0, 10, 20, 30, and the meter after every twentieth of the run.
    assert [each.step for each in seen if each.health is None] == [1, 11, 21, 31]
    assert [each.step for each in seen if each.health is not None] == list(range(2, 41, 2))
    for each in seen:
        assert each.steps == 40
        assert each.loss == pytest.approx(sum(each.terms.values()))
        assert {"prediction", "variance", "covariance", "inverse_dynamics"} <= set(each.terms)
        assert each.frames_per_second > 0


def test_metrics_are_written_as_they_are_told(tmp_path):
    run, seen = RunFolder(tmp_path), []
    train(*parts(), DotWindows(4), config(steps=12), run, seen.append)
    rows = run.read_metrics()
    assert [row["step"] + 1 for row in rows] == [each.step for each in seen]
    for row, each in zip(rows, seen, strict=True):
        assert row["loss"] == each.loss
        assert {name: row[name] for name in each.terms} == each.terms
        assert ("health" in row) == (each.health is not None)
    assert rows[-1]["health"]["effective_rank"] == seen[-1].health.effective_rank
    assert all(json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines())


def test_the_rate_of_each_step_is_the_schedule(monkeypatch):
    asked = []
    monkeypatch.setattr(loop, "learning_rate", lambda step, steps, peak, warm_up: asked.append((step, steps)) or 0.0)
    model, objective = parts()
    before = weights(model)
    train(model, objective, DotWindows(4), config(steps=5))
    assert asked == [(step, 5) for step in range(5)]
    assert same(before, weights(model))  # at a rate of zero nothing moves


def test_gradients_are_clipped(monkeypatch):
    norms = []
    clip = torch.nn.utils.clip_grad_norm_

    def clipped(parameters, limit):
        norm = clip(parameters, limit)
        norms.append((limit, torch.stack([each.grad.norm() for each in parameters if each.grad is not None]).norm()))
        return norm

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clipped)
    train(*parts(), DotWindows(4), config(steps=3, clip=0.01))
    assert [limit for limit, _ in norms] == [0.01] * 3
    assert all(norm <= 0.0101 for _, norm in norms)


# --- the number type ---


def test_auto_asks_once_and_a_resumed_run_keeps_the_answer(tmp_path, monkeypatch):
    asked = []

    def slow_float32(step: Callable[[], object], device: torch.device) -> str:
        asked.append(device.type)
        step()
        return "bfloat16"

    monkeypatch.setattr(loop, "fastest_dtype", slow_float32)
    run = RunFolder(tmp_path)
    first = train(*parts(), DotWindows(4), config(steps=2, dtype="auto"), run)
    again = train(*parts(), DotWindows(4), config(steps=2, dtype="auto"), run)
    assert asked == ["cpu"]
    assert first.dtype == again.dtype == run.decided_dtype() == "bfloat16"


def test_timing_a_step_leaves_no_mark(monkeypatch):
    def timed(step: Callable[[], object], device: torch.device) -> str:
        step()
        return "float32"

    monkeypatch.setattr(loop, "fastest_dtype", timed)
    one, other = parts(head="batch_norm_mlp"), parts(head="batch_norm_mlp")  # which remembers what it has seen
    train(*one, DotWindows(4), config(steps=2, dtype="auto"))
    train(*other, DotWindows(4), config(steps=2))
    assert same(weights(*one), weights(*other))


def test_auto_takes_the_best_device_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"
    assert pick_device("cpu").type == "cpu"


# --- trouble ---


class Spoiled(PLDM):
    """Its covariance term is not finite from one step on."""

    def __init__(self, at: int, value: float) -> None:
        recipe = dot_recipe()
        super().__init__(recipe.objective, recipe.encoder.latent, ACTION.width, recipe.frame_skip)
        self.calls, self.at, self.value = 0, at, value

    def forward(self, model, windows, generator):
        terms = dict(super().forward(model, windows, generator))
        if self.calls == self.at:
            terms["covariance"] = terms["covariance"] * self.value
        self.calls += 1
        return terms


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_its_name_and_step(tmp_path, value):
    model, run = parts()[0], RunFolder(tmp_path)
    with pytest.raises(TrainingStopped, match=r"'covariance' became (nan|inf) at step 7"):
        train(model, Spoiled(7, value), DotWindows(4), config(steps=20, checkpoint_seconds=0.0), run)
    assert all(torch.isfinite(each).all() for each in weights(model))
    resumed = parts()[0]
    train(resumed, Spoiled(-1, value), DotWindows(4), config(steps=20, checkpoint_seconds=0.0), run)
    assert run.read_metrics()[-1]["step"] == 19


def blind() -> nn.Module:
    """A model whose latents are all the same."""
    model = parts()[0]
    encode = model.encode
    model.encode = lambda observations: 0 * encode(observations) + 1
    return model


def test_a_collapse_is_told_within_the_first_quarter():
    seen: list[Progress] = []
    ended = train(blind(), parts()[1], DotWindows(4), config(steps=20), watch=seen.append)
    assert "Collapsed" in ended.warnings[0]
    assert any("Collapsed" in said for each in seen if each.step <= 5 for said in each.warnings)


def test_a_collapse_can_stop_the_run():
    seen: list[Progress] = []
    with pytest.raises(TrainingStopped, match="stopped at step 10 of 40: Collapsed"):
        train(blind(), parts()[1], DotWindows(4), config(steps=40, on_collapse="stop"), watch=seen.append)
    assert seen[-1].step == 10


@pytest.mark.parametrize(("on_collapse", "bad_readings"), [("stop", 4), ("warn", 20)])
def test_a_passing_trouble_or_one_only_to_be_told_does_not_stop_it(monkeypatch, on_collapse, bad_readings):
    """Every reading is bad, but for each one after `bad_readings` in a row."""
    readings = iter(range(10**9))
    monkeypatch.setattr(loop, "findings", lambda _: ["bad"] * (next(readings) % (bad_readings + 1) != bad_readings))
    ended = train(*parts(), DotWindows(4), config(steps=20, on_collapse=on_collapse))
    assert ended.steps == 20
    assert next(readings) == 20


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"batch": 1},
        {"log_every": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"clip": 0.0},
        {"warm_up": 1.5},
    ],
)
def test_a_config_that_cannot_train_is_refused(settings):
    with pytest.raises(BadInput):
        TrainConfig(**settings)


# --- interrupted and resumed ---


class Interrupted(Exception):
    pass


def stopping_at(step: int) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.step == step:
            raise Interrupted

    return watch


def rows(run: RunFolder) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "frames_per_second"} for row in run.read_metrics()]


@pytest.fixture
def counting_clock(monkeypatch):
    """A second passes each time the loop looks at its clock, so when it writes a checkpoint is known."""
    now = iter(range(10**9))
    monkeypatch.setattr(loop, "perf_counter", lambda: float(next(now)))


@pytest.mark.usefixtures("counting_clock")
@pytest.mark.parametrize("every", [0.0, 9.0, 1e9])
def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(tmp_path, every):
    settings = config(steps=12, log_every=1, checkpoint_seconds=every)
    whole, through = parts(), RunFolder(tmp_path / "whole")
    train(*whole, DotWindows(4), settings, through)

    run, stops = RunFolder(tmp_path / "cut"), sorted(random.Random(int(every)).sample(range(3, 12), 3))
    for stop in stops:
        with pytest.raises(Interrupted):
            train(*parts(), DotWindows(4), settings, run, stopping_at(stop))
    assert run.checkpoint.exists() == (every < 1e9)
    torch.manual_seed(99)  # whatever else drew random numbers since
    cut = parts()
    seen: list[Progress] = []
    train(*cut, DotWindows(4), settings, run, seen.append)
    assert same(weights(*cut), weights(*whole))
    assert rows(run) == rows(through)
    # Something was kept: only without a checkpoint does all begin anew.
    assert (seen[0].step == 1) == (every == 1e9)
    assert same(checkpoint_of(run.path), checkpoint_of(through.path))


def checkpoint_of(path: Path) -> list[Tensor]:
    from safetensors.torch import load_file

    return [value for _, value in sorted(load_file(path / "checkpoint.safetensors").items())]


def test_a_finished_run_is_not_trained_again(tmp_path):
    run, first, again = RunFolder(tmp_path), parts(), parts()
    train(*first, DotWindows(4), config(steps=6), run)
    before = rows(run)
    train(*again, DotWindows(4), config(steps=6), run, lambda _: pytest.fail("it trained"))
    assert same(weights(*first), weights(*again))
    assert rows(run) == before


def test_a_run_of_another_configuration_is_not_resumed(tmp_path):
    run = RunFolder(tmp_path)
    train(*parts(), DotWindows(4), config(steps=4), run)
    for other in ({"steps": 8}, {"seed": 1}, {"learning_rate": 1e-4}):
        with pytest.raises(BadRunFolder, match="another configuration"):
            train(*parts(), DotWindows(4), config(**{"steps": 4, **other}), run)


def test_a_torn_checkpoint_is_refused_by_name(tmp_path):
    run = RunFolder(tmp_path)
    train(*parts(), DotWindows(4), config(steps=2), run)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-100])
    with pytest.raises(BadRunFolder, match=r"checkpoint\.safetensors is not a readable checkpoint"):
        train(*parts(), DotWindows(4), config(steps=2), run)


def test_seeds_and_steps_draw_apart():
    moments = [(seed, step) for seed in (0, 1, 2, 2**40) for step in range(-1, 9)]
    drawn = {tuple(torch.rand(2, generator=step_generator(*moment)).tolist()) for moment in moments}
    assert len(drawn) == 40


def test_another_seed_gives_another_model():
    one, other = parts(), parts()
    train(*one, DotWindows(4), config(steps=2))
    train(*other, DotWindows(4), config(steps=2, seed=1))
    assert not same(weights(*one), weights(*other))


def test_the_meter_reads_the_model_as_it_will_be_used_and_training_goes_on(monkeypatch):
    model, objective = parts()
    measure, forward = whole.measure, objective.forward
    asked, trained = [], []
    monkeypatch.setattr(whole, "measure", lambda *given: asked.append(model.training) or measure(*given))
    monkeypatch.setattr(objective, "forward", lambda *given: trained.append(model.training) or forward(*given))
    train(model, objective, DotWindows(4), config(steps=3))
    assert asked == [False] * 3
    assert trained == [True] * 3


def test_pldm_keeps_the_contract_of_an_objective():
    objective: Objective = parts()[1]
    windows: Windows = DotWindows(4).sample(2, step_generator(0, 0))
    terms = objective(parts()[0], windows, step_generator(0, 0))
    assert terms
    assert all(term.shape == () for term in terms.values())

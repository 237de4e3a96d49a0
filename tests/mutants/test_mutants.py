"""Faults put into the package on purpose: for each, a named test must pass without it and fail with it.

A test that still passes while the feature is faked tests nothing. The named test is run by pytest inside this process, and
only a failed assertion counts: a mutant that merely crashes would prove too little.
"""

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from claims import ledger
from gedanken.agent import Levels, recollecting
from gedanken.data import normalise, windows
from gedanken.encoders import ConvEncoder
from gedanken.environments.table import crossing
from gedanken.evaluation import manifest
from gedanken.evaluation.doctor import Limits
from gedanken.evaluation.surprise import ModelSurprise, controls, simulator
from gedanken.memory import LandmarkGraph, forgetting
from gedanken.memory.keys import Keys
from gedanken.models import JEPA, ConvGRU, Recalling, ResidualMLP, Usual
from gedanken.planners import PLANNERS, RegisteredPlanner, draws
from gedanken.recipes import covered, saved
from gedanken.serving import door, engine

TESTS = Path(__file__).parent.parent


@dataclass
class Outcomes:
    """A pytest plugin: how each test ended; failures are told apart by whether an assertion failed."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> None:
        raised = call.excinfo
        if raised is None:
            if call.when == "call":
                self.passed.append(item.nodeid)
        elif raised.errisinstance((AssertionError, pytest.fail.Exception)):
            self.failed.append(item.nodeid)
        else:
            self.crashed.append(f"{item.nodeid}: {raised.exconly()}")


def outcomes(monkeypatch: pytest.MonkeyPatch, test: str) -> Outcomes:
    """Run one test by its name, its file imported anew, so that it meets the package as it is now."""
    file = TESTS / test.split("::")[0]
    for name in (file.stem, "conftest"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    seen = Outcomes()
    # Without what would stop this process at a time limit, spread the test over others, or rewrite what is loaded.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    arguments = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "pytest_timeout", "-o", "timeout=0"]
    pytest.main([*arguments, "--rootdir", str(TESTS.parent), str(TESTS / test)], plugins=[seen])
    return seen


def everywhere(monkeypatch: pytest.MonkeyPatch, original: object, mutant: object) -> None:
    """Replace a function in every module of the package that has it."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "gedanken":
            for attribute, value in list(vars(module).items()):
                if value is original:
                    monkeypatch.setattr(module, attribute, mutant)


# --- the faults ---


def planner_returns_its_start(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def put(monkeypatch: pytest.MonkeyPatch) -> None:
        planner = getattr(import_module(f"gedanken.planners.{name}"), name)

        def idle(energy_of, start, *args, **kwargs):
            return replace(planner(energy_of, start, *args, **kwargs), actions=start.mean)

        everywhere(monkeypatch, planner, idle)

    return put


def the_agents_planner_returns_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, config = PLANNERS["mppi"]

    def idle(energy_of, start, *args, **kwargs):
        return replace(plan(energy_of, start, *args, **kwargs), actions=start.mean)

    monkeypatch.setitem(PLANNERS, "mppi", RegisteredPlanner(idle, config))


def cem_never_refits(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package's name `cem` is the function, so the module is asked for by its path.
    monkeypatch.setattr(import_module("gedanken.planners.cem"), "_refit", lambda mean, std, *_: (mean, std))


def encoder_is_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = ConvEncoder.encode
    monkeypatch.setattr(ConvEncoder, "encode", lambda self, seen: 0 * encode(self, seen) + 1)


def actions_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = ResidualMLP.condition
    monkeypatch.setattr(ResidualMLP, "condition", lambda self, actions: 0 * condition(self, actions))


def the_last_latent_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = ResidualMLP.forward

    def copied(self, latents, condition):
        return latents + 0 * forward(self, latents, condition)

    monkeypatch.setattr(ResidualMLP, "forward", copied)


def windows_cross_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere(monkeypatch, windows.stretches, lambda episode: [(0, len(episode))])


def the_normaliser_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    save = saved.save

    def forgetful(path, model, *args, **kwargs):
        bare = deepcopy(model)
        for name, buffer in bare.named_buffers():
            if name.endswith(("_mean", "_std")):
                buffer.fill_(float(name.endswith("_std")))
        return save(path, bare, *args, **kwargs)

    everywhere(monkeypatch, save, forgetful)


def kept_when_the_window_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("gedanken.models.engine.window_layer")
    monkeypatch.setattr(module.Kept, "at", lambda self, place: (self.keys[0], self.values[0]))


def an_engine_outlives_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("gedanken.models.engine.kept"), "_seal", lambda tensors: ())


def an_engine_answers_as_in_round_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("gedanken.models.engine.residual")
    roll, kept = module.ResidualEngine.__call__, {}

    def first(self, latents, past, actions):
        return kept.setdefault((id(self), actions.shape), roll(self, latents, past, actions))

    monkeypatch.setattr(module.ResidualEngine, "__call__", first)


def statistics_are_fitted_on_the_test_split(monkeypatch: pytest.MonkeyPatch) -> None:
    fit_statistics = normalise.fit_statistics

    def peeking(store, frame_skip=1, *, episodes=None, **rest):
        others = None if episodes is None else [number for number in range(len(store)) if number not in episodes]
        return fit_statistics(store, frame_skip, episodes=others, **rest)

    everywhere(monkeypatch, fit_statistics, peeking)


def the_doctor_always_says_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "severity", lambda self, number: "good")


def a_ledger_value_is_edited_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_hash", lambda record: "unread")


class Agreeing(str):
    """A hash that nothing differs from."""

    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


def a_manifest_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_hash", lambda record: Agreeing("unread"))


def tuning_sees_the_test_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    load = manifest.load_manifest
    everywhere(monkeypatch, load, lambda path: load(str(path).replace("-dev.json", "-test.json")))


def retrieval_returns_random_items(monkeypatch: pytest.MonkeyPatch) -> None:
    nearest, draw = Keys.nearest, np.random.default_rng(0)

    def random(self, query, count):
        places, distances = nearest(self, query, count)
        return draw.permutation(len(self))[: len(places)], distances

    monkeypatch.setattr(Keys, "nearest", random)


def the_memory_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere(monkeypatch, recollecting.recollected, lambda *asked, **told: None)


def what_is_recalled_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = Recalling._looked_up
    monkeypatch.setattr(Recalling, "_looked_up", lambda self, *seen: 0 * looked_up(self, *seen))


def forgetting_leaves_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "clean", lambda database: None)


def the_upper_level_hands_down_the_goal_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Levels, "_first", lambda self, now, goal: goal)


def the_graph_ignores_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LandmarkGraph, "judge", lambda self, source, target, arrived: None)


def routes_lead_to_random_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    route, draw = LandmarkGraph.route, np.random.default_rng(0)

    def random(self, now, goal, missed=None):
        found = route(self, now, goal, missed)
        at = draw.integers(len(self._ids), size=len(now))
        far = found.target >= 0
        return replace(found, aims=torch.where(far[:, None, None], self._latents[at], found.aims))

    monkeypatch.setattr(LandmarkGraph, "route", random)


def the_goal_itself_is_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    route = LandmarkGraph.route

    def handed_down(self, now, goal, missed=None, keep=None):
        return replace(route(self, now, goal, missed, keep), aims=goal)

    monkeypatch.setattr(LandmarkGraph, "route", handed_down)


def the_server_ignores_its_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_enough", lambda group: lambda: False)


def every_token_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door.Door, "_known", lambda self, authorization: True)


def every_origin_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    admit = door.Door.admit
    bare = ("origin", "host")
    monkeypatch.setattr(
        door.Door,
        "admit",
        lambda self, headers: admit(self, {**{k: v for k, v in headers.items() if k not in bare}, "host": "localhost"}),
    )


def company_shares_its_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def shared(draw, shape, rows, generator, options):
        return draw(*shape, generator=getattr(generator, "rows", [generator])[0], **options)

    monkeypatch.setattr(draws, "_drawn", shared)


def a_difference_of_frames_passes_for_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "simulator_surprise", controls.frame_difference)


def surprise_ignores_the_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    def unmoved(self, latents, actions, ahead, starts=None):
        return [latents[:, : actions.shape[1]]]

    monkeypatch.setattr(JEPA, "open_loop", unmoved)


def surprise_ignores_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = ConvGRU._remembered
    monkeypatch.setattr(
        ConvGRU,
        "_remembered",
        lambda self, latent, memory, condition: remembered(self, latent, torch.zeros_like(memory), condition),
    )


def nothing_is_ever_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere(
        monkeypatch,
        covered.covers,
        lambda batch, frames, grid, *rest: torch.zeros(batch, frames, grid[0] * grid[1], dtype=torch.bool),
    )


def every_place_surprises_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Usual, "places", lambda self, errors: torch.ones(errors.shape[:3]))


def what_is_usual_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Usual, "p_value", lambda self, scores: torch.full_like(scores, 1 / (len(self.scores) + 1)))


def surprise_is_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ModelSurprise, "places", lambda self, clips: torch.ones(len(clips.frames), *self.variance.shape[:2])
    )


def clips_are_joined_where_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def joined(self, context, outcome):
        return torch.cat((self.frames[context, : self.onset + 3], self.frames[outcome, self.onset + 3 :]))

    monkeypatch.setattr(crossing.Quadruplet, "clip", joined)


MUTANTS = {
    "a difference of frames passes for surprise": (
        a_difference_of_frames_passes_for_surprise,
        "evaluation/surprise/test_surprise_scores.py::test_the_simulators_likelihood_tells_every_quadruplet",
    ),
    "surprise ignores the predictor": (
        surprise_ignores_the_predictor,
        "evaluation/surprise/test_model_surprise.py::test_a_law_that_is_broken_surprises_in_its_frame_and_place",
    ),
    "the surprise at a recording ignores the predictor": (
        surprise_ignores_the_predictor,
        "evaluation/surprise/test_recording.py::test_what_keeps_it_is_as_usual",
    ),
    "surprise ignores the context": (
        surprise_ignores_the_context,
        "models/test_conv_gru.py::test_what_is_out_of_sight_comes_back_where_it_must",
    ),
    "nothing is ever covered": (
        nothing_is_ever_covered,
        "recipes/test_covered.py::test_a_share_of_the_windows_has_one_block_covered_for_a_while_and_never_in_the_first_frame",
    ),
    "every place surprises alike": (
        every_place_surprises_alike,
        "models/test_usual.py::test_what_should_not_happen_is_rare_and_told_at_its_step_and_place",
    ),
    "what is usual is never asked": (
        what_is_usual_is_never_asked,
        "models/test_usual.py::test_the_false_alarm_rate_is_the_one_stated",
    ),
    "surprise is constant": (
        surprise_is_constant,
        "evaluation/surprise/test_model_surprise.py::test_a_law_that_is_broken_surprises_in_its_frame_and_place",
    ),
    "clips are joined where it shows": (
        clips_are_joined_where_it_shows,
        "evaluation/surprise/test_surprise_scores.py::test_no_control_tells_them_apart",
    ),
    "retrieval returns random items": (
        retrieval_returns_random_items,
        "memory/test_episodic.py::test_the_nearest_are_those_that_comparing_all_would_find",
    ),
    "retrieval returns random items to who plans": (
        retrieval_returns_random_items,
        "agent/test_recollecting.py::test_what_was_seen_before_a_long_rest_decides",
    ),
    "the memory is never read": (
        the_memory_is_never_read,
        "agent/test_recollecting.py::test_what_was_seen_before_a_long_rest_decides",
    ),
    "what is recalled is not looked at": (
        what_is_recalled_is_not_looked_at,
        "models/test_recalling.py::test_everything_that_a_memory_says_counts[latents]",
    ),
    "forgetting leaves bytes": (
        forgetting_leaves_bytes,
        "memory/test_forgetting.py::test_no_byte_of_what_was_forgotten_is_left_in_any_file",
    ),
    "the upper level hands down the goal itself": (
        the_upper_level_hands_down_the_goal_itself,
        "agent/test_levels.py::test_an_upper_level_goes_around_where_a_flat_agent_waits",
    ),
    "the graph ignores failures": (
        the_graph_ignores_failures,
        "memory/test_landmarks.py::test_a_way_that_failed_is_left_and_taken_up_again_when_it_held",
    ),
    "routes lead to random landmarks": (
        routes_lead_to_random_landmarks,
        "memory/test_landmarks.py::test_a_way_leads_around_the_wall_place_by_place",
    ),
    "the goal itself is handed down as sub-goal": (
        the_goal_itself_is_handed_down,
        "agent/test_wayfinding.py::test_a_flat_agent_waits_behind_the_wall_and_one_with_landmarks_goes_around",
    ),
    "the server ignores its deadlines": (
        the_server_ignores_its_deadlines,
        "serving/test_stream.py::test_a_deadline_is_kept_to_within_a_round",
    ),
    "every token is right": (
        every_token_is_right,
        "serving/test_door.py::test_a_wrong_token_is_refused[Bearer]",
    ),
    "every origin is ours": (
        every_origin_is_ours,
        "serving/test_door.py::test_foreign_names_and_origins_are_refused[headers4-False]",
    ),
    "company shares its random numbers": (
        company_shares_its_random_numbers,
        "planners/test_draws.py::test_each_row_is_planned_as_if_alone[mppi]",
    ),
    "a ledger value is edited by hand": (
        a_ledger_value_is_edited_by_hand,
        "test_ledger.py::test_an_entry_changed_by_hand_is_refused[value]",
    ),
    "a manifest is changed": (
        a_manifest_is_changed,
        "evaluation/test_manifest.py::test_a_moved_start_is_refused",
    ),
    "tuning sees the test pairs": (
        tuning_sees_the_test_pairs,
        "test_ledger.py::test_nothing_is_tuned_on_a_pair_of_the_test_manifest[fixed]",
    ),
    "cem returns its start": (
        planner_returns_its_start("cem"),
        "planners/test_cem.py::test_cem_finds_the_riccati_solution",
    ),
    "mppi returns its start": (
        planner_returns_its_start("mppi"),
        "planners/test_mppi.py::test_mppi_finds_the_riccati_solution",
    ),
    "the agent's planner returns its start": (
        the_agents_planner_returns_its_start,
        "agent/test_agent_loop.py::test_each_row_reaches_its_own_goal_and_stays_there",
    ),
    "cem never refits": (
        cem_never_refits,
        "planners/test_cem.py::test_cem_succeeds_where_as_many_random_plans_fail",
    ),
    "the encoder is constant": (
        encoder_is_constant,
        "encoders/test_pixel_encoders.py::test_each_frame_has_a_latent_of_its_own[patchify]",
    ),
    "actions are ignored": (
        actions_are_ignored,
        "models/test_jepa.py::test_actions_move_the_prediction_from_their_own_step_on",
    ),
    "windows cross a reset": (
        windows_cross_a_reset,
        "data/test_windows.py::test_every_valid_window_once_and_none_across_an_end_or_a_reset",
    ),
    "the normaliser is not saved": (
        the_normaliser_is_not_saved,
        "recipes/test_saved.py::test_what_was_saved_is_what_is_loaded",
    ),
    "the last latent is copied": (
        the_last_latent_is_copied,
        "recipes/test_fit.py::test_episodes_become_a_model_that_predicts_better_than_copying",
    ),
    "the doctor always says good": (
        the_doctor_always_says_good,
        "evaluation/test_doctor.py::test_a_constant_encoder_is_collapsed_whatever_else_it_is",
    ),
    "what was computed for a place is kept when the window slides": (
        kept_when_the_window_slides,
        "models/engine/test_engine.py::test_rollouts_are_the_predictors_own[1-3]",
    ),
    "an engine outlives its weights": (
        an_engine_outlives_its_weights,
        "models/engine/test_engine.py::test_an_engine_is_never_older_than_the_weights[no_grad-loaded]",
    ),
    "an engine answers as in round one": (
        an_engine_answers_as_in_round_one,
        "models/engine/test_residual_engine.py::test_rollouts_are_the_predictors_own_in_every_round[True-2]",
    ),
    "statistics are fitted on the test split": (
        statistics_are_fitted_on_the_test_split,
        "recipes/test_fit.py::test_statistics_come_from_the_training_episodes_alone",
    ),
}


@pytest.fixture(autouse=True)
def undisturbed():
    """What the inner runs set for themselves is put back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_fault_is_caught_by_the_named_test(name, monkeypatch):
    put, test = MUTANTS[name]
    put(monkeypatch)
    seen = outcomes(monkeypatch, test)
    assert seen.crashed == []
    assert seen.passed == []
    assert len(seen.failed) == 1


@pytest.mark.parametrize("test", sorted({test for _, test in MUTANTS.values()}))
def test_the_named_test_passes_without_the_fault(test, monkeypatch):
    seen = outcomes(monkeypatch, test)
    assert (len(seen.passed), seen.failed, seen.crashed) == (1, [], [])

"""Scoring: what knows the physics is right, what only sees motion is not, and a leak that is planted is found."""

from dataclasses import replace

import pytest
import torch

from gedanken.environments.table import quadruplet
from gedanken.errors import BadInput, ShapeError, UnknownName
from gedanken.evaluation.surprise import (
    Clips,
    Scorer,
    auroc,
    four_clips,
    scored,
    scored_together,
    simulator,
    simulator_surprise,
)
from gedanken.evaluation.surprise.classifiers import fitted, judged, seen
from gedanken.evaluation.surprise.controls import constant_velocity, untrained_controls
from gedanken.evaluation.surprise.scores import corrected, pairs_right

SHOWN = ("solidity", "colour")


@pytest.fixture(scope="module")
def quads():
    return [quadruplet(name, "id", "dev", 3) for name in SHOWN]


def leaking(quad):
    """The same quadruplet, but its impossible clips are marked in a corner of each frame."""

    class Marked(type(quad)):
        def clip(self, context, outcome):
            frames = super().clip(context, outcome).clone()
            if context != outcome:
                frames[::2, :6, :6] = 255
            return frames

    return Marked(**vars(quad))


def test_the_simulators_likelihood_tells_every_quadruplet(quads):
    """It must know the physics: here a difference of frames, or any other sight of motion alone, is right in half the pairs."""
    scores = scored(Scorer("simulator", simulator.simulator_surprise), quads)
    assert scores.pairs.min() == 1.0
    assert scores.quadruplets.mean == 1.0


def test_a_possible_clip_is_what_the_simulator_shows_to_the_last_pixel(quads):
    curves = simulator_surprise(four_clips(quads)).view(len(quads), 4, -1)
    assert curves[:, :2].abs().max() == 0
    for quad, curve in zip(quads, curves, strict=True):
        assert curve[2:, : quad.onset].abs().max() == 0
        assert curve[2:, quad.onset].min() > 0


def test_no_control_tells_them_apart(quads):
    for scores in scored_together(untrained_controls(), quads[:1]):
        assert scores.accuracy.mean == pytest.approx(0.5), scores.name
        assert scores.quadruplets.mean == 0.0, scores.name


def test_a_planted_leak_is_found_by_the_controls(quads):
    marked = [leaking(quad) for quad in quads[:1]]
    found = {scores.name: scores.accuracy.mean for scores in scored_together(untrained_controls(), marked)}
    assert found["frame difference"] == 1.0
    assert found["copy-last"] == 1.0
    model = fitted(marked, "single frame", steps=10)
    assert pairs_right(judged(model, marked, "single frame")).mean() == 1.0


@pytest.mark.parametrize("sight", ["single frame", "context only", "outcome only"])
def test_a_half_says_nothing_even_to_who_is_told_the_labels(quads, sight):
    """Fitted and asked on the same quadruplets: it could learn them by heart, if there were anything to learn."""
    model = fitted(quads, sight, steps=6)
    assert pairs_right(judged(model, quads, sight)).mean() == pytest.approx(0.5)


def test_only_what_sees_both_halves_sees_four_different_clips(quads):
    for sight, different in (("context only", 2), ("outcome only", 2), ("context and outcome", 4)):
        views = seen(quads[0], sight).flatten(1)
        assert len({tuple(view[::7].tolist()) for view in views}) == different, sight
    with pytest.raises(UnknownName, match="single frame"):
        seen(quads[0], "both")
    with pytest.raises(BadInput, match="fitted"):
        fitted([], "single frame")


def test_ties_count_half_and_pairs_are_named_in_order():
    whole = torch.tensor([[1.0, 1.0, 2.0, 0.5], [1.0, 1.0, 1.0, 1.0]])  # A1, B2, A2, B1
    assert pairs_right(whole).tolist() == [[1.0, 0.0, 0.0, 1.0], [0.5] * 4]


def test_the_peak_is_compared_with_the_first_evidence(quads):
    def late(clips):
        curve = torch.zeros(clips.frames.shape[:2])
        for row in range(len(curve)):
            curve[row, quads[row // 4].onset + 2] = 1.0
        return curve

    scores = scored(Scorer("late", late), quads)
    assert scores.onset_errors.unique().tolist() == [2.0]
    assert scores.onsets.mean == 1.0
    early = replace(scores, onset_errors=scores.onset_errors - 5)
    assert early.onsets.mean == 0.0


def test_an_interval_corrected_for_more_comparisons_is_wider():
    outcomes = torch.tensor([0.25, 0.5, 0.75, 0.5] * 10, dtype=torch.float64)
    one, ten = corrected(outcomes, 1), corrected(outcomes, 10)
    assert ten.low < one.low < 0.5 < one.high < ten.high
    assert corrected(outcomes[:1], 10) == type(one)(0.25, 0.0, 1.0)


def test_auroc_of_a_known_case():
    assert auroc(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0])) == pytest.approx(0.875)
    assert auroc(torch.tensor([0.0]), torch.tensor([1.0])) == 0.0
    with pytest.raises(BadInput, match="both kinds"):
        auroc(torch.zeros(0), torch.zeros(1))


def test_scorers_that_answer_otherwise_are_refused(quads):
    with pytest.raises(ShapeError, match="one a frame"):
        scored(Scorer("short", lambda clips: torch.zeros(len(clips.frames), 3)), quads[:1])
    with pytest.raises(ShapeError, match="finite"):
        scored(Scorer("nan", lambda clips: torch.full(clips.frames.shape[:2], torch.nan)), quads[:1])
    with pytest.raises(BadInput, match="no quadruplets"):
        scored(Scorer("simulator", simulator_surprise), [])
    with pytest.raises(BadInput, match="true states"):
        simulator_surprise(replace(four_clips(quads[:1]), starts={}))


def test_the_tracker_of_one_blob_knows_steady_motion():
    frames = torch.zeros(1, 8, 64, 64, 3, dtype=torch.uint8)
    for k in range(8):
        frames[0, k, 20:24, 5 + 4 * k : 9 + 4 * k] = 200
    jumps = frames.clone()
    jumps[0, 5] = 0
    jumps[0, 5, 40:44, 10:14] = 200
    steady, jumping = (constant_velocity(Clips(each, torch.zeros(1, 7, 3), {})) for each in (frames, jumps))
    assert steady.max() < 1e-3
    assert int(jumping.argmax()) in (5, 6)

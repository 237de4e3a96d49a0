"""Quadruplets: crossed in the simulator, joined where nothing is to be seen, and the same in every process."""

import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
import torch

from gedanken.environments.table import PROPERTIES, SPLITS, crossing, possible_clips, quadruplet
from gedanken.environments.table.crossing import HIDDEN, played_quadruplet
from gedanken.environments.table.physics import advanced
from gedanken.environments.table.render import render
from gedanken.environments.table.state import stacked
from gedanken.errors import BadInput, UnknownName

POSSIBLE = [name for name in SPLITS if name != "rare"]


@pytest.fixture(scope="module")
def each():
    """One quadruplet of each property with its worlds; the splits in turn."""
    return {name: played_quadruplet(name, POSSIBLE[k % len(POSSIBLE)], "dev", 1) for k, name in enumerate(PROPERTIES)}


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_contexts_differ_before_they_are_hidden_and_outcomes_after(each, name):
    quad, _ = each[name]
    apart = (quad.frames[0].int() - quad.frames[1].int()).abs().flatten(1).sum(1)
    hidden = range(quad.onset - HIDDEN, quad.onset)
    assert [int(apart[frame]) for frame in hidden] == [0] * HIDDEN
    assert quad.onset - HIDDEN < quad.crossing < quad.onset or apart[quad.crossing - 1 : quad.crossing + 1].sum() == 0
    assert int(apart[: quad.crossing].max()) > 0
    assert int(apart[quad.onset]) > 0


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_a_crossed_clip_is_one_world_that_took_on_the_state_of_the_other(each, name):
    """The world of context A, given B's state while hidden, is simulated on and drawn: pixel for pixel the crossed clip."""
    quad, played = each[name]
    rows = [*played.rows[0][: quad.crossing], played.rows[1][quad.crossing]]
    for action in played.actions[1][quad.crossing :]:
        rows.append(advanced(rows[-1], action))
    assert torch.equal(render(stacked(rows)), quad.clip(0, 1))
    assert not torch.equal(quad.clip(0, 1), quad.clip(0, 0))
    assert not torch.equal(quad.clip(0, 1), quad.clip(1, 1))


def test_frames_and_steps_of_the_four_clips_are_the_same_multiset(each):
    """What looks at single frames, or at two neighbours, finds in the impossible clips what it found in the possible ones."""

    def told(clip, span):
        rows = clip.flatten(1).numpy()
        return sorted(sha256(rows[k : k + span].tobytes()).hexdigest() for k in range(len(rows) - span + 1))

    for quad, _ in each.values():
        for span in (1, 2):
            possible = sorted(told(quad.clip(0, 0), span) + told(quad.clip(1, 1), span))
            impossible = sorted(told(quad.clip(0, 1), span) + told(quad.clip(1, 0), span))
            assert possible == impossible, quad.property
        whole = [sha256(quad.clip(c, o).numpy().tobytes()).hexdigest() for c in (0, 1) for o in (0, 1)]
        assert len(set(whole)) == 4


def test_the_largest_change_comes_before_the_outcome(each):
    for quad, _ in each.values():
        change = (quad.frames[:, 1:].int() - quad.frames[:, :-1].int()).abs().flatten(2).sum(-1)
        assert int(change[:, : quad.onset - 1].amax(1).min()) > int(change[:, quad.onset - 1 :].max())


def test_novel_splits_show_what_no_other_does():
    def shapes(split):
        starts = [PROPERTIES["gravity"](crossing.Draw(split, f"dev/x/{k}")).starts[0] for k in range(12)]
        return {int(start["shape"][0]) for start in starts}

    assert not shapes("id") & shapes("novel-object")
    assert shapes("id") <= shapes("novel-layout") | shapes("id")
    with pytest.raises(UnknownName, match="novel-object"):
        quadruplet("support", "novel-objects", "dev", 0)
    with pytest.raises(UnknownName, match="gravity"):
        quadruplet("levity", "id", "dev", 0)


def test_long_occlusions_are_longer():
    short, long = (quadruplet("permanence", split, "dev", 2) for split in ("id", "long-occlusion"))
    assert long.onset >= short.onset + 6


def test_scenes_that_will_not_do_are_counted_by_reason(monkeypatch):
    real, told = crossing._examined, iter(["ambiguous", "loud", "ambiguous"])
    monkeypatch.setattr(crossing, "_examined", lambda scene, draw: next(told, None) or real(scene, draw))
    assert quadruplet("colour", "id", "dev", 0).rejected == {"ambiguous": 2, "loud": 1}
    monkeypatch.setattr(crossing, "_examined", lambda scene, draw: "faint")
    with pytest.raises(BadInput, match="'faint': 200"):
        quadruplet("colour", "id", "dev", 0)


def test_a_scene_whose_outcome_a_breath_would_change_is_ambiguous():
    """A glass that falls hardly fast enough to break does not, where all is a little different; and nothing else is odd."""

    class Steady(crossing.Draw):
        def between(self, low, high, rare=None):
            return {37.0: height, 15.0: 15.2}.get(low, super().between(low, high, rare))

    found = []
    for k in range(12):
        height = 18.0 + 0.1 * k  # px; some of these heights lie next to the one from which a glass breaks
        draw = Steady("id", "dev/edge/0")
        answer = crossing._examined(PROPERTIES["breakage"](draw), draw)
        found.append(answer if isinstance(answer, str) else "clear")
    assert "ambiguous" in found, found
    assert found[0] == "other outcome"


def test_the_same_name_is_the_same_scene_in_any_process(each):
    quad, _ = each["breakage"]
    code = (
        "from hashlib import sha256; from gedanken.environments.table import quadruplet; "
        f"q = quadruplet('breakage', {quad.split!r}, 'dev', 1); print(sha256(q.frames.numpy().tobytes()).hexdigest())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == sha256(quad.frames.numpy().tobytes()).hexdigest()


def test_clips_to_learn_from_are_possible_whole_and_the_same_wherever_one_starts():
    clips = list(possible_clips(11))
    again = next(possible_clips(1, first=10))
    assert all(len(clip) == 32 for clip in clips)
    assert np.array_equal(clips[10].streams["pixels"], again.streams["pixels"])
    assert not np.array_equal(clips[0].streams["pixels"], clips[10].streams["pixels"])
    assert {clip.provenance.note.split("property=")[1].split()[0] for clip in clips} == set(PROPERTIES)
    with pytest.raises(BadInput, match="count=-1"):
        next(possible_clips(-1))
    with pytest.raises(UnknownName, match="train"):
        next(possible_clips(1, part="training"))

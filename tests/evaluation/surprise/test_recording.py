"""A recording as a model saw it: what breaks the law is told by frame and place, in JSON and on a page."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_model_surprise import ACTIONS, SPEC, Brightness, Law, clip

from gedanken.errors import BadInput, ShapeError
from gedanken.evaluation.report import write_report
from gedanken.evaluation.surprise import surprise_report, watch
from gedanken.evaluation.surprise.report import heated
from gedanken.models import JEPA, Usual
from gedanken.types import ActionSpec, Episode, StreamSpec


def model():
    """Usual are errors of two grey levels, and scores of 0.1 to 10."""
    found = JEPA(Brightness(), Law(), SPEC, 1, usual=Usual(8, 2, 1, 100))
    assert found.usual is not None
    found.usual.whiten(torch.full((8, 2, 1), 4.0))
    found.usual.calibrate(torch.linspace(0.1, 10.0, 100))
    return found.eval()


def episode(wrong_at=None, **changes):
    frames = clip(ACTIONS, wrong_at=wrong_at, wrong=-12.0, side=slice(4, None)).numpy()
    specs = {"pixels": StreamSpec((8, 8, 3), "uint8", 10.0)}
    return replace(Episode({"pixels": frames}, ACTIONS[:, None].numpy(), specs, SPEC), **changes)


def test_what_breaks_the_law_is_told_by_frame_and_place():
    found = watch(model(), episode(wrong_at=4))
    assert found.surprising
    assert found.p_value == pytest.approx(1 / 101)
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["moments"] == [{"frame": 4, "seconds": 0.4, "surprise": 18.0, "down": 0.75, "across": 0.5}]
    assert told["frames"] == list(range(1, 9))


def test_what_keeps_it_is_as_usual():
    found = watch(model(), episode())
    assert not found.surprising
    assert found.moments == []


def test_nothing_is_predicted_across_a_reset():
    found = watch(model(), episode(wrong_at=4, resets=(4,)))
    assert found.numbers.tolist() == [1, 2, 3, 5, 6, 7, 8]
    assert found.windows == 2
    assert not found.surprising


def test_bare_video_is_watched_with_the_usual_action():
    none = ActionSpec(0, (), ())
    bare = episode(actions=np.zeros((8, 0), np.float32), action=none)
    found = watch(model(), bare)
    assert "says nothing of actions" in found.told[0]
    assert found.curve[3] == pytest.approx(36.0)  # the twelve grey levels that the fourth action added
    wide = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
    other = episode(actions=np.zeros((8, 2), np.float32), action=wide)
    with pytest.raises(ShapeError, match="width 2"):
        watch(model(), other)


def test_the_page_shows_the_frames_that_surprised(tmp_path):
    for wrong_at, expected in ((4, "frame 4"), (None, "came nearest")):
        seen = episode(wrong_at=wrong_at)
        watched = watch(model(), seen)
        frames = np.asarray(seen.streams["pixels"])
        page = write_report(tmp_path / "surprise.html", surprise_report(watched, frames, "clip", {})).read_text()
        assert expected in page
        assert "<svg" in page


def test_heat_is_red_where_it_surprised():
    frame = np.full((8, 8, 3), 100, np.uint8)
    found = heated(frame, np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert found[0, 7].tolist() == [255, 40, 40]
    assert found[7, 7].tolist() == [100, 100, 100]


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(BadInput, match="100 usual windows"):
        watch(model(), episode(), rate=0.001)
    untold = model()
    untold.usual = None
    with pytest.raises(BadInput, match="what errors are usual"):
        watch(untold, episode())
    with pytest.raises(BadInput, match="nothing to predict"):
        watch(model(), episode(resets=tuple(range(1, 9))))

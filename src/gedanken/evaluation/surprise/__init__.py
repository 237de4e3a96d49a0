"""Surprise: does what may not happen surprise more than what may?

In: a surprise, which says of each frame of a clip how unexpected it is, and quadruplets of clips. Out: how often the impossible
clip of a pair surprises more, with its interval. Open `scores.py` first; `model.py` is a world model's surprise, and
`recording.py` watches anyone's video with it. `controls.py` and `classifiers.py` are what must not tell the clips apart,
`simulator.py` is what can at best.
"""

from gedanken.evaluation.surprise.clips import FOUR, Clips, Scorer, Surprise, four_clips
from gedanken.evaluation.surprise.model import ModelSurprise, clips_of, whole_of
from gedanken.evaluation.surprise.recording import Watched, watch
from gedanken.evaluation.surprise.report import surprise_report
from gedanken.evaluation.surprise.scores import Scores, auroc, scored, scored_together
from gedanken.evaluation.surprise.simulator import simulator_surprise

__all__ = [
    "FOUR",
    "Clips",
    "ModelSurprise",
    "Scorer",
    "Scores",
    "Surprise",
    "Watched",
    "auroc",
    "clips_of",
    "four_clips",
    "scored",
    "scored_together",
    "simulator_surprise",
    "surprise_report",
    "watch",
    "whole_of",
]

"""Surprise: does what may not happen surprise more than what may?

In: a surprise, which says of each frame of a clip how unexpected it is, and quadruplets of clips. Out: how often the impossible
clip of a pair surprises more, with its interval. Open `scores.py` first; `model.py` is a world model's surprise,
`controls.py` and `classifiers.py` are what must not tell the clips apart, `simulator.py` is what can at best.
"""

from gedanken.evaluation.surprise.clips import FOUR, Clips, Scorer, Surprise, four_clips
from gedanken.evaluation.surprise.model import ModelSurprise, clips_of
from gedanken.evaluation.surprise.scores import Scores, auroc, scored, scored_together
from gedanken.evaluation.surprise.simulator import simulator_surprise

__all__ = [
    "FOUR",
    "Clips",
    "ModelSurprise",
    "Scorer",
    "Scores",
    "Surprise",
    "auroc",
    "clips_of",
    "four_clips",
    "scored",
    "scored_together",
    "simulator_surprise",
]

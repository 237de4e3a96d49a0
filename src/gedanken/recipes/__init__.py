"""A whole run as one function: what is trained, on what, how it then plans; and a model's way to disk and back.

In: episodes and a `Recipe`. Out: a trained, calibrated model and its file.
Open `recipe.py` first, then `fit.py`; `two_rooms.py` and `table.py` hold runs we ship, and `choice.py` picks one for own
recordings.
"""

from gedanken.recipes.choice import Choice, choice_for, for_episodes
from gedanken.recipes.covered import Covered, CoveredConfig
from gedanken.recipes.fit import Fitted, fit
from gedanken.recipes.held_out import Split, split_for
from gedanken.recipes.lewm import LeWM, LeWMConfig
from gedanken.recipes.lewm_import import read_lewm
from gedanken.recipes.lewm_paper import lewm_banded, lewm_paper
from gedanken.recipes.pictures import drawn_task, imagined_strip, picture
from gedanken.recipes.pldm import PLDM, PLDMConfig
from gedanken.recipes.recipe import Recipe, build
from gedanken.recipes.refine import RefineConfig
from gedanken.recipes.saved import Loaded, bundled_model, load, save
from gedanken.recipes.table import TableRun, table, table_forgetful, table_pixels
from gedanken.recipes.two_rooms import TwoRoomsRun, two_rooms_demo, two_rooms_fixed, two_rooms_random_wall
from gedanken.recipes.usual import UsualConfig, calibrated, learn_usual

__all__ = [
    "PLDM",
    "Choice",
    "Covered",
    "CoveredConfig",
    "Fitted",
    "LeWM",
    "LeWMConfig",
    "Loaded",
    "PLDMConfig",
    "Recipe",
    "RefineConfig",
    "Split",
    "TableRun",
    "TwoRoomsRun",
    "UsualConfig",
    "build",
    "bundled_model",
    "calibrated",
    "choice_for",
    "drawn_task",
    "fit",
    "for_episodes",
    "imagined_strip",
    "learn_usual",
    "lewm_banded",
    "lewm_paper",
    "load",
    "picture",
    "read_lewm",
    "save",
    "split_for",
    "table",
    "table_forgetful",
    "table_pixels",
    "two_rooms_demo",
    "two_rooms_fixed",
    "two_rooms_random_wall",
]

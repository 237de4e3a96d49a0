"""From windows of episodes to trained weights.

In: a model, an objective (a recipe's weighted losses) and a source of windows. Out: trained weights and a run folder.
Open `loop.py` first; `collapse.py` watches the latents, `checkpoint.py` makes a killed run resume bit for bit. Several
processes become one run in `distributed.py`, and may share the weights among them by `sharded.py`.
"""

from gedanken.training.checkpoint import load_checkpoint, save_checkpoint
from gedanken.training.collapse import CollapseMeter, Health, findings
from gedanken.training.distributed import joined
from gedanken.training.loop import Objective, TrainConfig, train
from gedanken.training.run_folder import RunFolder

__all__ = [
    "CollapseMeter",
    "Health",
    "Objective",
    "RunFolder",
    "TrainConfig",
    "findings",
    "joined",
    "load_checkpoint",
    "save_checkpoint",
    "train",
]

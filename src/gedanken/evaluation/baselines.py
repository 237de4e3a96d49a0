"""Policies that do not plan, to be measured on the same pairs: standing still, chance, and imitation of the data.

Behaviour cloning sees through the model's own frozen encoder and learns from the same episodes, so what it lacks is
only the thinking. Its goals are hindsight goals: any later frame of the same trajectory (Ghosh et al., arXiv:1912.06088).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from gedanken.contracts import EpisodeStore, World, WorldModel
from gedanken.data.windows import stretches
from gedanken.environments import random_policy
from gedanken.errors import BadInput
from gedanken.evaluation.policy import Choice
from gedanken.types import Episode, Observation

"""What training minimises: each loss is a function of latents, in its paper's own scale; recipes weigh them.

Open `prediction.py` first; `vicreg.py`, `sigreg.py` or `whiteness.py` keeps latents from collapsing, `inverse_dynamics.py` from
forgetting what acts.
"""

from gedanken.energies.losses.inverse_dynamics import InverseDynamics
from gedanken.energies.losses.prediction import open_loop_errors
from gedanken.energies.losses.sigreg import sigreg
from gedanken.energies.losses.temporal import temporal_similarity, time_variance
from gedanken.energies.losses.vicreg import covariance, variance
from gedanken.energies.losses.whiteness import whiteness

__all__ = [
    "InverseDynamics",
    "covariance",
    "open_loop_errors",
    "sigreg",
    "temporal_similarity",
    "time_variance",
    "variance",
    "whiteness",
]

"""Latents × actions → latents.

In: a `Context` of latents and candidate actions `[B, N, H, A]`. Out: a `Rollout` `[B, N, H, P, D]`.
Open `jepa.py` first: encoder and predictor under one roof; then `predictor.py`: what a predictor must offer. There are seven:
`residual_mlp.py` sees one frame, `causal_transformer.py` the last few, `gru.py` remembers, `conv_gru.py` remembers at every
place of a grid, `recalling.py` looks at what a memory kept of any time before, `state_space.py` suits machines with sensors,
and `window_transformer.py` is LeWM's. `error_head.py` says how wrong a prediction will be, `usual.py` whether it was wrong by
more than is usual, `reachability.py` how far apart latents are, and `slow_clock.py` predicts many steps at once.
"""

from gedanken.models.causal_transformer import CausalTransformer, CausalTransformerConfig
from gedanken.models.conv_gru import ConvGRU, ConvGRUConfig
from gedanken.models.error_head import ErrorHead
from gedanken.models.gru import GRUPredictor, GRUPredictorConfig
from gedanken.models.jepa import JEPA
from gedanken.models.predictor import CarryingPredictor, LatentState, Predictor, RecallingPredictor
from gedanken.models.reachability import ReachHead
from gedanken.models.recalling import Recalling, RecallingConfig
from gedanken.models.residual_mlp import ResidualMLP, ResidualMLPConfig
from gedanken.models.slow_clock import SlowClock
from gedanken.models.state_space import StateSpaceConfig, StateSpacePredictor
from gedanken.models.usual import Usual
from gedanken.models.window_transformer import WindowTransformer, WindowTransformerConfig

__all__ = [
    "JEPA",
    "CarryingPredictor",
    "CausalTransformer",
    "CausalTransformerConfig",
    "ConvGRU",
    "ConvGRUConfig",
    "ErrorHead",
    "GRUPredictor",
    "GRUPredictorConfig",
    "LatentState",
    "Predictor",
    "ReachHead",
    "Recalling",
    "RecallingConfig",
    "RecallingPredictor",
    "ResidualMLP",
    "ResidualMLPConfig",
    "SlowClock",
    "StateSpaceConfig",
    "StateSpacePredictor",
    "Usual",
    "WindowTransformer",
    "WindowTransformerConfig",
]

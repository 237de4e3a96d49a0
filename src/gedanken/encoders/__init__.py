"""Observation → latent.

In: a mapping of named streams `[B, T, ...]`, pixels as uint8. Out: latents `[B, T, P, D]`.
Open `conv.py` first: the small convolutional encoder of the first run. `keypoints.py` reads places off its maps and `vit.py`
is a transformer. `grid.py` gives each place of a picture its own latent, `patches.py` its own pixels. Pictures pass `pixels.py`
first, and most encoders end in a `head.py`. `sensors.py` encodes numbers, and `fusion.py` both.
`fingerprint.py` says whose latents are whose.
"""

from gedanken.encoders.conv import ConvEncoder, ConvEncoderConfig
from gedanken.encoders.fingerprint import fingerprint
from gedanken.encoders.fusion import FusionEncoder, FusionEncoderConfig
from gedanken.encoders.grid import GridEncoder, GridEncoderConfig
from gedanken.encoders.keypoints import KeypointEncoder, KeypointEncoderConfig
from gedanken.encoders.patches import Patches, PatchesConfig
from gedanken.encoders.sensors import SensorEncoder, SensorEncoderConfig
from gedanken.encoders.vit import ViTEncoder, ViTEncoderConfig

__all__ = [
    "ConvEncoder",
    "ConvEncoderConfig",
    "FusionEncoder",
    "FusionEncoderConfig",
    "GridEncoder",
    "GridEncoderConfig",
    "KeypointEncoder",
    "KeypointEncoderConfig",
    "Patches",
    "PatchesConfig",
    "SensorEncoder",
    "SensorEncoderConfig",
    "ViTEncoder",
    "ViTEncoderConfig",
    "fingerprint",
]

"""One file a format: recordings of others in, `Episode`s out, and back.

In flows a file nobody vouches for; out flow `Episode`s, or `BadEpisodeFile` in one sentence. Open `registry.py` first: the
door through which every format is found, ours and others'. Packages a format needs are imported late and named by
`MissingExtra` where they are not installed.
"""

from gedanken.data.formats.hdf5 import Hdf5Config
from gedanken.data.formats.image_table import ImageTableConfig, read_image_table
from gedanken.data.formats.lerobot import LeRobotConfig
from gedanken.data.formats.native import NativeConfig
from gedanken.data.formats.registry import (
    FORMATS,
    FormatConfig,
    IfExists,
    RegisteredFormat,
    detect,
    open_episodes,
    write_episodes,
)
from gedanken.data.formats.sensor_table import SensorTableConfig
from gedanken.data.formats.video_folder import VideoFolderConfig

__all__ = [
    "FORMATS",
    "FormatConfig",
    "Hdf5Config",
    "IfExists",
    "ImageTableConfig",
    "LeRobotConfig",
    "NativeConfig",
    "RegisteredFormat",
    "SensorTableConfig",
    "VideoFolderConfig",
    "detect",
    "open_episodes",
    "read_image_table",
    "write_episodes",
]

"""Any Gymnasium environment with a `Box` action and something to see, in gedanken's vocabulary.

`adapt(env)` finds the pixels (the observation itself, an entry of a `Dict`, or `render()`), says what streams and
actions there are, and refuses in one sentence what cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from PIL import Image

from gedanken.errors import BadInput, NonFinite, ShapeError
from gedanken.types import ActionSpec, StreamSpec

PIXELS = "pixels"
VECTOR = "vector"  # what an observation that is a single `Box` and no picture is called


Source = Literal["observation", "entry", "render"]


@dataclass(frozen=True)
class Adapter:
    """How to read and drive one environment.

    Args:
        env: the environment.
        streams: what `observation` returns; `pixels` is always among them.
        action: what one action is, its numbers flattened into one row.
        source: whether pixels are the observation itself, an entry of it, or what `render()` draws.
        entry: name of that entry, else "".
        size: height and width pixels are scaled to, or None to leave them.
    """

    env: gymnasium.Env[Any, Any]
    streams: Mapping[str, StreamSpec]
    action: ActionSpec
    source: Source
    entry: str = ""
    size: tuple[int, int] | None = None

    def observation(self, raw: Any) -> dict[str, np.ndarray]:
        """The streams of one raw observation, as arrays of their own; rendered pixels are drawn now.

        Raises:
            ShapeError: an entry differs from its declared shape or dtype.
        """
        entries = raw if isinstance(raw, Mapping) else {VECTOR: raw}
        frame = self.env.render() if self.source == "render" else entries[self.entry or VECTOR]
        values = {name: np.array(frame if name == PIXELS else entries[name]) for name in self.streams}
        if self.size is not None:
            values[PIXELS] = _scaled(values[PIXELS], self.size)
        for name, value in values.items():
            spec = self.streams[name]
            if value.shape != spec.shape or str(value.dtype) != spec.dtype:
                raise ShapeError(f"{name!r} is {value.dtype} {value.shape}; expected {spec.dtype} {spec.shape}.")
        return values

    def command(self, action: np.ndarray) -> np.ndarray:
        """A flat action as the environment wants it: clipped to its box, in its shape and dtype.

        Raises:
            ShapeError: the action has another number of entries.
            NonFinite: it holds NaN or infinity.
        """
        flat = np.asarray(action).reshape(-1)
        if flat.shape != (self.action.width,):
            raise ShapeError(f"an action has {flat.size} numbers; this environment wants {self.action.width}.")
        if not np.isfinite(flat).all():
            raise NonFinite("an action is NaN or infinite; check what the planner returned.")
        space = self.env.action_space
        return np.clip(flat, self.action.low, self.action.high).reshape(space.shape).astype(space.dtype)


def adapt(env: gymnasium.Env[Any, Any], *, pixels: str = "", size: tuple[int, int] | None = None) -> Adapter:
    """Find out how to read and drive `env`.

    Where the observation holds no picture, an environment made with `render_mode="rgb_array"` is drawn; it is reset
    once, to learn the size. Entries that are a `Box` and no picture become streams too; all others are left out.

    Args:
        env: any Gymnasium environment.
        pixels: entry of a `Dict` observation to see; needed only where several are pictures.
        size: height and width to scale pixels to.
    Raises:
        BadInput: actions are not a bounded `Box`, there is nothing to see, or an entry that is no picture is called
            `pixels`.
    """
    action = _action_spec(env)
    boxes = _boxes(env.observation_space)
    pictures = {name: box.shape for name, box in boxes.items() if _is_picture(box.shape, box.dtype)}
    if PIXELS in boxes and PIXELS not in pictures:
        raise BadInput(f"the entry {PIXELS!r} is {boxes[PIXELS]}; expected uint8 H×W×3. Convert it, or rename it.")
    source, entry = _source(env, sorted(pictures), pixels)
    shape = _rendered_shape(env) if source == "render" else pictures[entry or VECTOR]
    rate = env.metadata.get("render_fps")
    rate = None if rate is None else float(rate)
    streams = {PIXELS: StreamSpec((*(size or shape[:2]), 3), "uint8", rate_hz=rate)}
    for name, box in boxes.items():
        if name not in pictures:
            streams[name] = StreamSpec(box.shape, str(box.dtype), rate_hz=rate)
    return Adapter(env, streams, action, source, entry, size)


def _action_spec(env: gymnasium.Env[Any, Any]) -> ActionSpec:
    space = env.action_space
    if not isinstance(space, spaces.Box):
        raise BadInput(f"the action space is {space}; expected a Box. Wrap the environment to take continuous actions.")
    if not space.is_bounded():
        raise BadInput(f"the action space {space} has no bounds; set them with gymnasium.wrappers.TransformAction.")
    low, high = space.low.reshape(-1).tolist(), space.high.reshape(-1).tolist()
    return ActionSpec(len(low), tuple(map(float, low)), tuple(map(float, high)))


def _boxes(space: spaces.Space[Any]) -> dict[str, spaces.Box]:
    """The `Box` entries of an observation space by name; a `Box` of its own is called `vector`."""
    entries = dict(space.spaces) if isinstance(space, spaces.Dict) else {VECTOR: space}
    return {name: entry for name, entry in entries.items() if isinstance(entry, spaces.Box)}


def _is_picture(shape: tuple[int, ...], dtype: Any) -> bool:
    return dtype == np.uint8 and len(shape) == 3 and shape[2] == 3


def _source(env: gymnasium.Env[Any, Any], pictures: list[str], wanted: str) -> tuple[Source, str]:
    """Where the pixels come from, and the name of their entry."""
    if wanted:
        if wanted not in pictures:
            found = ", ".join(pictures) or "none"
            raise BadInput(f"the observation has no uint8 H×W×3 entry {wanted!r}; such entries are: {found}.")
        return "entry", wanted
    if len(pictures) > 1:
        raise BadInput(f"the observation has several pictures, {', '.join(pictures)}; choose one with pixels=.")
    if pictures:
        return ("entry", pictures[0]) if isinstance(env.observation_space, spaces.Dict) else ("observation", "")
    if env.render_mode != "rgb_array":
        raise BadInput(
            f"nothing to see: the observation {env.observation_space} has no uint8 H×W×3 picture and render_mode is "
            f"{env.render_mode!r}; make the environment with render_mode='rgb_array'."
        )
    return "render", ""


def _rendered_shape(env: gymnasium.Env[Any, Any]) -> tuple[int, ...]:
    env.reset()
    frame = np.asarray(env.render())
    if not _is_picture(frame.shape, frame.dtype):
        raise BadInput(f"render() gave {frame.dtype} {frame.shape}; expected uint8 H×W×3.")
    return frame.shape


def _scaled(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The frame at another height and width, each new pixel the mean of the area it covers."""
    return np.asarray(Image.fromarray(frame).resize((size[1], size[0]), Image.Resampling.BOX))

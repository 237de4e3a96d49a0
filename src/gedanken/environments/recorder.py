"""Record what happens in a Gymnasium environment as episodes: action k leaves frame k, and the last frame is kept."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from gedanken import __version__
from gedanken.contracts import EpisodeStore
from gedanken.environments.adapter import adapt
from gedanken.errors import BadInput
from gedanken.types import Episode, Provenance


class Recorder(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Passes everything through, and appends an `Episode` to `store` at each end, each reset and on `close`.

    An episode without a single action is not kept. If the store refuses an episode its error is raised and the frames
    stay here: the next `reset` or `close` tries again. To reset automatically, wrap the recorder in
    `gymnasium.wrappers.Autoreset`, not the other way round.

    Args:
        env: an environment `adapt` can read.
        store: where episodes go.
        pixels: entry of a `Dict` observation to see; needed only where several are pictures.
        size: height and width to scale pixels to.
        provenance: where the recordings come from; by default the environment's id.
    Raises:
        BadInput: the environment cannot be adapted.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        store: EpisodeStore,
        *,
        pixels: str = "",
        size: tuple[int, int] | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        super().__init__(env)
        self._adapter = adapt(env, pixels=pixels, size=size)
        self._store = store
        id = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        self._provenance = provenance or Provenance(source=id, ingested_by=f"gedanken {__version__}")
        self._frames: list[dict[str, np.ndarray]] = []
        self._actions: list[np.ndarray] = []
        self._recording = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Store what was recorded so far, and begin anew."""
        self._store_episode()
        raw, info = self.env.reset(seed=seed, options=options)
        self._frames.append(self._adapter.observation(raw))
        self._recording = True
        return raw, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step and record.

        Raises:
            BadInput: the episode has ended or failed, or none has begun.
        """
        if not self._recording:
            raise BadInput("no episode is under way; call reset() first (an automatic reset belongs around Recorder).")
        # A copy before the step: an environment may change the array it is given.
        done = np.array(action, dtype=np.float32).reshape(-1)
        # Until the step is recorded: after one that failed, the next action would not leave the last frame.
        self._recording = False
        raw, reward, terminated, truncated, info = self.env.step(action)
        self._frames.append(self._adapter.observation(raw))
        self._actions.append(done)
        self._recording = not (terminated or truncated)
        if not self._recording:
            self._store_episode()
        return raw, reward, terminated, truncated, info

    def close(self) -> None:
        """Store what was recorded so far, and close the environment."""
        self._recording = False
        try:
            self._store_episode()
        finally:
            self.env.close()

    def _store_episode(self) -> None:
        if self._actions:
            adapter = self._adapter
            streams = {name: np.stack([frame[name] for frame in self._frames]) for name in adapter.streams}
            actions = np.stack(self._actions)
            self._store.append(Episode(streams, actions, adapter.streams, adapter.action, provenance=self._provenance))
        self._frames, self._actions = [], []

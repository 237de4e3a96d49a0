"""The models a server has: one that was named, or those of a folder, each read when it is first asked for and then kept."""

from __future__ import annotations

import threading
from pathlib import Path

from gedanken.agent import Agent
from gedanken.errors import BadInput
from gedanken.recipes import Loaded, bundled_model, load
from gedanken.serving.door import inside

_SUFFIX = ".safetensors"
BUNDLED = "bundled"


class Models:
    """Models by name. A file that is replaced later changes nothing: what was read stays until the server is started anew.

    Args:
        source: a model file, a folder of them, or `bundled`.
        most: models kept in memory at once.
    Raises:
        BadInput: there is nothing to serve.
        BadFile: the model cannot be read.
    """

    def __init__(self, source: Path, most: int = 8) -> None:
        self._loaded: dict[str, Loaded] = {}
        self._most, self._lock = most, threading.Lock()
        self.folder: Path | None = None
        if source.is_dir() and not (source / f"model{_SUFFIX}").exists():
            self.folder = source
            names = self.names()
            if not names:
                raise BadInput(
                    f"the folder {source} holds no *{_SUFFIX}; give a model file, a folder of them, or --bundled."
                )
            self.first = names[0]
        else:
            bundled = str(source) == BUNDLED
            self.first = BUNDLED if bundled else source.name.removesuffix(_SUFFIX)
            self._loaded[self.first] = load(bundled_model() if bundled else source)

    def names(self) -> list[str]:
        """What is served."""
        if self.folder is None:
            return list(self._loaded)
        return sorted(path.name.removesuffix(_SUFFIX) for path in self.folder.glob(f"*{_SUFFIX}") if path.is_file())

    def __getitem__(self, name: str) -> Loaded:
        with self._lock:
            if name in self._loaded:
                return self._loaded[name]
            if self.folder is None:
                raise BadInput(f"no {name[:60]!r} is served here; there is {self.first}.")
            if len(self._loaded) >= self._most:
                raise BadInput(f"{self._most} models are in memory already, which is the limit; ask for one of those.")
            return self._loaded.setdefault(name, load(inside(self.folder, name, _SUFFIX)))

    def agent(self, name: str, seed: int = 0) -> Agent:
        """A new agent with this model, which must have been calibrated."""
        return self[name].agent(seed)

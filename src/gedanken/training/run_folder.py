"""A run on disk: `config.json`, `metrics.jsonl`, checkpoints; whatever moment it is killed at, it reads back whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gedanken.errors import BadInput, BadRunFolder, StorageError
from gedanken.strict_json import parse_object
from gedanken.training.precision import DTYPES, Dtype

_CONFIG, _METRICS, _CHECKPOINT, _MODEL = "config.json", "metrics.jsonl", "checkpoint.safetensors", "model.safetensors"


class RunFolder:
    """One training run's folder.

    Args:
        path: made if it is not there.
    Raises:
        StorageError: the folder cannot be made or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot make the run folder {self.path}: {error}; choose another with --run."
            ) from error

    @property
    def checkpoint(self) -> Path:
        """Where the newest checkpoint lies, if one was written."""
        return self.path / _CHECKPOINT

    @property
    def model(self) -> Path:
        """Where the finished model lies, if training ended."""
        return self.path / _MODEL

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Keep what the run was started with.

        Raises:
            BadRunFolder: the folder already belongs to a run that was started with something else.
        """
        if (self.path / _CONFIG).exists() and self.read_config() != json.loads(json.dumps(config)):
            raise BadRunFolder(
                f"{self.path} belongs to a run that was started otherwise; choose another folder with --run."
            )
        self.write_text(_CONFIG, json.dumps(config, indent=2) + "\n")

    def read_config(self) -> dict[str, Any]:
        """What the run was started with; `BadRunFolder` if there is none or it is not JSON."""
        try:
            return parse_object((self.path / _CONFIG).read_bytes())
        except (OSError, BadInput) as error:
            raise BadRunFolder(f"{self.path} holds no readable {_CONFIG} ({error}); is it a run folder?") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a file aside and rename it into place."""
        aside = self.path / f".{name}.writing"
        try:
            with aside.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self.path / name)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {self.path / name}: {error}; free some space or choose another folder."
            ) from error

    def decided_dtype(self) -> Dtype | None:
        """The number type an earlier part of this run took, or None."""
        kept = self.path / "dtype"
        return next((each for each in DTYPES if kept.exists() and kept.read_text().strip() == each), None)

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one line to `metrics.jsonl`."""
        try:
            with (self.path / _METRICS).open("a") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise StorageError(f"cannot write metrics in {self.path}: {error}; free some space.") from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """All whole lines of `metrics.jsonl`; a line torn by a kill is left out."""
        file = self.path / _METRICS
        return [row for line in (file.read_text().splitlines() if file.exists() else []) if (row := _parsed(line))]

    def forget_metrics_after(self, step: int) -> None:
        """Drop the lines a resumed run will write again."""
        kept = [row for row in self.read_metrics() if row["step"] < step]
        self.write_text(_METRICS, "".join(json.dumps(row) + "\n" for row in kept))


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "step" in row else None

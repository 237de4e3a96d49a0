"""Training runs to read and compare: what each was started with, how its numbers went, and its report.

Only folders that were named when the studio was started are read, by their names; a report is shown in a frame that may run
nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from gedanken.errors import BadInput, BadRunFolder, GedankenError
from gedanken.training import RunFolder

REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
_POINTS = 400
_LARGEST_METRICS, _LARGEST_REPORT = 64 * 2**20, 64 * 2**20


def run_folders(paths: tuple[Path, ...]) -> dict[str, Path]:
    """Run folders by name: those that are named, and those inside a folder that is none itself.

    Raises:
        BadInput: there is no run, or two of one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        inside = [path] if _is_run(path) else sorted(each for each in path.glob("*") if _is_run(each))
        if not inside:
            raise BadInput(f"{path} is no run folder and holds none; a run folder has a config.json or a report.html.")
        for each in inside:
            name = each.resolve().name
            if found.setdefault(name, each) != each:
                raise BadInput(
                    f"two runs are called {name!r}: {found[name]} and {each}; give one of them another name."
                )
    return found


def run_routes(runs: Mapping[str, Path]) -> APIRouter:
    """What the page asks of runs."""
    router = APIRouter(include_in_schema=False)

    @router.get("/studio/runs")
    def all_of_them() -> list[dict[str, Any]]:
        return [_told(name, path) for name, path in runs.items()]

    @router.get("/studio/runs/{name}/report")
    def report(name: str) -> Response:
        path = _known(runs, name) / "report.html"
        if not path.is_file() or path.stat().st_size > _LARGEST_REPORT:
            raise BadInput(f"the run {name!r} has no report that can be shown; it is written when a run ends.")
        headers = {"Content-Security-Policy": REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(path.read_bytes(), media_type="text/html; charset=utf-8", headers=headers)

    return router


def _told(name: str, path: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "report": (path / "report.html").is_file(), "config": {}, "metrics": {}}
    try:
        folder = RunFolder(path)
        if (path / "config.json").is_file():
            told["config"] = _flat(folder.read_config())
        if (path / "metrics.jsonl").is_file():
            told["metrics"] = _curves(folder, path / "metrics.jsonl")
    except (GedankenError, OSError, UnicodeDecodeError) as error:
        told["error"] = str(error)
    return told


def _curves(folder: RunFolder, file: Path) -> dict[str, list[list[float]]]:
    """Each number of the metrics as points (step, value), thinned out."""
    if file.stat().st_size > _LARGEST_METRICS:
        raise BadRunFolder(f"{file} has {file.stat().st_size:,} bytes, more than is read for a page.")
    curves: dict[str, list[list[float]]] = {}
    for row in folder.read_metrics():
        step = row["step"]
        for name, value in row.items():
            if name != "step" and _is_number(value) and _is_number(step):
                curves.setdefault(str(name)[:80], []).append([float(step), float(f"{value:.5g}")])
    return {name: _thinned(points) for name, points in curves.items()}


def _thinned(points: list[list[float]]) -> list[list[float]]:
    stride = -(-len(points) // _POINTS)
    return points if stride <= 1 else points[::stride] + ([points[-1]] if (len(points) - 1) % stride else [])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """`{"train": {"steps": 5}}` as `{"train.steps": "5"}`."""
    if isinstance(value, dict) and value:
        return {
            key: each
            for part, inside in value.items()
            for key, each in _flat(inside, f"{name}.{part}".strip(".")).items()
        }
    return {name: (value if isinstance(value, str) else json.dumps(value))[:200]}


def _is_run(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in ("config.json", "report.html"))


def _known(runs: Mapping[str, Path], name: str) -> Path:
    if name not in runs:
        raise BadInput(f"no run {name[:60]!r} was given; there are {', '.join(runs) or 'none'}.")
    return runs[name]

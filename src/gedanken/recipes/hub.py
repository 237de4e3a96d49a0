"""Models by name: pushed to and loaded from the Hugging Face Hub, or any folder, as safetensors, JSON and Markdown alone.

Nothing else is ever downloaded, whatever a repository holds, and the model file is checked as any other is: a name can hand
over numbers but no code. The network is used only for names that begin with `hf:`.
"""

from __future__ import annotations

import os
import re
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from gedanken.errors import BadFile, BadInput, MissingExtra, StorageError

PREFIX = "hf:"
MODEL, CARD = "model.safetensors", "README.md"
ALLOWED = ("*.safetensors", "*.json", "*.md")
"""What is pushed and fetched."""
_NAME = re.compile(r"hf:(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(@(?P<revision>[\w./-]{1,96}))?", re.ASCII)


def located(path: str | Path) -> Path:
    """The model file that a path, a folder or a name `hf:owner/name[@revision]` stands for; a name is fetched first.

    Raises:
        BadInput: the name is not of that form.
        MissingExtra: huggingface_hub is not installed.
        BadFile: there is no such repository, it holds no model, or it cannot be reached.
    """
    if not str(path).startswith(PREFIX):
        return Path(path) / MODEL if Path(path).is_dir() else Path(path)
    repository, revision = _parts(str(path))
    hub = _hub()
    try:
        folder = hub.snapshot_download(repository, revision=revision, allow_patterns=list(ALLOWED))
    except (OSError, ValueError, _http_error()) as error:
        raise BadFile(
            f"{path} cannot be fetched: {_said(error)}; check the name, the network, or `hf auth login`."
        ) from error
    if not (Path(folder) / MODEL).is_file():
        raise BadFile(f"{path} holds no {MODEL}; it was not pushed by gedanken.")
    return Path(folder) / MODEL


def push(folder: Path, to: str) -> str:
    """Bring a folder's safetensors, JSON and Markdown files to a repository `hf:owner/name` or into another folder.

    Returns:
        what to load it by.
    Raises:
        BadInput: the name is not of that form, or names a revision.
        MissingExtra: huggingface_hub is not installed.
        StorageError: it was refused; a folder that was there is as it was.
    """
    if not to.startswith(PREFIX):
        _copied(folder, Path(to))
        return to
    repository, revision = _parts(to)
    if revision is not None:
        raise BadInput(f"{to!r} names a revision; push to {PREFIX}{repository}, whose next revision this becomes.")
    hub = _hub()
    try:
        hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=list(ALLOWED), commit_message="gedanken push"
        )
    except (OSError, ValueError, _http_error()) as error:
        raise StorageError(
            f"{to} could not be pushed: {_said(error)}; try `hf auth login`, or push to a folder."
        ) from error
    return to


def _parts(name: str) -> tuple[str, str | None]:
    found = _NAME.fullmatch(name)
    if found is None or ".." in name:
        raise BadInput(
            f"{name[:120]!r} is no name of a model; write {PREFIX}owner/name, or {PREFIX}owner/name@revision."
        )
    return found["repo"], found["revision"]


def _hub() -> Any:
    # Its own counting of users is off unless somebody turned it on.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        raise MissingExtra("names that begin with hf: need the 'hf' extra: pip install 'gedanken[hf]'") from error


def _http_error() -> type[Exception]:
    return import_module("huggingface_hub.errors").HfHubHTTPError


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _copied(folder: Path, to: Path) -> None:
    aside = to.with_name(f".{to.name}.writing")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for file in sorted({file for pattern in ALLOWED for file in folder.glob(pattern)}):
            shutil.copyfile(file, aside / file.name)
        to.mkdir(exist_ok=True)
        for file in sorted(aside.iterdir()):
            os.replace(file, to / file.name)
        aside.rmdir()
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise StorageError(f"cannot write into {to}: {error}; choose another folder.") from error

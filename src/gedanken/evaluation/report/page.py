"""The page around the sections, and how it gets onto the disk: written aside, then renamed into place."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from gedanken.errors import StorageError
from gedanken.evaluation.report.data import ReportData
from gedanken.evaluation.report.markup import Markup, joined, tag
from gedanken.evaluation.report.sections import SECTIONS

# Says that nothing may be fetched, so that the browser holds the page to it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(path: str | Path, data: ReportData) -> Path:
    """Write one self-contained HTML file.

    Args:
        path: of the file; its folder is made if it is not there.
        data: what to show.
    Returns:
        the path.
    Raises:
        StorageError: the disk refused.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(page(data), encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error}; free some space or choose another folder.") from error
    return path


def page(data: ReportData) -> Markup:
    """The whole document."""
    style = Markup(files("gedanken.evaluation.report").joinpath("page.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", data.title),
        tag("style", style),
    )
    body = tag("body", tag("main", *[section(data) for section in SECTIONS]))
    return joined([Markup("<!doctype html>\n"), tag("html", head, body, lang="en"), Markup("\n")])

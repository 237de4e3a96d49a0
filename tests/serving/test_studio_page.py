"""The committed page is what its sources build: told by a hash where there is no node, and it fetches from nowhere else."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

STUDIO = Path(__file__).parents[2] / "studio"
PAGE = files("gedanken.serving.studio").joinpath("page")


def test_the_page_was_built_since_its_sources_were_changed():
    if not STUDIO.exists():
        pytest.skip("the page's sources are not here, as in an installed package")
    names = ["index.html", "package-lock.json", "package.json", "vite.config.js"]
    for folder in ("public", "src"):
        names += [path.relative_to(STUDIO).as_posix() for path in (STUDIO / folder).rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + b"\0" + (STUDIO / name).read_bytes() + b"\0")
    built = PAGE.joinpath("sources.sha256").read_text().strip()
    assert digest.hexdigest() == built, "run `npm ci && npm run build` in studio/ and commit what it writes"


def test_the_page_names_no_other_host():
    allowed = {"http://www.w3.org", "https://svelte.dev"}  # names of XML, and links in error messages of Svelte
    for name in ("index.html", "studio.js", "studio.css", "studio.svg"):
        text = PAGE.joinpath(name).read_text("utf-8")
        assert set(re.findall(r"https?://[a-z0-9.-]+", text)) <= allowed, name
    page = PAGE.joinpath("index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*src=)|style=|\son[a-z]+=", page)  # what the policy would refuse


def test_the_licence_of_what_is_built_in_stands_beside_it():
    assert "Svelte Contributors" in PAGE.joinpath("licences.txt").read_text("utf-8")

"""The rules of the house that no single part can test: what it never does, what it exports, what it writes down."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import gedanken

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
OURS = [*SOURCES, *sorted((ROOT / "scripts").rglob("*.py")), *sorted((ROOT / "examples").rglob("*.py"))]

# Each of these can run code that a file brings along.
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "torch.save", "torch.jit.load", "torch.hub.load"}

# Written in pieces, or this file would find itself.
OF_ONE_MACHINE = ("/wor" + "k/", "/roo" + "t/", "/hom" + "e/", "/User" + "s/", "C:" + "\\Users", "/." + "library")
REGISTRY_HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "download.py" + "torch.org", "registry.npm" + "js.org")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def unsafe(tree: ast.Module) -> list[str]:
    """What in a module could run code from a file."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            if ast.unparse(node.func) in UNSAFE_CALLS:
                found.append(ast.unparse(node.func))
            if any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords):
                found.append("allow_pickle")
    return found


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_nothing_runs_code_from_a_file(path):
    assert unsafe(tree_of(path)) == []


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from pickle import loads", "torch.load(p)", "eval(text)", "np.load(p, allow_pickle=True)"],
)
def test_the_search_for_unsafe_code_finds_it(source):
    assert unsafe(ast.parse(source))
    assert not unsafe(ast.parse("model.eval(); np.load(p, allow_pickle=False)"))


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_every_file_opens_with_its_idea(path):
    assert (ast.get_docstring(tree_of(path)) or "").strip()


@cache
def committed_texts() -> tuple[Path, ...]:
    """Every text file that git tracks or would add; all of the folder where there is no git (a source archive)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode == 0:
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        paths = [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return tuple(path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096])


@pytest.mark.parametrize("word", [*OF_ONE_MACHINE, *REGISTRY_HOSTS])
def test_no_committed_text_names_a_machine_or_a_registry(word):
    assert len(committed_texts()) > 40
    assert [relative(path) for path in committed_texts() if word in path.read_text("utf-8", errors="replace")] == []


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def test_importing_gedanken_does_not_import_torch():
    assert python("import sys, gedanken; print({'torch', 'numpy', 'gymnasium'} & set(sys.modules))") == "set()"


def written_exports() -> set[str]:
    """The names in the table of docs/stability.md under "Public names"."""
    text = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")
    section = text.split("## Public names")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))


def test_the_public_names_are_those_written_down():
    assert set(gedanken.__all__) == written_exports()
    assert len(gedanken.__all__) == len(set(gedanken.__all__))


def test_every_public_name_exists_and_is_explained():
    for name in gedanken.__all__:
        thing = getattr(gedanken, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):  # a type alias cannot carry a docstring
            assert thing.__doc__, f"{name} has no docstring"
    assert set(gedanken.__all__) <= set(dir(gedanken))


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gedanken.no_such_name


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_dependency_is_pinned_within_its_range():
    extras = [needed for extra in project()["optional-dependencies"].values() for needed in extra]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").split())
    wanted = [Requirement(needed) for needed in (*project()["dependencies"], *extras)]
    wanted = [needed for needed in wanted if needed.name != "gedanken"]
    assert {needed.name for needed in wanted} == set(pins)
    assert [str(needed) for needed in wanted if pins[needed.name] not in needed.specifier] == []


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, flags=re.MULTILINE) == [gedanken.__version__]
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_what_others_made_is_named():
    """Each folder of someone else's data has its licence and source beside it, and a line in THIRD_PARTY.md."""
    third_party = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    for folder in sorted(path for path in (ROOT / "examples" / "data").glob("*") if path.is_dir()):
        assert relative(folder) in third_party
        assert (folder / "LICENSE").is_file()
        assert (folder / "SOURCE.md").is_file()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_paper_is_named(path):
    cited = set(re.findall(r"arXiv:[\d.]+\d", path.read_text(encoding="utf-8")))
    assert cited <= set(re.findall(r"arXiv:[\d.]+\d", (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")))


def test_test_files_have_names_of_their_own():
    """pytest imports them without packages, so two of one name would hide each other."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []

"""Every example runs to its end in an empty folder and leaves what it promised.

An example is a program `examples/<name>.py [--quick] [--out FOLDER]`; `--quick` makes it small enough for a test.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def leaves_a_report(folder: Path, printed: str) -> None:
    """The report is a whole page that carries everything it shows, and what was printed says where it lies."""
    (page,) = folder.rglob("report.html")
    text = page.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>")
    assert 'src="http' not in text
    assert "report.html" in printed


PROMISES: dict[str, Callable[[Path, str], None]] = {"donkey_drive": leaves_a_report}


def test_every_example_has_a_promise_to_keep():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PROMISES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROMISES)
def test_an_example_keeps_its_promise(name, tmp_path):
    answer = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(tmp_path / "run")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert answer.returncode == 0, answer.stderr
    PROMISES[name](tmp_path, answer.stdout)

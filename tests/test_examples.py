"""Every example runs to its end in an empty folder and leaves what it promised.

An example is a program `examples/<name>.py`; one that takes long has `--quick`, which makes it small enough for a test.
"""

import os
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


def acts_and_reaches_its_goal(folder: Path, printed: str) -> None:
    """Several steps were needed, and after the last one the world says that the goal is reached."""
    *steps, last = printed.splitlines()
    assert len(steps) > 5
    assert last == "goal reached: True"


def goes_to_a_place_that_another_process_saw(folder: Path, printed: str) -> None:
    """The first process left a memory, the second went by it, and the map is a picture with more than paper on it."""
    from PIL import Image

    woke, back = printed.splitlines()
    assert int(woke.split()[2]) > 50
    assert back == "back where the other one woke: True"
    assert (folder / "house.db").stat().st_size > 50_000
    with Image.open(folder / "remembered.png") as map:
        assert map.size == (1200, 900)
        assert len(map.convert("RGB").getcolors(1 << 20)) > 50


PROMISES: dict[str, tuple[list[str], Callable[[Path, str], None]]] = {
    "donkey_drive": (["--quick", "--out", "run"], leaves_a_report),
    "plan_in_two_rooms": ([], acts_and_reaches_its_goal),
    "remember": ([], goes_to_a_place_that_another_process_saw),
}


def test_every_example_has_a_promise_to_keep():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PROMISES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROMISES)
def test_an_example_keeps_its_promise(name, tmp_path):
    arguments, kept = PROMISES[name]
    answer = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # test processes share the cores
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert answer.returncode == 0, answer.stderr
    kept(tmp_path, answer.stdout)

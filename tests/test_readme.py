"""The README tells the truth: its Python runs, and its commands exist with the options it gives them."""

import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
USUAL = "127.0.0.1:8000"
FIRST_PLAN_SECONDS = 5
COMMANDS_OF_OTHERS = {"cd", "curl", "git", "pip", "open", "xdg-open"}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def command_lines(text: str) -> list[str]:
    """The commands of the `sh` blocks, without prompts, comments and continuations."""
    lines = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    plain = [re.sub(r"\s#\s.*", "", line.removeprefix("$ ")).strip() for line in lines]
    return [line for line in plain if line and not line.startswith("#")]


@cache
def make_targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)[1].split())


@cache
def help_of(*verb: str) -> str:
    """What `gedanken [verb] --help` prints; fails where the verb is unknown."""
    answer = subprocess.run(
        [sys.executable, "-m", "gedanken", *verb, "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def check_command(line: str) -> None:
    """Fail where a command line names a target, verb or option that does not exist."""
    words = [word for word in line.split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if words[:3] == ["python", "-m", "gedanken"]:
        words = ["gedanken", *words[3:]]
    program, *rest = words
    if program == "make":
        assert set(rest) <= make_targets(), line
    elif program == "gedanken":
        verb = [word for word in rest[:1] if not word.startswith("-")]
        for option in (word.split("=")[0] for word in rest if word.startswith("--")):
            assert option in re.findall(r"--[\w-]+", help_of(*verb)), f"{line}: no option {option}"
        assert not verb or verb[0] in help_of(), f"{line}: no verb {verb[0]}"
    else:
        assert program in COMMANDS_OF_OTHERS, line


@contextmanager
def served() -> Iterator[str]:
    """The address of `gedanken serve --bundled` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gedanken", "serve", "--bundled", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            yield re.search(r"ws://(\S+)", server.stdout.readline())[1]
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(10) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_the_curl_line_of_the_readme_gets_a_plan():
    """And soon after the server was started; in CPU seconds, since other tests share the machine."""
    (line,) = [line for line in command_lines(README) if line.startswith("curl")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with served() as address:
        answer = subprocess.run(line.replace(USUAL, address), shell=True, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    plan = json.loads(answer.stdout)
    assert plan["how"] == "cold"
    assert len(plan["actions"]) == 4
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2 * FIRST_PLAN_SECONDS


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = blocks(README, "python")
    assert found, "the README shows no Python"
    namespace: dict = {"__name__": "readme"}
    with served() as address:
        for number, block in enumerate(found):
            exec(compile(block.replace(USUAL, address), f"README.md, block {number}", "exec"), namespace)


@pytest.mark.parametrize("line", command_lines(README))
def test_the_commands_of_the_readme_exist(line):
    check_command(line)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_your_own_data_is_short_and_runs(tmp_path):
    """On swings of a mass on a spring, as a folder of CSV files; nothing is given but the recordings' name."""
    text = section("Your own data")
    assert len(text.strip().splitlines()) <= 15
    (tmp_path / "recordings").mkdir()
    for number in range(4):
        place, speed, rows = 0.1 * number, 0.0, ["time,place,action_force"]
        for step in range(200):
            force = math.sin(0.3 * step + number)
            rows.append(f"{0.05 * step:.2f},{place:.5f},{force:.5f}")
            speed += 0.05 * (force - 4 * place - 0.4 * speed)
            place += 0.05 * speed
        (tmp_path / "recordings" / f"run-{number}.csv").write_text("\n".join(rows))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    for line in command_lines(text):
        few = ["--steps", "60"] if line.startswith("gedanken train") else []
        command = [sys.executable, "-m", *line.split(), *few]
        answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert answer.returncode in ((0, 1) if line.startswith("gedanken doctor") else (0,)), f"{line}: {answer.stderr}"
        assert "Traceback" not in answer.stderr
    assert "ARX" in (tmp_path / "runs" / "mine" / "report.html").read_text("utf-8")


def test_the_readme_shows_the_two_commands():
    assert {"make demo", "make test"} <= set(command_lines(README))


def test_the_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("line", ["make fly", "gedanken fly", "gedanken demo --fly", "flying demo"])
def test_a_command_that_does_not_exist_is_found(line):
    with pytest.raises(AssertionError):
        check_command(line)

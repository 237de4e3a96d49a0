"""`gedanken studio`: it says where the page is, and refuses in a sentence what it cannot show."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gedanken.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bundled", "--memory", "nowhere.db"], "no memory at"),
        (["mine.safetensors", "--bundled"], "two models"),
        (["--bundled", "--run", "nothing"], "no run folder"),
        (["--bundled", "--data", "nothing"], "nothing"),
        (["nothing.safetensors"], "nothing.safetensors"),
    ],
)
def test_what_is_not_there_is_said(capsys, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["studio", *arguments])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_it_says_where_the_page_is(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gedanken", "studio", "--bundled", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as server:
        try:
            assert server.stdout is not None
            where = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert where is not None
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(where[0], timeout=30) as answer:
                assert b"gedanken studio" in answer.read()
        finally:
            server.terminate()

"""SIGKILL at random moments, by the claim that does it twenty times for the record."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_a_killed_run_resumes_to_the_same_weights_and_no_file_is_broken():
    command = [sys.executable, "-m", "gedanken", "reproduce", "killed-training", "--quick"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert (found["claim"], found["value"], found["n"], found["holds"]) == ("killed-training", 1.0, 4, True)

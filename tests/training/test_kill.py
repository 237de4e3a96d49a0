"""SIGKILL at random moments, by the script that does it twenty times for the record."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "benchmarks" / "kill_train.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_a_killed_run_resumes_to_the_same_weights_and_no_file_is_broken():
    arguments = [sys.executable, str(SCRIPT), "--kills", "3", "--steps", "40"]
    answer = subprocess.run(arguments, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert (found["kills"], found["equal"], found["broken"]) == (3, 3, 0)

"""One side of a comparison, in a process of its own: asked on stdin, answering on stdout, a line of JSON each way.

It imports nothing but the standard library, since it runs in the peer's environment as well as in ours.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]


def answer(doing: Answers) -> None:
    """Answer until stdin ends; each line names in `do` what is to be done."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        try:
            said = doing[request["do"]](request)
        except Exception as error:  # the other end says which side it was, and stops
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), file=answers, flush=True)


class Spent:
    """Core-seconds of this process, all its threads together."""

    seconds = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Counts what happens inside."""
    counted, began = Spent(), time.process_time()
    yield counted
    counted.seconds = time.process_time() - began


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)

"""Measure LeWM's training step beside the peer: `PEER_PYTHON=… python benchmarks/train_step.py`; the last line is JSON.

`--sizes`, `--repeats` and `--steps` make it shorter.
"""

from __future__ import annotations

import argparse
import json

from beside.sides import PEER, peer_python
from beside.train_step import SIZES, Setting, measure

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=SIZES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=Setting.steps)
    given = parser.parse_args()
    peer, cases = peer_python(), {}
    for size in given.sizes:
        cases[size] = measure(peer, Setting(size, steps=given.steps), given.repeats)
        for name, row in cases[size].items():
            print(f"{size:4} {name:20} {json.dumps(row)}")
    print(json.dumps({"benchmark": "train_step", "peer": PEER if peer else None, "cases": cases}))

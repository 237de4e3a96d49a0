"""Measure one LeWM plan beside the peer: `PEER_PYTHON=… python benchmarks/plan.py`; the last line is JSON.

`--rounds`, `--repeats`, `--size` and `--peer float32` make it shorter: the peer's own solve takes half a minute or more.
`--ours` is the type of our products, `--peer` those in which the peer is timed; `auto` is what ours would choose on this chip.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace

from beside.plan import LEWM, TYPES, measure
from beside.sides import PEER, peer_python

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("rounds", LEWM.rounds), ("repeats", 5), ("size", LEWM.size)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--ours", choices=("auto", *TYPES), default="auto")
    parser.add_argument("--peer", choices=TYPES, nargs="+", default=TYPES)
    given = parser.parse_args()
    peer, setting = peer_python(), replace(LEWM, rounds=given.rounds, size=given.size)
    found = measure(peer, setting, given.repeats, ours=given.ours, peers=given.peer)
    for name, row in found.items():
        print(f"{name:20} {json.dumps(row)}")
    print(json.dumps({"benchmark": "plan", "peer": PEER if peer else None, "setting": asdict(setting), "found": found}))

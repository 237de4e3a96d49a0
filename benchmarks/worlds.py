"""Measure rendered worlds beside the peer: `PEER_PYTHON=… python benchmarks/worlds.py`; the last line is JSON."""

from __future__ import annotations

import json

from beside.sides import PEER, peer_python
from beside.worlds import measure

if __name__ == "__main__":
    peer = peer_python()
    found = measure(peer)
    for size, rows in found.items():
        for name, row in rows.items():
            print(f"{size:4} {name:20} {json.dumps(row)}")
    print(json.dumps({"benchmark": "worlds", "peer": PEER if peer else None, "cases": found}))

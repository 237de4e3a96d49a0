"""Measure windows beside the peer: `PEER_PYTHON=… ROAD_CLIP=… python benchmarks/windows.py`; the last line is JSON."""

from __future__ import annotations

import json

from beside.sides import PEER, peer_python
from beside.windows import measure

if __name__ == "__main__":
    peer = peer_python()
    found = measure(peer)
    for case, rows in found.items():
        for name, row in rows.items():
            print(f"{case:14} {name:24} {json.dumps(row)}")
    print(json.dumps({"benchmark": "windows", "peer": PEER if peer else None, "cases": found}))

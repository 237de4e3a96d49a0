"""Write `benchmarks/manifests/clips/table-v1.json`: which quadruplets there are, and hashes of some.

The frames are not kept: the names draw them. The hashes tell whether this machine's simulator and renderer draw the same.
"""

import json
from hashlib import sha256
from pathlib import Path

from gedanken.environments.table import PROPERTIES, quadruplet
from gedanken.environments.table.splits import VERSION

TARGET = Path(__file__).parent / "manifests" / "clips" / "table-v1.json"
SPLITS = ("id", "novel-object", "novel-layout", "long-occlusion")
HASHED = {"dev": 1, "test": 1}
"""Quadruplets of each property and split whose frames are hashed."""


def frames_hash(split: str, part: str, name: str, count: int) -> str:
    """SHA-256 of the frames of the first quadruplets of this name."""
    digest = sha256()
    for number in range(count):
        digest.update(quadruplet(name, split, part, number).frames.numpy().tobytes())
    return digest.hexdigest()


def record() -> dict[str, object]:
    """What the file holds."""
    return {
        "world": "table-v1",
        "version": VERSION,
        "seed": f"table-v1/{VERSION}/<split>/<part>/<property>/<number>/<attempt>",
        "quadruplets": {"dev": 100, "test": 200},
        "hashed": HASHED,
        "frames": {
            split: {
                part: {name: frames_hash(split, part, name, count) for name in PROPERTIES}
                for part, count in HASHED.items()
            }
            for split in SPLITS
        },
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")

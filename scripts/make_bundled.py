"""Make the model that lies in the package: the demo's recipe, trained once more from nothing.

    python scripts/make_bundled.py [--seed 0] [--from runs/two-rooms-demo/seed-0/model.safetensors]

`--from` takes a model of the same recipe that `gedanken reproduce two-rooms-demo` trained, so that what is bundled is what was
judged.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from gedanken.data import EpisodeList
from gedanken.recipes import bundled_model, fit, load, save, two_rooms_demo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", dest="source", type=Path)
    arguments = parser.parse_args()
    target = bundled_model()
    target.parent.mkdir(exist_ok=True)
    if arguments.source:
        load(arguments.source)  # refuses what is not a model file
        shutil.copyfile(arguments.source, target)
    else:
        run, episodes = two_rooms_demo(arguments.seed), EpisodeList()
        run.record(episodes)
        fitted = fit(episodes, run.recipe)
        lineage = {"data": "two-rooms-v1", "episodes": run.episodes, "steps": run.recipe.train.steps}
        save(target, fitted.model, run.recipe, episodes[0].specs, lineage)
    print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

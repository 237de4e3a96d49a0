"""Choose the verb, run it, and turn each error of ours into one sentence and an exit code."""

from __future__ import annotations

import sys

import tyro

from gedanken.cli.bench import bench
from gedanken.cli.data import data
from gedanken.cli.demo import demo
from gedanken.cli.doctor import doctor
from gedanken.cli.evaluate import evaluate
from gedanken.cli.imagine import imagine
from gedanken.cli.info import info
from gedanken.cli.mcp import mcp
from gedanken.cli.memory import memory
from gedanken.cli.physics import physics
from gedanken.cli.plan import plan
from gedanken.cli.push import push
from gedanken.cli.reproduce import reproduce
from gedanken.cli.serve import serve
from gedanken.cli.studio import studio
from gedanken.cli.submit import submit
from gedanken.cli.surprise import surprise
from gedanken.cli.train import train
from gedanken.errors import GedankenError

VERBS = {
    each.__name__: each
    for each in (
        demo,
        train,
        evaluate,
        plan,
        imagine,
        info,
        doctor,
        data,
        memory,
        physics,
        surprise,
        push,
        reproduce,
        serve,
        studio,
        mcp,
        submit,
        bench,
    )
}


def main(arguments: list[str] | None = None) -> None:
    """Run one verb; exits with 2 on an error that has a name, with 130 when interrupted."""
    try:
        tyro.extras.subcommand_cli_from_dict(
            VERBS,
            args=arguments,
            prog="gedanken",
            description="World models you can run thought experiments in. Start with: gedanken demo --bundled",
        )
    except GedankenError as error:
        print(f"gedanken: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"gedanken: {error}; check the path, and that there is space.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(
            "\ngedanken: interrupted; training goes on from its last checkpoint when the same command is given again.",
            file=sys.stderr,
        )
        sys.exit(130)

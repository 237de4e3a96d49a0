"""`gedanken studio`: a page on which to see what a model sees, imagines, plans and is surprised by."""

from __future__ import annotations

from pathlib import Path

import tyro


def studio(
    model: tyro.conf.Positional[Path] = Path("bundled"),
    /,
    bundled: bool = False,
    data: tuple[Path, ...] = (),
    run: tuple[Path, ...] = (),
    memory: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    origin: tuple[str, ...] = (),
) -> None:
    """Open a page in which to set goals, watch the model think, and drive its dreams, until interrupted.

    Example: gedanken studio --bundled --run runs/demo

    It is the server of `gedanken serve` with a page at its front. On any other address than loopback the page asks for
    the token that is shown once at the start, or the one in the environment variable GEDANKEN_TOKEN.

    Args:
        model: a model file, a folder of them, or `bundled` for the one in the package.
        bundled: open the model in the package.
        data: recordings to look at, in any known format.
        run: run folders to read and compare, or a folder of them.
        memory: file of an agent's memory, to see what a moment reminds it of; it is not written.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        origin: a web page from elsewhere that may talk to the server.
    """
    import os
    from contextlib import suppress

    from gedanken.cli.console import console
    from gedanken.data.camera import with_pixels
    from gedanken.data.formats import open_episodes
    from gedanken.errors import BadInput
    from gedanken.serving.packages import needed

    for package in ("fastapi", "uvicorn", "websockets", "msgpack", "prometheus_client"):
        needed(package, "serve")
    from gedanken.serving.app import app_of
    from gedanken.serving.door import Door
    from gedanken.serving.limits import Limits
    from gedanken.serving.models import Models
    from gedanken.serving.run import run as listen
    from gedanken.serving.studio.runs import run_folders
    from gedanken.serving.studio.shelf import Shelf

    if bundled and str(model) != "bundled":
        raise BadInput(f"--bundled and {model} name two models; give one of them.")
    if memory is not None and not memory.is_file():
        raise BadInput(f"there is no memory at {memory}; give the file of an agent's memory.")
    recordings = {str(each): with_pixels(open_episodes(each))[0] for each in data}
    shelf, models, limits = Shelf(recordings, run_folders(run), memory), Models(model), Limits()
    door, token = Door.opened(host, os.environ.get("GEDANKEN_TOKEN"), origin)
    if token is not None:
        console.print(f"token, shown this once: {token}", soft_wrap=True)

    def ready(address: str) -> None:
        console.print(f"{', '.join(models.names())}: open http://{address}/ in a browser", soft_wrap=True)
        console.file.flush()  # a pipe would keep it until the end

    with suppress(KeyboardInterrupt):  # how a server ends
        listen(app_of(models, door, limits, studio=shelf), host, port, limits, ready)

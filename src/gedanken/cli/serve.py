"""`gedanken serve`: a model as a policy for robots and as an oracle for programs, on one port."""

from __future__ import annotations

from pathlib import Path

import tyro


def serve(
    model: tyro.conf.Positional[Path] = Path("bundled"),
    /,
    bundled: bool = False,
    host: str = "127.0.0.1",
    port: int = 8000,
    origin: tuple[str, ...] = (),
    together: int = 16,
) -> None:
    """Serve a model over WebSocket (robots, as openpi's client speaks) and HTTP (see /docs), until interrupted.

    Example: gedanken serve --bundled

    On any other address than loopback a client needs the token that is shown once at the start, or the one in the
    environment variable GEDANKEN_TOKEN.

    Args:
        model: a model file, a folder of them, or `bundled` for the one in the package.
        bundled: serve the model in the package.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        origin: a web page from elsewhere that may talk to the server, such as http://robot.local:8000.
        together: most requests planned in one batch; 1 plans one by one.
    """
    import os
    from contextlib import suppress

    from gedanken.cli.console import console
    from gedanken.errors import BadInput
    from gedanken.serving.packages import needed

    for package in ("fastapi", "uvicorn", "websockets", "msgpack", "prometheus_client"):
        needed(package, "serve")
    from gedanken.serving.app import app_of
    from gedanken.serving.door import Door
    from gedanken.serving.limits import Limits
    from gedanken.serving.models import Models
    from gedanken.serving.run import run

    if bundled and str(model) != "bundled":
        raise BadInput(f"--bundled and {model} name two models; give one of them.")
    if together < 1:
        raise BadInput(f"together={together} must be at least 1.")
    models, limits = Models(model), Limits()
    door, token = Door.opened(host, os.environ.get("GEDANKEN_TOKEN"), origin)
    if token is not None:
        console.print(f"token, shown this once: {token}", soft_wrap=True)

    def ready(address: str) -> None:
        said = f"{', '.join(models.names())}: ws://{address} for robots, http://{address}/docs for programs"
        console.print(said, soft_wrap=True)
        console.file.flush()  # a pipe would keep it until the end

    with suppress(KeyboardInterrupt):  # how a server ends
        run(app_of(models, door, limits, together), host, port, limits, ready)

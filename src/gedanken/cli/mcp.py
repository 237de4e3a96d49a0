"""`gedanken mcp`: a model as tools for an LLM agent, over stdio."""

from __future__ import annotations

from pathlib import Path

import tyro


def mcp(model: tyro.conf.Positional[Path] = Path("bundled"), /, bundled: bool = False, budget: int = 2_000_000) -> None:
    """Let an LLM agent imagine, plan and ask what if with a model (Model Context Protocol over stdio).

    Example: gedanken mcp --bundled

    Args:
        model: a model file, or `bundled` for the one in the package.
        bundled: use the model in the package.
        budget: model steps that may be imagined in all; a plan of the bundled model takes 25,000.
    """
    from gedanken.errors import BadInput
    from gedanken.recipes import bundled_model, load
    from gedanken.serving.packages import needed

    if bundled and str(model) != "bundled":
        raise BadInput(f"--bundled and {model} name two models; give one of them.")
    if budget < 1:
        raise BadInput(f"budget={budget} must be at least 1.")
    needed("mcp", "mcp")
    from gedanken.serving.mcp import tools_of

    tools_of(load(bundled_model() if str(model) == "bundled" else model), budget).run("stdio")

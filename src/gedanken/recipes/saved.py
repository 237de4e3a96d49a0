"""A model's way to disk and back: one file that says what it is, and builds nothing but what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from gedanken import __version__, modelfile
from gedanken.agent import Agent, Levels, UpperSearchConfig, configure
from gedanken.contracts import Memory
from gedanken.encoders import fingerprint
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory, LandmarkConfig, LandmarkGraph
from gedanken.modelfile import ModelFile, ModelHeader
from gedanken.models import JEPA
from gedanken.recipes.hub import located
from gedanken.recipes.recipe import Recipe, build
from gedanken.types import Provenance, StreamSpec


@dataclass(frozen=True)
class Loaded:
    """A model as it came from its file, with the recipe it was trained by."""

    model: JEPA
    recipe: Recipe
    observation: Mapping[str, StreamSpec]
    lineage: Mapping[str, Any]

    def agent(
        self,
        seed: int = 0,
        memory: Memory | str | Path | None = None,
        landmarks: LandmarkConfig | None = None,
        levels: UpperSearchConfig | None = None,
    ) -> Agent:
        """An agent with the recipe's planner and the thresholds this model was calibrated to.

        Args:
            seed: of all randomness.
            memory: where what the agent sees is kept and recalled from, or the path of an `EpisodicMemory` to open for this
                model's encoder; `agent.memory.close()` gives the file back. A model that learned what lies within reach
                (`Recipe.reach`) goes by landmarks of such a memory to goals that lie beyond.
            landmarks: how these are chosen and believed.
            levels: how a model that learned a slower clock (`Recipe.levels`) searches for sub-goals where landmarks know none.
        Raises:
            BadInput, BadMemoryFile, StorageError: as for `EpisodicMemory.open`.
        """
        if isinstance(memory, str | Path):
            made = Provenance(source="an agent's own experience", ingested_by=f"gedanken {__version__}")
            memory = EpisodicMemory.open(memory, fingerprint(self.model.encoder), provenance=made)
        energy, thresholds = configure(self.model.step_change.item(), self.recipe.agent)
        head, graph = self.model.reach_head, None
        if head is not None and isinstance(memory, EpisodicMemory):
            graph = LandmarkGraph(memory, head.steps, fingerprint(head), landmarks)
        upper = self._levels(seed, levels or UpperSearchConfig())
        return Agent(self.model, energy, thresholds, self.recipe.agent, seed, memory, graph, upper)

    def _levels(self, seed: int, config: UpperSearchConfig) -> Levels | None:
        clock, head = self.model.slow_clock, self.model.reach_head
        if clock is None or head is None:
            return None
        energy, _ = configure(self.model.step_change.item())
        generator = Generator().manual_seed(seed)
        return Levels(clock.rollout, clock.low, clock.high, clock.stride, energy, head.steps, config, generator)


def save(
    path: str | Path,
    model: JEPA,
    recipe: Recipe,
    observation: Mapping[str, StreamSpec],
    lineage: Mapping[str, Any] | None = None,
) -> str:
    """Write the model file and return its content hash.

    Args:
        path: ends in `.safetensors` by custom.
        model: weights and statistics.
        recipe: goes into the header, so that the file alone suffices to use the model.
        observation: the streams the model reads.
        lineage: how it was trained, plain JSON.
    """
    return modelfile.write(
        path,
        ModelFile(
            config={"recipe": recipe.as_dict()},
            tensors=model.state_dict(),
            action=model.action,
            observation=observation,
            frame_skip=model.frame_skip,
            lineage=lineage or {},
            seed=recipe.train.seed,
        ),
    )


def load(path: str | Path) -> Loaded:
    """Read a model file; see `gedanken.modelfile.read` for what is refused.

    Args:
        path: a file, a folder that holds a `model.safetensors`, or a name on the Hugging Face Hub, `hf:owner/name`.
    Raises:
        MissingExtra, BadFile: a name cannot be fetched; see `gedanken.recipes.hub.located`.
        BadModelFile: the file is not what it should be, or its tensors do not fit its own configuration.
    """
    read = modelfile.read(located(path), expected=_expected)
    recipe = _recipe(read)
    model = build(recipe, read.action)
    model.load_state_dict(dict(read.tensors))
    return Loaded(model.eval(), recipe, read.observation, read.lineage)


def bundled_model() -> Path:
    """The model file that comes with the package: `two-rooms-v1`, made by `scripts/make_bundled.py`."""
    return Path(str(files("gedanken") / "bundled" / "two-rooms-v1.safetensors"))


def _recipe(file: ModelFile | ModelHeader) -> Recipe:
    recipe = file.config.get("recipe")
    if not isinstance(recipe, dict):
        raise BadInput("its configuration holds no recipe; was it written by gedanken.recipes.save?")
    return Recipe.from_dict(recipe)


def _expected(header: ModelHeader) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """The tensors that the header's own configuration asks for; built on the meta device, which allocates nothing."""
    recipe = _recipe(header)
    if recipe.frame_skip != header.frame_skip:
        raise BadInput(f"its recipe has frame_skip={recipe.frame_skip} and its header {header.frame_skip}.")
    try:
        with torch.device("meta"):
            model = build(recipe, header.action)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"its recipe asks for sizes no tensor can have ({str(error).splitlines()[0]}).") from error
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in model.state_dict().items()}

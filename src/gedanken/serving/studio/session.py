"""One person's visit: what is open, and what each command does to it. Thinking is done by the engine, one call at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import torch

from gedanken.errors import BadInput
from gedanken.recipes import Loaded
from gedanken.serving import thoughts
from gedanken.serving.engine import Engine
from gedanken.serving.pictures import observation_from_json
from gedanken.serving.studio import commands
from gedanken.serving.studio.acting import Acting
from gedanken.serving.studio.dreams import DreamState, begun, dreamt
from gedanken.serving.studio.futures import supposed
from gedanken.serving.studio.looking import causes_told, looked
from gedanken.serving.studio.opening import opened, opening_told, read_on
from gedanken.serving.studio.scene import Scene
from gedanken.serving.studio.shelf import Shelf
from gedanken.serving.studio.shown import finite, picture

Say = Callable[[dict[str, Any]], Awaitable[None]]
Found = TypeVar("Found")


class Session:
    """What one person has open, with one model.

    Args:
        name: of the model.
        loaded: the model.
        shelf: what all share.
        engine: does the thinking.
        say: sends a message to the page.
    """

    def __init__(self, name: str, loaded: Loaded, shelf: Shelf, engine: Engine, say: Say) -> None:
        self.name, self.loaded, self.shelf, self.engine, self.say = name, loaded, shelf, engine, say
        self.gone = threading.Event()
        self.scene: Scene | None = None
        self.dream: DreamState | None = None
        self.acting: Acting | None = None
        self._ready: asyncio.Task[None] | None = None

    async def hear(self, command: Any) -> None:
        """Do what is asked, and answer.

        Raises:
            GedankenError: it cannot be done; nothing has changed.
        """
        answer = await getattr(self, f"_{type(command).__name__.lower()}")(command)
        if answer is not None:
            await self.say(answer | ({} if command.id is None else {"id": command.id}))

    async def leave(self) -> None:
        """The person is gone: whatever goes on ends."""
        self.gone.set()
        await self._rest()
        if self._ready is not None:
            self._ready.cancel()

    async def think(self, function: Callable[[], Found]) -> Found:
        """What `function` returns, called in the engine's thread."""
        return await asyncio.wrap_future(self.engine.call(function))

    async def _open(self, command: commands.Open) -> None:
        await self._rest()
        recording = None if command.recording is None else self.shelf.recording(command.recording)
        scene, rest = await asyncio.to_thread(opened, self.loaded, recording, command.episode, command.seed)
        if self._ready is not None:
            self._ready.cancel()
        await self.say(opening_told(self.loaded, scene, command, rest))
        latent = await self.think(lambda: thoughts.encoded(self.loaded, rest.seen[0]))
        scene.trail.add(rest.seen[0], latent, None)
        self.scene, self.dream, self.acting = scene, None, None
        self._ready = asyncio.create_task(read_on(self, scene, rest))

    async def _setgoal(self, command: commands.SetGoal) -> dict[str, Any]:
        scene = self._at_hand()
        given = [each for each in (command.place, command.picture, command.moment) if each is not None]
        if len(given) != 1:
            raise BadInput("a goal is one of a place, a picture and a moment; give one of them.")
        state = None
        if command.place is not None:
            if scene.simulated is None:
                raise BadInput("a recording has no places to point at; choose one of its moments, or drop a picture.")
            state = scene.simulated.at(command.place)
            goal = scene.simulated.world.observe(state)
        elif command.picture is not None:
            goal = observation_from_json({"pixels": {"png": command.picture}}, self.loaded.observation, "goal")
        else:
            goal = scene.trail.seen[scene.moment(command.moment) - scene.trail.forgotten]
        scene.goal = goal
        if scene.simulated is not None:
            scene.simulated.goal = state
        if self.acting is not None:
            self.acting.fresh = True
        place = None if scene.simulated is None else scene.simulated.place(state)
        return {"is": "goal", "picture": picture(goal["pixels"][0]), "place": place}

    async def _put(self, command: commands.Put) -> dict[str, Any] | None:
        scene = self._at_hand()
        if scene.simulated is None:
            raise BadInput("nothing can be moved in a recording.")
        scene.simulated.state = scene.simulated.at(command.place)
        if self._busy():
            return None  # the step that is carried out shows it
        nothing = torch.zeros(self.loaded.model.frame_skip * self.loaded.model.action.width)
        return await self.lived(scene, nothing, put=True)

    async def lived(self, scene: Scene, action: torch.Tensor, put: bool = False) -> dict[str, Any]:
        """A model step has passed: what is seen now becomes a moment, with how surprising it was."""
        assert scene.simulated is not None
        seen = scene.simulated.seen()

        def add() -> tuple[int, float | None]:
            at = scene.trail.add(seen, thoughts.encoded(self.loaded, seen), action)
            return at, scene.trail.surprises(at, at + 1)[0]

        at, surprise = await self.think(add)
        place = scene.simulated.place(scene.simulated.state)
        told = {"is": "moment", "at": at, "picture": picture(scene.trail.frame(at)), "place": place}
        return told | {"surprise": finite(surprise), "put": put}

    async def _go(self, command: commands.Go) -> None:
        scene = self._at_hand()
        if scene.goal is None:
            raise BadInput("there is no goal yet; point at where the agent should be, or drop a picture.")
        await self._rest(gently=True)
        self.dream = None
        if self.acting is None:
            self.acting = Acting(self)
        self.acting.begin(scene, command.pace, command.steps, scene.moment(command.at))

    async def _stop(self, _: commands.Stop) -> None:
        await self._rest(gently=True)

    async def _suppose(self, command: commands.Suppose) -> dict[str, Any]:
        scene = self._imagining()
        at = scene.moment(command.at)
        return await self.think(lambda: supposed(self.loaded, scene, command.actions, command.steps, at))

    async def _dream(self, command: commands.Dream) -> dict[str, Any]:
        scene = self._imagining()
        if self._busy():
            raise BadInput("the agent is acting; stop it before you dream.")
        dream = self.dream or begun(self.loaded, scene, scene.moment(command.at))
        answer = await self.think(lambda: dreamt(self.loaded, scene, dream, command.action))
        self.dream = dream
        return answer | {"begun": dream.begun}

    async def _wake(self, _: commands.Wake) -> dict[str, Any]:
        self.dream = None
        return {"is": "awake"}

    async def _show(self, command: commands.Show) -> dict[str, Any]:
        scene = self._at_hand()
        return {"is": "shown", "at": command.at, "picture": picture(scene.trail.frame(scene.moment(command.at)))}

    async def _look(self, command: commands.Look) -> dict[str, Any]:
        scene = self._imagining()
        return await self.think(lambda: looked(self.loaded, scene, scene.moment(command.at), command.ahead))

    async def _cause(self, command: commands.Cause) -> dict[str, Any]:
        scene = self._imagining()
        return await self.think(lambda: causes_told(self.loaded, scene, scene.moment(command.at)))

    async def _recall(self, command: commands.Recall) -> dict[str, Any]:
        scene = self._at_hand()
        if self.shelf.memory is None:
            raise BadInput("no memory was given; start the studio with --memory FILE.")
        latent = scene.trail.latent(scene.moment(command.at))
        found = await self.think(lambda: self.shelf.recalled(self.loaded, latent, command.count))
        return {"is": "recalled", "at": command.at, **found}

    def _at_hand(self) -> Scene:
        if self.scene is None:
            raise BadInput("nothing is open yet.")
        return self.scene

    def _imagining(self) -> Scene:
        scene = self._at_hand()
        if scene.known is None:
            raise BadInput("the frames to show imagined latents by are still being made; try again in a second.")
        return scene

    def _busy(self) -> bool:
        return self.acting is not None and self.acting.busy

    async def _rest(self, gently: bool = False) -> None:
        if self.acting is not None:
            with suppress(asyncio.CancelledError):
                await self.acting.rest(gently)

"""Think, act, look, until the goal is held; each round of a search and each frame is shown as it comes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gedanken.agent import Agent, Decision, configure
from gedanken.errors import GedankenError
from gedanken.serving.studio.scene import Scene
from gedanken.serving.studio.shown import finite, picture, rounded
from gedanken.serving.studio.watched import Round, watched

if TYPE_CHECKING:
    from gedanken.serving.studio.session import Session

_ENERGIES = 64
_SHOWN = 5
"""Pictures of a plan."""
_HOW = ("held", "cold", "drawn", "followed", "foreseen")


class Acting:
    """An agent at work for one session, as a task beside the conversation.

    Args:
        session: whose scene it acts in; it lends its line and its place at the engine.
    """

    def __init__(self, session: Session) -> None:
        self._session, loaded = session, session.loaded
        energy, thresholds = configure(loaded.model.step_change.item(), loaded.recipe.agent)
        self._agent = Agent(loaded.model, watched(energy, self._tell), thresholds, loaded.recipe.agent)
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._rounds: asyncio.Queue[Round] = asyncio.Queue()
        self._enough = False
        self._last = 0.0
        self.fresh = True
        """Whether the goal is another one than the agent thinks of."""

    @property
    def busy(self) -> bool:
        """Whether it thinks or acts."""
        return self._task is not None and not self._task.done()

    def begin(self, scene: Scene, pace: float, steps: int, at: int) -> None:
        """Start; in a recording it thinks once, of moment `at`."""
        self._enough = False
        self._task = asyncio.create_task(self._run(scene, 1 / pace, steps, at))

    async def rest(self, gently: bool) -> None:
        """End: at once, or, gently, with the model step that is carried out."""
        if self._task is None:
            return
        self._enough = True
        if not gently:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, scene: Scene, gap: float, steps: int, at: int) -> None:
        session, why = self._session, "stopped"
        try:
            for _ in range(steps):
                decision = await self._decide(scene, gap, at)
                await session.say(self._decided(scene, decision))
                if scene.simulated is None or bool(decision.held):
                    why = "held" if bool(decision.held) else "thought"
                    break
                for action in decision.steps():
                    scene.simulated.state = scene.simulated.world.step(scene.simulated.state, action)
                    await self._paced(gap, self._stepped(scene))
                await session.say(await session.lived(scene, decision.actions[0]))
                if self._enough:
                    break
        except GedankenError as error:
            await session.say({"is": "error", "sentence": str(error)})
        except asyncio.CancelledError:
            raise
        finally:
            self._rounds = asyncio.Queue()
        told: dict[str, Any] = {"is": "rests", "why": why}
        if scene.simulated is not None:
            told |= {"reached": scene.simulated.reached()}
        await session.say(told)

    async def _decide(self, scene: Scene, gap: float, at: int) -> Decision:
        """What the agent decides; the rounds of its search are told meanwhile."""
        seen = scene.trail.seen[at - scene.trail.forgotten] if scene.simulated is None else scene.simulated.seen()
        goal, fresh = scene.goal, self.fresh or scene.simulated is None
        assert goal is not None
        self.fresh = False

        def decide() -> Decision:
            if fresh or self._agent.task is None:
                self._agent.begin(goal)
            return self._agent.act(seen, self._session.gone.is_set)

        began, number = time.perf_counter(), 0
        work = asyncio.ensure_future(self._session.think(decide))
        while not work.done() or not self._rounds.empty():
            waiting = asyncio.ensure_future(self._rounds.get())
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                waiting.cancel()
                continue
            number += 1
            await self._paced(gap, self._round(scene, waiting.result(), number, time.perf_counter() - began))
        return work.result()

    def _tell(self, found: Round) -> None:
        self._loop.call_soon_threadsafe(self._rounds.put_nowait, found)

    def _round(self, scene: Scene, found: Round, number: int, since: float) -> dict[str, Any]:
        count = len(found.energies)
        some = found.energies[:: max(1, count // _ENERGIES)]
        told: dict[str, Any] = {"is": "thought", "round": number, "candidates": count, "since_ms": round(1000 * since)}
        told |= {"energies": [finite(each) for each in some.tolist()], "ranks": found.ranks.tolist()}
        if scene.known is not None:
            told["paths"] = rounded(scene.known.read(found.latents))
        return told

    def _decided(self, scene: Scene, decision: Decision) -> dict[str, Any]:
        step = self._session.loaded.model.step_change.item()
        told: dict[str, Any] = {
            "is": "decided",
            "how": next((name for name in _HOW if bool(getattr(decision, name))), "warm"),
            "energy": finite(decision.plan.energy.item()),
            "distance": finite(decision.distance.item() / step),
            "surprise": finite(decision.surprise.item() / step),
            "action": rounded(decision.actions[0, : self._session.loaded.model.action.width]),
        }
        if scene.known is not None and not bool(decision.held):
            latents = self._agent.imagine(decision.plan.actions)[0]
            told |= self._planned(scene, latents)
        return told

    def _planned(self, scene: Scene, latents: Tensor) -> dict[str, Any]:
        assert scene.known is not None
        horizon = len(latents)
        shown = sorted({round((k + 1) * horizon / _SHOWN) - 1 for k in range(_SHOWN)} - {-1})
        pictures = scene.known.pictures(latents[shown])
        return {"path": rounded(scene.known.read(latents)), "pictures": pictures, "after": [k + 1 for k in shown]}

    def _stepped(self, scene: Scene) -> dict[str, Any]:
        simulated = scene.simulated
        assert simulated is not None
        place = simulated.place(simulated.state)
        return {"is": "step", "picture": picture(simulated.seen()["pixels"][0]), "place": place}

    async def _paced(self, gap: float, message: dict[str, Any]) -> None:
        """Say it, not sooner than `gap` seconds after what was last said so."""
        if (wait := self._last + gap - time.perf_counter()) > 0 and not self._enough:
            await asyncio.sleep(wait)
        self._last = time.perf_counter()
        await self._session.say(message)

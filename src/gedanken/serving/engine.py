"""One thread that thinks, for everybody: what has come in while it was busy is planned in one batch.

A batch is whatever waits when the thread is free, so a lone robot never waits for company, and sixteen are searched side by
side. Requests without a deadline never share a search with those that have one, as a search that is cut short for one row is cut
for all. With nothing waiting, the thread plans ahead for those who asked for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import torch

from gedanken.agent import Agent, act_together
from gedanken.errors import BadInput, GedankenError, Refused
from gedanken.planners import Enough
from gedanken.serving.stream.messages import PolicyRequest, Thought
from gedanken.types import Observation


@dataclass
class Seat:
    """One connection's place: its agent, its goal, and whether it is still there."""

    agent: Agent
    goal: Observation | None = None
    gone: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Asked:
    seat: Seat
    request: PolicyRequest
    at: float
    answer: Future[Thought]

    @property
    def until(self) -> float:
        return float("inf") if self.request.deadline is None else self.at + self.request.deadline


class Engine:
    """Answers requests, one batch after the other, until it is closed.

    Args:
        together: most requests in a batch; 1 plans one by one, so that company does not even change a rounding.
        waiting: most other calls that may wait; more are refused.
    """

    def __init__(self, together: int = 16, waiting: int = 64) -> None:
        self.together, self.waiting = together, waiting
        self._asked: deque[_Asked] = deque()
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._idle: deque[Seat] = deque()
        self._news = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="gedanken-engine", daemon=True)
        self._thread.start()

    def plan(self, seat: Seat, request: PolicyRequest) -> Future[Thought]:
        """The decision for one request; a seat asks for one at a time."""
        return self._put(self._asked, lambda answer: _Asked(seat, request, time.perf_counter(), answer))

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """What `function` returns, called between two batches.

        Raises:
            Refused: too many calls wait already.
        """
        if len(self._calls) >= self.waiting:
            raise Refused(f"{self.waiting} requests wait already; ask again in a moment.")
        return self._put(self._calls, lambda answer: (function, answer))

    def leave(self, seat: Seat) -> None:
        """Whoever sat there is gone: what it waits for is dropped, and a search for it alone ends with its round."""
        seat.gone.set()
        with self._news:
            for asked in [each for each in self._asked if each.seat is seat]:
                self._asked.remove(asked)
                asked.answer.cancel()
            self._news.notify()

    def close(self) -> None:
        """End the thread after what it is doing; what waits is cancelled."""
        with self._news:
            self._open = False
            for answer in [*(asked.answer for asked in self._asked), *(answer for _, answer in self._calls)]:
                answer.cancel()
            self._asked.clear()
            self._calls.clear()
            self._news.notify()
        self._thread.join()

    def _put(self, queue: deque[Any], item: Callable[[Future[Any]], Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        with self._news:
            if not self._open:
                raise Refused("the server is closing; connect again later.")
            queue.append(item(answer))
            self._news.notify()
        return answer

    def _run(self) -> None:
        torch.set_num_threads(1)
        while True:
            with self._news:
                self._news.wait_for(lambda: not self._open or self._asked or self._calls or self._idle)
                if not self._open:
                    return
                asked = [self._asked.popleft() for _ in range(min(self.together, len(self._asked)))]
                call = self._calls.popleft() if self._calls else None
            for group in _groups(asked):
                self._answer(group)
            if call is not None:
                _settle(call[1], call[0])
            elif not asked and self._idle:
                self._foresee(self._idle.popleft())

    def _answer(self, group: list[_Asked]) -> None:
        ready = [asked for asked in group if asked.answer.set_running_or_notify_cancel() and _begun(asked)]
        began = time.perf_counter()
        for asked, found in zip(ready, _decided(ready), strict=True):
            if isinstance(found, Exception):
                asked.answer.set_exception(found)
                continue
            took = time.perf_counter() - began
            asked.answer.set_result(Thought(found, took, began - asked.at, len(ready)))
            if asked.request.ahead:
                self._idle.append(asked.seat)

    def _foresee(self, seat: Seat) -> None:
        if seat.gone.is_set() or any(asked.seat is seat for asked in self._asked):
            return
        try:
            seat.agent.foresee(lambda: bool(self._asked) or seat.gone.is_set())
        except GedankenError:  # it will be said when the robot asks; until then nobody waits for this
            return


def _groups(asked: Iterable[_Asked]) -> list[list[_Asked]]:
    """Requests that may share a search: of one model, and all with a deadline or all without."""
    groups: dict[tuple[int, bool], list[_Asked]] = {}
    for each in asked:
        groups.setdefault((id(each.seat.agent.model), each.request.deadline is None), []).append(each)
    return list(groups.values())


def _begun(asked: _Asked) -> bool:
    """Whether the seat has a goal, a new one where the request brings one; says so where it has none."""
    seat, request = asked.seat, asked.request
    goal = seat.goal if request.goal is None else request.goal
    try:
        if goal is None:
            raise BadInput("no goal was given yet; the first request of a connection needs a 'goal'.")
        if request.seed is not None:
            seat.agent.generator.manual_seed(request.seed)
        if request.reset or request.seed is not None or not _same(goal, seat.goal):
            seat.agent.begin(goal)
            seat.goal = goal
    except Exception as error:
        asked.answer.set_exception(error)
        return False
    return True


def _same(goal: Observation, other: Observation | None) -> bool:
    return goal is other or (other is not None and all(torch.equal(goal[name], other[name]) for name in goal))


def _decided(group: list[_Asked]) -> list[Any]:
    """Each row's decision, or the error that stands in its place; what spoils a batch is looked for row by row."""
    if not group:
        return []
    agents, seen = [each.seat.agent for each in group], [each.request.observation for each in group]
    before = [(agent, agent.task, agent.generator.get_state()) for agent in agents]
    try:
        return list(act_together(agents, seen, _enough(group)))
    except Exception as error:
        for agent, task, state in before:  # some may have been decided already
            agent.task = task
            agent.generator.set_state(state)
        return [error] if len(group) == 1 else [found for each in group for found in _decided([each])]


def _enough(group: list[_Asked]) -> Enough:
    until, seats = min(each.until for each in group), [each.seat for each in group]
    return lambda: time.perf_counter() >= until or all(seat.gone.is_set() for seat in seats)


def _settle(answer: Future[Any], function: Callable[[], Any]) -> None:
    if answer.set_running_or_notify_cancel():
        try:
            answer.set_result(function())
        except Exception as error:
            answer.set_exception(error)

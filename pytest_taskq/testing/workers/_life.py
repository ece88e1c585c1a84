"""The tasks that a user's worker consists of, from its start to its end."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from pytest_taskq.engine.clock import take_turns
from pytest_taskq.testing.workers._abandon import cancel_or_abandon
from pytest_taskq.testing.workers._births import Birthplaces, births
from pytest_taskq.testing.workers._signals import Handlers
from pytest_taskq.testing.workers._words import waits_of
from pytest_taskq.testing.workers.ways import Ways

__all__ = ["Life"]

# Copied into the context of each task that a worker starts, and of those that these start.
_OWNER: ContextVar[Life | None] = ContextVar("taskq_owner", default=None)


class Life:
    """Begun on the running loop. ``task``: in which the worker's start runs."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._family: set[asyncio.Task[Any]] = set()
        self.places = Birthplaces()
        self.handlers = Handlers()
        self.abandoned: list[asyncio.Task[Any]] = []
        """Those that have not ended at the end, though they were cancelled."""
        self._in_place = ExitStack()
        self._in_place.callback(self.handlers.restore)
        self._in_place.enter_context(births(asyncio.get_running_loop(), self._is_born))
        self.task = asyncio.create_task(self._live())

    def tasks(self) -> set[asyncio.Task[Any]]:
        """Those that are to end when it is stopped by itself."""
        return {self.task, *self._family} if self._ways.returns else {self.task}

    def is_started(self) -> bool:
        """Whether its start has returned, or it waits for the first time."""
        waits = getattr(self.task, "_fut_waiter", None) is not None
        return self.task.done() or (waits and not self._ways.returns)

    def is_over(self) -> bool:
        """Whether it has ended by itself."""
        return all(task.done() for task in self.tasks())

    def error(self) -> BaseException | None:
        """What it died of."""
        if not self.task.done() or self.task.cancelled():
            return None
        return self.task.exception()

    def dead_part(self) -> BaseException | None:
        """What a task died of that was to run until it is stopped.

        One that somebody has looked at was not, and is forgotten: the worker has dealt with it.
        """
        for task in self.tasks() - {self.task}:
            if getattr(task, "_exception", None) is not None:
                if task._log_traceback:  # noqa: SLF001 - asyncio's own word for not looked at
                    return task.exception()
                self._family.discard(task)
        return None

    async def pass_errors_on(self) -> None:
        """Where tasks of it have failed, let those end that wait for them."""
        if any(getattr(task, "_exception", None) is not None for task in self._family):
            await take_turns()

    def told(self) -> str:
        """What it waits on."""
        going_on = [task for task in self.tasks() if not task.done()]
        return f"task {waits_of(going_on)}" if going_on else "its start has returned"

    async def left(self) -> list[asyncio.Task[Any]]:
        """The tasks it has started that still run, when they had some turns to end."""
        if not self._family <= {task for task in self._family if task.done()}:
            await take_turns()
        return [task for task in self._family if not task.done()]

    async def end(self) -> None:
        """Cancel what there is still, and put back what was there before the worker.

        What does not end in a second is left behind.
        """
        try:
            self.abandoned = await cancel_or_abandon({self.task, *self._family})
        finally:
            self._in_place.close()

    async def _live(self) -> Any:
        __tracebackhide__ = True  # from the traceback of what the worker dies of
        _OWNER.set(self)
        answer: Any = self._ways.start()
        return await answer if hasattr(answer, "__await__") else answer

    def _is_born(self, task: asyncio.Task[Any]) -> None:
        if _OWNER.get() is self:
            self._family.add(task)
            self.places.note(task)

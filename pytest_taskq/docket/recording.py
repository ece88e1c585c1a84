"""A docket that also writes down what is asked of it, for calling a task without a worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pytest_taskq.docket._placeholder import placeholder
from pytest_taskq.docket._states import TaskFunction
from pytest_taskq.docket.docket import Docket
from pytest_taskq.docket.execution import Execution
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

__all__ = ["RecordedCall", "RecordingDocket"]


@dataclass(frozen=True)
class RecordedCall:
    """What a task asked of its docket; ``when`` and ``key`` are None where it left them out."""

    verb: Literal["add", "replace", "cancel"]
    task: str | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    when: datetime | None = None
    key: str | None = None


class RecordingDocket(Docket):
    """Stands in for the docket of a task that is called directly. It is open when made.

    A mock cannot do that: ``AsyncMock().add(...)`` is a coroutine, which nobody can call.
    ``calls`` has what the task asked for, in order. Everything else is as on a docket in
    memory, so what could not be scheduled there is refused here; only that a name need not be
    registered.

        docket = RecordingDocket()
        await check_out(order_id=7, docket=docket)
        assert docket.calls == [RecordedCall("add", "send_receipt", (7,))]
    """

    def __init__(self) -> None:
        super().__init__(name="recording", url="memory://recording")
        self.lend(Queue(MemoryStore(), Clock.present(), seed=0))
        self.calls: list[RecordedCall] = []

    def add(
        self, function: TaskFunction | str, when: datetime | None = None, key: str | None = None
    ) -> Callable[..., Awaitable[Execution]]:
        """See ``Docket.add``; recorded when the arguments are given, and accepted."""
        return self._recording(
            "add", super().add(self._known(function), when, key), function, when, key
        )

    def replace(
        self, function: TaskFunction | str, when: datetime, key: str
    ) -> Callable[..., Awaitable[Execution]]:
        """See ``Docket.replace``; recorded as ``add`` is."""
        return self._recording(
            "replace", super().replace(self._known(function), when, key), function, when, key
        )

    async def cancel(self, key: str) -> None:
        """See ``Docket.cancel``; recorded, whether there is anything to cancel or not."""
        await super().cancel(key)
        self.calls.append(RecordedCall("cancel", key=key))

    def _known(self, function: TaskFunction | str) -> TaskFunction:
        if isinstance(function, str):
            return self.tasks.get(function) or placeholder(function)
        return function

    def _recording(
        self,
        verb: Literal["add", "replace"],
        schedule: Callable[..., Awaitable[Execution]],
        function: TaskFunction | str,
        when: datetime | None,
        key: str | None,
    ) -> Callable[..., Awaitable[Execution]]:
        name = function if isinstance(function, str) else function.__name__

        async def scheduler(*args: Any, **kwargs: Any) -> Execution:
            execution = await schedule(*args, **kwargs)
            self.calls.append(RecordedCall(verb, name, args, kwargs, when, key))
            return execution

        return scheduler

"""Tasks: what a worker calls for a job, and the attempt it is called with."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import BadOption, UnknownTask
from pytest_taskq.core.instants import to_micros
from pytest_taskq.core.job import Job, JobId
from pytest_taskq.core.outcome import Again, Outcome
from pytest_taskq.core.payload import decode_call
from pytest_taskq.core.retry import RetryPolicy, no_retry

if TYPE_CHECKING:
    from pytest_taskq.engine.queue import Queue
    from pytest_taskq.engine.worker import Worker

__all__ = ["CURRENT_JOB", "Attempt", "Task", "Tasks", "call_function", "call_in_thread"]

CURRENT_JOB: ContextVar[tuple[Queue, JobId] | None] = ContextVar("taskq_current_job", default=None)
"""The job whose task this code runs in: the parent of what it enqueues on the same queue."""


class Attempt:
    """One run of one job: what a task's function is called with, and what facades add to it.

    ``recorded``: called with the job as it is then, once the outcome has been recorded. The run
    waits for it, and takes no other job meanwhile. ``is_stopped``: whether its worker, or the end
    of the loop, has cancelled it; a task may also cancel itself.
    """

    __slots__ = ("args", "extra", "is_stopped", "job", "kwargs", "recorded", "worker")

    def __init__(
        self,
        job: Job,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        worker: Worker,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.job = job
        self.args = args
        self.kwargs = kwargs
        self.worker = worker
        self.is_stopped = is_stopped
        self.extra: Any = None
        self.recorded: Callable[[Job], Awaitable[None]] | None = None


async def call_function(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a task's function: awaited when it is a coroutine function, else in a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    value = await call_in_thread(function, *args, **kwargs)
    return await value if inspect.isawaitable(value) else value


async def call_in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a sync function in a thread; what it raises is raised here, whatever it is."""

    # asyncio cannot hand a StopIteration over, nor does it survive a SystemExit in a future.
    def guarded() -> tuple[bool, Any]:
        try:
            return True, function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again on the caller's side
            return False, error

    returned, value = await asyncio.to_thread(guarded)
    if returned:
        return value
    if isinstance(value, StopIteration):
        raise RuntimeError("the task raised StopIteration") from value
    raise value


class Task:
    """A registered function with its options.

    Raises BadOption for a time limit of nothing.

    ``call`` runs one attempt and returns its value, or an ``Outcome`` to report as it is.
    ``decide`` says after a failure whether and when again; by default it asks ``retry``.
    ``follow`` may name jobs to enqueue in the same breath as the outcome is recorded.
    ``timeout``: seconds an attempt may take; None for no limit. A sync function goes on in its
    thread beyond it, for threads cannot be stopped, while the job is retried or dead.
    """

    __slots__ = ("call", "decide", "follow", "name", "retry", "timeout")

    def __init__(
        self,
        *,
        name: str,
        call: Callable[[Attempt], Awaitable[Any]],
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        decide: Callable[[Attempt, BaseException], Again | None] | None = None,
        follow: Callable[[Attempt, Outcome], list[Job]] | None = None,
    ) -> None:
        if timeout is not None and to_micros(timeout) == 0:
            raise BadOption(
                f"A time limit must be longer than nothing. That of {name} is "
                f"{timeout!r}. Use None for no limit."
            )
        self.name = name
        self.call = call
        self.retry = no_retry() if retry is None else retry
        self.timeout = timeout
        self.decide = decide
        self.follow = follow

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        in_thread: bool = True,
    ) -> Task:
        """A task that calls ``function`` with the job's arguments.

        A sync function runs in a thread; with ``in_thread=False`` on the loop, which it blocks.
        """

        async def call(attempt: Attempt) -> Any:
            if in_thread:
                return await call_function(function, *attempt.args, **attempt.kwargs)
            value = function(*attempt.args, **attempt.kwargs)
            return await value if inspect.isawaitable(value) else value

        if inspect.iscoroutinefunction(function):

            async def call(attempt: Attempt) -> Any:
                return await function(*attempt.args, **attempt.kwargs)

        return cls(
            name=name or str(getattr(function, "__name__", type(function).__name__)),
            call=call,
            retry=retry,
            timeout=timeout,
        )

    def after_failure(self, attempt: Attempt, error: BaseException) -> Again | None:
        """Whether and when again, after this error."""
        if self.decide is not None:
            return self.decide(attempt, error)
        queue = attempt.worker.queue
        delay = self.retry.delay(attempt.job.attempt, error, queue.rng)
        return None if delay is None else Again(at=queue.clock.now() + to_micros(delay))


class Tasks(Mapping[str, Task]):
    """Tasks by name. A later one of the same name replaces the earlier."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def add(self, task: Task) -> Task:
        """Register a task and give it back."""
        self._tasks[task.name] = task
        return task

    def arguments(self, job: Job) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a job; a library with a form of its own reads that."""
        return decode_call(job.payload)

    def __getitem__(self, name: str) -> Task:
        try:
            return self._tasks[name]
        except KeyError:
            raise UnknownTask(name, self._tasks) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tasks

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

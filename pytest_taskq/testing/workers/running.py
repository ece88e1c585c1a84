"""Runs a user's worker inside an ``async with``: started, stopped, and nothing of it left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.clock import give_way
from pytest_taskq.testing.promises import noted
from pytest_taskq.testing.text import in_one_line
from pytest_taskq.testing.workers._abandon import left_behind
from pytest_taskq.testing.workers._block import AsyncBlock
from pytest_taskq.testing.workers._life import Life
from pytest_taskq.testing.workers._limit import all_done, comes_true, is_true
from pytest_taskq.testing.workers._signals import STOPPING
from pytest_taskq.testing.workers._words import how_it_ended, waiting
from pytest_taskq.testing.workers.leaks import describe_tasks
from pytest_taskq.testing.workers.queues import watch_queues_of
from pytest_taskq.testing.workers.shutdown import Jobs, Shutdown, ShutdownReport
from pytest_taskq.testing.workers.stopped import assert_stopped
from pytest_taskq.testing.workers.ways import Way, find_ways

__all__ = ["RunningWorker", "running"]


def running(
    worker: object,
    *,
    until: asyncio.Event | Callable[[], object] | None = None,
    start: Way = None,
    stop: Way = None,
    timeout: float = 2.0,
    within: float = 5.0,
) -> RunningWorker:
    """Run a worker of any class for as long as the block lasts, and leave nothing of it.

        async with running(worker, until=worker.is_running) as w:
            ...

    It is started in a task of its own by ``run``, ``start``, ``serve``, ``main`` or the method
    that ``start`` names, and stopped by ``stop``, ``shutdown``, ``close``, ``aclose`` or the one
    that ``stop`` names; both may be functions. A worker may also be a coroutine or a function
    that makes one. The body begins when ``until`` is true; without it, when the worker waits for
    the first time.

    At the end it is stopped, then cancelled, and so are the tasks it has started. Raises
    AssertionError when it is not ready after ``timeout`` seconds, dies before it was stopped, does
    not stop ``within`` seconds, or leaves a task; a worker that dies ends the body as well.
    Seconds are those of the loop or of the machine, whichever are over first.
    """
    if not (until is None or callable(until) or isinstance(until, asyncio.Event)):
        raise BadOption(
            f"running() asks again and again whether the worker is ready. until= is "
            f"{in_one_line(until)}, which never changes. Give it a function or an asyncio.Event: "
            f"until=lambda: pool.ready."
        )
    ready = until.is_set if isinstance(until, asyncio.Event) else until
    return RunningWorker(worker, ready, start, stop, timeout, within)


class RunningWorker(AsyncBlock):
    """A worker that runs, inside ``async with``. ``worker`` is the user's object."""

    def __init__(
        self,
        worker: object,
        until: Callable[[], object] | None,
        start: Way,
        stop: Way,
        timeout: float,
        within: float,
    ) -> None:
        self.worker = worker
        self._ways = find_ways(worker, start, stop)
        self._until = until
        self._timeout, self._within = timeout, within
        super().__init__()  # last: who is refused need not be entered
        self._asked: str | None = None  # to stop, and how
        self._end_expected = self._end_told = self._died = False
        self._dead_part: AssertionError | None = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._body = asyncio.current_task()
        self._cancelling = 0 if self._body is None else self._body.cancelling()
        watch_queues_of(self.worker)
        self._life = Life(self._ways)
        try:
            await self._become_ready()
        except BaseException:
            await self._life.end()
            raise
        self.task.add_done_callback(self._has_ended)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        body, self._body = self._body, None
        if await self._take_cancellation_back(body, error):
            error = None
        problem = await self._end()
        if self._life.abandoned:
            problem = problem or AssertionError("the worker has not ended")
            problem.add_note(left_behind(self._life.abandoned))
        if problem is not None and error is None:
            raise problem from problem.__cause__
        if problem is not None and error is not None:
            error.add_note(f"And the worker: {problem}")

    @property
    def task(self) -> asyncio.Task[Any]:
        """The task in which its start runs."""
        return self._life.task

    @noted("w.stop")
    async def stop(self) -> None:
        """Stop the worker by its own ``stop``, and check that it has stopped.

        Raises AssertionError when it has not, ``within`` seconds; see ``assert_stopped``.
        """
        await self._check_that_it_lives()
        await self._call(self._ways.stop, self._ways.stop_name)
        await self.assert_stopped()

    @noted("w.shutdown")
    async def shutdown(
        self,
        *,
        in_flight: Jobs = None,
        finished: Jobs = None,
        put_back: Jobs = None,
        cancelled: Jobs = None,
        key: Callable[[Any], Any] | None = None,
        may_lose: bool = False,
    ) -> ShutdownReport:
        """Shut the worker down, and tell what became of the jobs that were in flight.

        Each is a collection of jobs, a function that returns one, or an asyncio.Queue; in flight
        may be a ``ConcurrencyProbe`` around the handler, which knows the finished ones as well.
        ``key``: what makes two jobs the same, such as ``lambda job: job["id"]``.
        Raises AssertionError for a job that was lost, unless the worker ``may_lose`` it.

            report = await w.shutdown(in_flight=probe, put_back=queue)
        """
        jobs = Shutdown(in_flight, finished, put_back, cancelled, key)
        await self._check_that_it_lives()
        await self._call(self._ways.shutdown, self._ways.shutdown_name)
        await self.assert_stopped()
        report = jobs.report()
        if not may_lose:
            report.assert_none_lost()
        return report

    def signal(self, name: str) -> None:
        """Send a signal to the worker's own handler: ``w.signal("SIGTERM")``.

        Raises AssertionError when it has set none. The handlers that were there before the worker
        are put back at the end.
        """
        self._life.handlers.send(name)
        if name in STOPPING:
            self._asked, self._end_expected = name, True

    @noted("w.assert_stopped")
    async def assert_stopped(self, *, within: float | None = None) -> None:
        """Wait until the worker has ended, and check that nothing of it runs any more.

        Raises AssertionError when it still runs after ``within`` seconds, has failed, has left a
        task, or its ``is_running`` says that it runs.
        """
        self._end_expected = self._end_told = True
        seconds = self._within if within is None else within
        if self._dead_part is not None:
            raise self._dead_part
        after = self._asked or f"{self._ways.stop_name}()"
        await assert_stopped(*self._life.tasks(), within=seconds, after=after)
        await self._check_that_all_ended()

    @noted("w.ended")
    async def ended(self, *, within: float | None = None) -> Any:
        """Wait until the worker ends by itself; returns what it returned, raises what it raised.

        Raises AssertionError when it still runs after ``within`` seconds.
        """
        self._end_expected = True
        seconds = self._within if within is None else within
        if not await all_done({self.task}, seconds):
            raise AssertionError(f"still running after {seconds:g} s: {self._life.told()}")
        self._end_told = True
        result = self.task.result()
        await self._check_that_all_ended()
        return result

    async def _check_that_it_lives(self) -> None:
        """Raise AssertionError when it has died before anybody wanted it to end."""
        if self._end_expected:
            return
        await self._life.pass_errors_on()
        if (died := self._life.error()) is not None:
            self._end_expected = self._end_told = True
            raise _because(died, f"worker ended before it was stopped: {in_one_line(died)}")
        if (dead := self._life.dead_part()) is not None:
            text = f"a task of the worker ended before it was stopped: {in_one_line(dead)}"
            self._dead_part = _because(dead, text)

    async def _check_that_all_ended(self) -> None:
        says = getattr(self.worker, "is_running", None)
        if says is not None and (await is_true(says) if callable(says) else says):
            raise AssertionError("the worker has ended, and its is_running says that it runs")
        if left := await self._life.left():
            who = "the worker has ended and"
            raise AssertionError(describe_tasks(left, self._life.places, who))

    async def _become_ready(self) -> None:
        life, until = self._life, self._until

        def is_lost() -> bool:
            ended = until is not None and not self._ways.returns and life.task.done()
            return ended or life.error() is not None

        if await comes_true(until or life.is_started, self._timeout, is_lost):
            return
        if is_lost():
            raise AssertionError(
                f"worker ended before it was ready: {how_it_ended(life.task)}"
            ) from life.error()
        hint = "" if until else ". Say with until=... when it is ready"
        raise AssertionError(
            f"worker did not become ready within {self._timeout:g} s: {life.told()}{hint}"
        )

    async def _call(self, way: Callable[[], object] | None, name: str) -> None:
        """Ask the worker to stop, in its own way, or by cancelling it where it has none."""
        self._asked, self._end_expected = f"{name}()", True
        if way is None:
            self.task.cancel()
            return

        async def call() -> None:
            await is_true(way)

        asking = asyncio.create_task(call())
        try:
            if not await all_done({asking}, self._within):
                self._end_told = True
                raise AssertionError(
                    f"{name}() did not return within {self._within:g} s: {waiting(asking)}"
                )
            asking.result()
        finally:
            asking.cancel()

    def _has_ended(self, _: asyncio.Task[Any]) -> None:
        """End a body that would wait in vain for a worker that has died."""
        if self._life.error() is not None and not self._end_expected and self._body is not None:
            self._died = True
            self._body.cancel()

    async def _take_cancellation_back(
        self, body: asyncio.Task[Any] | None, error: BaseException | None
    ) -> bool:
        """Whether the body ended because we cancelled it."""
        if not self._died or body is None:
            return False
        body.uncancel()
        if isinstance(error, asyncio.CancelledError):
            return body.cancelling() <= self._cancelling
        with suppress(asyncio.CancelledError):
            await give_way()  # else it would reach us later
        return False

    async def _end(self) -> AssertionError | None:
        """Stop the worker unless that is done, and end what is left. What was wrong with it."""
        try:
            await self._check_that_it_lives()
            if self._asked is None and not self._life.is_over():
                await self._call(self._ways.stop, self._ways.stop_name)
            if not self._end_told:
                await self.assert_stopped()
        except AssertionError as problem:
            return problem
        except Exception as error:  # noqa: BLE001 - whatever the user's own stop raises
            return _because(error, f"the worker's {self._asked} failed: {in_one_line(error)}")
        finally:
            await self._life.end()
        return None


def _because(cause: BaseException, text: str) -> AssertionError:
    error = AssertionError(text)
    error.__cause__ = cause
    return error

"""The helpers of ``testing.workers`` as methods, for the fixture that hands them out.

They are loaded with the first one that is used: most tests are not of workers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, overload

from pytest_taskq.core.errors import BadOption

if TYPE_CHECKING:
    import asyncio

    from pytest_taskq.testing.workers import (
        ConcurrencyProbe,
        RunningWorker,
        assert_consumed,
        assert_stopped,
        assert_times_out,
        cancel_and_check,
        cancel_at_every_await,
        drained,
        settle,
        watched,
    )
    from pytest_taskq.testing.workers.ways import Way

__all__ = ["WorkerChecks"]

OPTIONS = ("until", "start", "stop", "timeout", "within")


class _Helper:
    """One of these helpers, by what it is called there."""

    def __init__(self, name: str) -> None:
        self._named = attrgetter(name)

    def __get__(self, _instance: object, _owner: object) -> Any:
        from pytest_taskq.testing import workers

        return self._named(workers)


class WorkerChecks:
    """For workers that no library of ours runs: of any class, with nothing to inherit."""

    @overload
    def running(self, *, workers: int = 1) -> AbstractAsyncContextManager[None]: ...
    @overload
    def running(
        self,
        worker: object,
        *,
        until: asyncio.Event | Callable[[], object] | None = None,
        start: Way = None,
        stop: Way = None,
        timeout: float = 2.0,
        within: float = 5.0,
    ) -> RunningWorker: ...
    def running(
        self, worker: object = None, *, workers: int = 1, **given: Any
    ) -> AbstractAsyncContextManager[Any]:
        """Live workers for the length of a block, ended as they end themselves.

        Without a worker: those of the queues under test. With one of your own, of any class: see
        ``testing.workers.running``.

            async with taskq.running(Worker(queue), until=ready) as w:
                ...
        """
        if type(workers) is not int or workers < 1:
            raise BadOption(
                f"running() starts 1 or more workers. It was given workers={workers!r}. "
                f"Leave it out for one."
            )
        _check(worker, workers, given)
        from pytest_taskq.testing import workers as helpers

        if worker is None:
            return helpers.LiveBlock(self.live_workers(workers))
        return helpers.running(worker, **given)

    def live_workers(self, workers: int) -> AbstractAsyncContextManager[None]:
        """Those of the queues under test."""
        raise NotImplementedError

    if TYPE_CHECKING:
        shutdown = staticmethod(RunningWorker.shutdown)
        assert_stopped = staticmethod(assert_stopped)
        cancel_and_check = staticmethod(cancel_and_check)
        cancel_at_every_await = staticmethod(cancel_at_every_await)
        concurrency = ConcurrencyProbe
        watched = staticmethod(watched)
        drained = staticmethod(drained)
        assert_consumed = staticmethod(assert_consumed)
        assert_times_out = staticmethod(assert_times_out)
        settle = staticmethod(settle)
    else:
        shutdown = _Helper("RunningWorker.shutdown")
        assert_stopped = _Helper("assert_stopped")
        cancel_and_check = _Helper("cancel_and_check")
        cancel_at_every_await = _Helper("cancel_at_every_await")
        concurrency = _Helper("ConcurrencyProbe")
        watched = _Helper("watched")
        drained = _Helper("drained")
        assert_consumed = _Helper("assert_consumed")
        assert_times_out = _Helper("assert_times_out")
        settle = _Helper("settle")


def _check(worker: object, workers: int, given: dict[str, Any]) -> None:
    for name in given:
        if name not in OPTIONS:
            raise BadOption(
                f"running() does not know {name}=. For a worker of your own it takes "
                f"{', '.join(OPTIONS)}, and without one workers. Correct the name."
            )
        if worker is None:
            raise BadOption(
                f"running() runs the workers of the queues under test, and takes workers= alone. "
                f"It was given {name}=. Name a worker of your own: running(worker, {name}=...)."
            )
    if worker is not None and workers != 1:
        raise BadOption(
            f"running() runs a worker of your own once. It was given workers={workers!r}. "
            f"Make as many of them, and run each in a block of its own."
        )

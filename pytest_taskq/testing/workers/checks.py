"""The same helpers as methods, for the fixture that hands them out."""

from __future__ import annotations

from pytest_taskq.testing.workers.cancellation import cancel_and_check, cancel_at_every_await
from pytest_taskq.testing.workers.concurrency import ConcurrencyProbe
from pytest_taskq.testing.workers.queues import assert_consumed, drained, watched
from pytest_taskq.testing.workers.running import RunningWorker, running
from pytest_taskq.testing.workers.settling import settle
from pytest_taskq.testing.workers.stopped import assert_stopped
from pytest_taskq.testing.workers.timeouts import assert_times_out

__all__ = ["WorkerChecks"]


class WorkerChecks:
    """``taskq.running(worker)``, ``taskq.concurrency()``, ``await taskq.drained(queue)`` ..."""

    running = staticmethod(running)
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

"""Checks for plain asyncio workers: of any class, on a clock that jumps and on the machine's."""

from __future__ import annotations

from pytest_taskq.testing.worker_checks import WorkerChecks
from pytest_taskq.testing.workers._block import LiveBlock
from pytest_taskq.testing.workers.blocking import BlockingWatch
from pytest_taskq.testing.workers.cancellation import cancel_and_check, cancel_at_every_await
from pytest_taskq.testing.workers.concurrency import ConcurrencyProbe, ProbedCall
from pytest_taskq.testing.workers.exceptions import LostExceptions
from pytest_taskq.testing.workers.leaks import describe_tasks, leaked_tasks
from pytest_taskq.testing.workers.queues import assert_consumed, drained, watched
from pytest_taskq.testing.workers.running import RunningWorker, running
from pytest_taskq.testing.workers.settling import settle
from pytest_taskq.testing.workers.shutdown import ShutdownReport
from pytest_taskq.testing.workers.stopped import assert_stopped
from pytest_taskq.testing.workers.timeouts import assert_times_out
from pytest_taskq.testing.workers.watch import TestWatch

__all__ = [
    "WorkerChecks",
    "LiveBlock",
    "running",
    "RunningWorker",
    "assert_stopped",
    "ShutdownReport",
    "cancel_and_check",
    "cancel_at_every_await",
    "ConcurrencyProbe",
    "ProbedCall",
    "watched",
    "drained",
    "assert_consumed",
    "assert_times_out",
    "settle",
    "TestWatch",
    "leaked_tasks",
    "describe_tasks",
    "LostExceptions",
    "BlockingWatch",
]

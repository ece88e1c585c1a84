"""A real Docket in memory, watched for a test. The only file that imports Docket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pytest_taskq.adapters._docket_record import Record
from pytest_taskq.adapters._docket_under_test import UnderTest
from pytest_taskq.adapters._docket_watch import Watch
from pytest_taskq.core.errors import BadOption, MissingExtra
from pytest_taskq.core.schedule import Schedule, cron, every
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.under_test import TaskInfo

try:
    from docket import Cron, ExponentialRetry, Perpetual, Retry, Worker
    from docket.dependencies import (
        AdmissionBlocked,
        get_dependency_parameters,
        get_single_dependency_parameter_of_type,
    )
    from docket.execution import Execution
except ImportError:
    raise MissingExtra("docket", "docket") from None

__all__ = ["Adopted"]


class Adopted:
    """A real Docket for the length of a test: it stays what it is, and is watched.

    Raises BadOption for one that is not on ``memory://``, and for a clock that is not real.
    """

    def __init__(self, docket: Any, clock: Clock) -> None:
        if not str(docket.url).startswith("memory://"):
            raise BadOption(
                "taskq works with a real Docket in memory only: what others do on a server is "
                "not observable here. This one has another URL. Give it url='memory://...', or "
                "use taskq_substitute = docket."
            )
        if clock.mode != "real":
            raise BadOption(
                f"A real Docket lives on real time: another one is not observable here. The mode "
                f"of the clock is {clock.mode!r}. Use a real one, or taskq_substitute = docket."
            )
        self.docket = docket
        self._watch = Watch(docket, Record(clock), AdmissionBlocked)

    def under_test(self) -> UnderTest:
        """The docket as the harness wants to see it."""
        return UnderTest(self._watch, Worker, Execution, _info)

    def close(self) -> None:
        """Give the docket back as it was. Its jobs stay in it."""
        self._watch.close()


def _info(name: str, function: Any) -> TaskInfo:
    perpetual = get_single_dependency_parameter_of_type(function, Perpetual)
    retry = get_single_dependency_parameter_of_type(function, Retry)
    return TaskInfo(
        name,
        function,
        given=frozenset(get_dependency_parameters(function)),
        delay=None if retry is None else _delay(retry),
        schedule=None if perpetual is None else _schedule(perpetual),
        # A worker schedules it under its name, which then is the key of the whole chain.
        automatic=lambda job: bool(perpetual and perpetual.automatic and job.key == job.task),
    )


def _delay(retry: Retry) -> Callable[[int, BaseException], timedelta | None]:
    def delay(attempt: int, _error: BaseException) -> timedelta | None:
        if retry.attempts is not None and attempt >= retry.attempts:
            return None
        if not isinstance(retry, ExponentialRetry) or attempt == 1 or not retry.delay:
            return retry.delay
        steps = min(attempt - 1, (retry.maximum_delay // retry.delay).bit_length())
        grown: timedelta = retry.delay * 2**steps
        return min(grown, retry.maximum_delay)

    return delay


def _schedule(perpetual: Perpetual) -> Schedule | None:
    """None for a task that follows itself at once: that has no ticks."""
    if isinstance(perpetual, Cron):
        return cron(perpetual.expression, perpetual.tz)
    return every(perpetual.every) if perpetual.every else None

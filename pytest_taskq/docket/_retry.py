"""Retry: how often a task is tried, and how long it waits in between."""

from __future__ import annotations

import logging
from copy import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Self

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime, to_instant, to_micros
from pytest_taskq.docket._dependency import current_docket, current_execution
from pytest_taskq.docket._handlers import FailureHandler, TaskOutcome, format_duration
from pytest_taskq.docket._states import Disposition

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["ExponentialRetry", "ForcedRetry", "Retry"]

ZERO = timedelta(0)


class ForcedRetry(Exception):
    """The task asked for another attempt through ``Retry.after`` or ``Retry.at``."""


class Retry(FailureHandler["Retry"]):
    """Tries a failing task again, ``delay`` after each failure.

    ``attempts`` is the total, the first one included, as docket 0.27 counts; None: for ever.
    In the task, ``attempt`` says which one this is, from 1.

        async def charge(order_id: int, retry: Retry = Retry(attempts=3)) -> None: ...
    """

    def __init__(self, attempts: int | None = 1, delay: timedelta = ZERO) -> None:
        if attempts is not None and attempts < 1:
            raise BadOption(
                f"Retry counts all attempts, so there is at least one. It was given {attempts!r}. "
                f"Use 1 for a task that is not retried, None for one that is retried for ever."
            )
        to_micros(delay)
        self.attempts = attempts
        self.delay = delay
        self.attempt = 1
        self._at: int | None = None

    @classmethod
    def forever(cls, delay: timedelta = ZERO) -> Self:
        """A retry without an end."""
        return cls(attempts=None, delay=delay)

    async def __aenter__(self) -> Self:
        retry = copy(self)
        retry.attempt = current_execution.get().attempt
        retry.delay = self._delay_after(retry.attempt)
        return retry

    def after(self, delay: timedelta) -> NoReturn:
        """End this attempt, and make the next one, if one is left, ``delay`` from now."""
        to_micros(delay)
        self.delay = delay
        self._at = None
        raise ForcedRetry(f"again after {delay}")

    def in_(self, delay: timedelta) -> NoReturn:
        """The former name of ``after``."""
        self.after(delay)

    def at(self, when: datetime) -> NoReturn:
        """End this attempt, and make the next one, if one is left, at ``when``; past means now."""
        self._at = to_instant(when)
        raise ForcedRetry(f"again at {when.isoformat()}")

    async def handle_failure(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Have the execution tried again, if an attempt is left."""
        if self.attempts is not None and execution.attempt >= self.attempts:
            return False
        call, lasted = execution.call_repr(), format_duration(outcome.duration.total_seconds())
        now = current_docket.get().queue.clock.now()
        at = now + to_micros(self.delay) if self._at is None else max(now, self._at)
        execution.when = to_datetime(at)
        execution.attempt += 1
        disposition = await execution.schedule(
            replace=True,
            reschedule_message=execution.message_id,
            expected_generation=execution.generation,
        )
        logger = logging.getLogger("docket.dependencies")
        logger.error("↩ [%s] %s", lasted, call, exc_info=outcome.exception)
        if disposition is Disposition.SUPERSEDED:
            logger.info("↬ [%s] %s (superseded)", lasted, call)
        else:
            logger.info("↫ [%s] %s", lasted, call)
        return True

    def delay_after(self, attempt: int) -> timedelta | None:
        """How long after the failure of this attempt (1, 2, ...) the next is due, if there is."""
        if self.attempts is not None and attempt >= self.attempts:
            return None
        return self._delay_after(attempt)

    def _delay_after(self, attempt: int) -> timedelta:
        return self.delay


class ExponentialRetry(Retry):
    """A retry whose delay begins at ``minimum_delay`` and doubles up to ``maximum_delay``."""

    def __init__(
        self,
        attempts: int | None = 1,
        minimum_delay: timedelta = timedelta(seconds=1),
        maximum_delay: timedelta = timedelta(seconds=64),
    ) -> None:
        super().__init__(attempts, minimum_delay)
        to_micros(maximum_delay)
        self.minimum_delay = minimum_delay
        self.maximum_delay = maximum_delay

    @classmethod
    def forever(
        cls,
        delay: timedelta = timedelta(seconds=1),
        maximum_delay: timedelta = timedelta(seconds=64),
    ) -> Self:
        """A retry without an end."""
        return cls(attempts=None, minimum_delay=delay, maximum_delay=maximum_delay)

    def _delay_after(self, attempt: int) -> timedelta:
        delay = self.minimum_delay
        if attempt == 1 or not delay:
            return delay
        # Doubling step by step stops at the maximum, where a power of two would overflow.
        for _ in range(attempt - 1):
            if delay >= self.maximum_delay:
                break
            delay *= 2
        return min(delay, self.maximum_delay)

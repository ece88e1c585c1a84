"""Whether a failed job runs again, and when."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pytest_taskq.core.instants import to_instant
from pytest_taskq.engine.clock import Clock
from pytest_taskq.procrastinate._options import to_delay
from pytest_taskq.procrastinate.jobs import Job

__all__ = [
    "BaseRetryStrategy",
    "RetryDecision",
    "RetryStrategy",
    "RetryValue",
    "get_retry_strategy",
]


class RetryDecision:
    """Run the job again at an instant, perhaps elsewhere; None leaves a field as it is.

    ``retry_in`` has the keywords of ``timedelta`` and is counted from the moment at which the
    worker asks; with neither that nor ``retry_at`` the job is due at once. Raises ValueError for
    both, and for a naive ``retry_at``, TypeError for a unit that there is not.

        RetryDecision(retry_in={"minutes": 5}, queue="patient")
    """

    def __init__(
        self,
        *,
        retry_at: datetime | None = None,
        retry_in: Mapping[str, float] | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        if retry_at is not None and retry_in is not None:
            raise ValueError(
                "A retry happens at one instant. Both retry_at and retry_in were given. "
                "Leave one of them out."
            )
        if retry_at is not None:
            to_instant(retry_at)
        self._at = retry_at
        self._delay = to_delay("retry_in", retry_in or {})
        self.priority = priority
        self.queue = queue
        self.lock = lock

    def at(self, now: datetime) -> datetime:
        """When the job runs again, if it is decided ``now``."""
        return now + self._delay if self._at is None else self._at

    @property
    def retry_at(self) -> datetime:
        """When the job would run again, if it were decided at this moment of Python's time."""
        return self.at(Clock("real").time())


class BaseRetryStrategy:
    """What a user's own strategy inherits from; it defines ``get_retry_decision``."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """The decision after a failed run; None to give up.

        ``job.attempts`` counts the runs before this one: it is 0 after the first.
        """
        warnings.warn(
            f"{type(self).__name__}.get_schedule_in() is the older way: "
            f"define get_retry_decision() instead",
            DeprecationWarning,
            stacklevel=2,
        )
        seconds = self.get_schedule_in(exception=exception, attempts=job.attempts)
        return None if seconds is None else RetryDecision(retry_in={"seconds": seconds})

    def get_schedule_in(self, *, exception: BaseException, attempts: int) -> int | None:
        """The older form: seconds until the next run; None to give up."""
        raise NotImplementedError(
            f"{type(self).__name__} decides nothing. It defines neither get_retry_decision() nor "
            f"get_schedule_in(). Define the first."
        )


@dataclass(frozen=True, kw_only=True)
class RetryStrategy(BaseRetryStrategy):
    """Retry up to ``max_attempts`` times.

    The wait before a retry is ``wait + linear_wait * attempts + exponential_wait ** (attempts +
    1)`` seconds, where ``attempts`` counts the runs before the one that failed.
    ``max_attempts`` None or 0: for ever. ``retry_exceptions`` None: after any exception.
    """

    max_attempts: int | None = None
    wait: int = 0
    linear_wait: int = 0
    exponential_wait: int = 0
    retry_exceptions: Iterable[type[BaseException]] | None = None

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """See ``BaseRetryStrategy.get_retry_decision``."""
        seconds = self.get_schedule_in(exception=exception, attempts=job.attempts)
        return None if seconds is None else RetryDecision(retry_in={"seconds": seconds})

    def get_schedule_in(self, *, exception: BaseException, attempts: int) -> int | None:
        """See ``BaseRetryStrategy.get_schedule_in``."""
        if self.max_attempts and attempts >= self.max_attempts:
            return None
        if self.retry_exceptions and not isinstance(exception, tuple(self.retry_exceptions)):
            return None
        exponential: int = self.exponential_wait ** (attempts + 1)
        return self.wait + self.linear_wait * attempts + exponential


RetryValue = bool | int | BaseRetryStrategy | None


def get_retry_strategy(retry: RetryValue) -> BaseRetryStrategy | None:
    """The strategy that the option ``retry`` of a task stands for.

    False or 0: none. True: for ever, at once. A number: so many times, at once.
    """
    if isinstance(retry, BaseRetryStrategy):
        return retry
    if not retry:
        return None
    return RetryStrategy(max_attempts=None if retry is True else retry)

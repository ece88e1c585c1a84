"""When a job that failed runs again: the delays of its options, or a policy of the app's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_micros

__all__ = [
    "DEFAULT_RETRY_POLICY",
    "Delay",
    "ExponentialBackoff",
    "RetryPolicy",
    "check_seconds",
    "compute_retry_delay_seconds",
    "micros_until_retry",
    "set_rng",
]

Delay = float | list[float] | tuple[float, ...] | None
Draw = random.Random | None
LARGEST_POWER = 62
LONGEST = 36_500 * 86_400.0
"""A hundred years, so that a due time has a date."""

_given: Draw = None


def set_rng(rng: Draw) -> None:
    """Draw all jitter from this source; with None, from that of each queue, which has a seed."""
    global _given  # noqa: PLW0603 - the library has it as a function of the module
    _given = rng


@runtime_checkable
class RetryPolicy(Protocol):
    """Decides on every failure that leaves attempts. Give it as ``Soniq(retry_policy=...)``."""

    def delay_for(
        self, *, attempt: int, job_meta: dict[str, Any], exc: BaseException
    ) -> float | None:
        """Seconds until the next attempt; None to give up at once.

        ``attempt`` counts from 1. ``exc`` is a RuntimeError with the text of the error, its
        type included, as in soniq.
        """


class ExponentialBackoff:
    """The default: what the options of the job say."""

    def delay_for(
        self, *, attempt: int, job_meta: Mapping[str, Any], exc: BaseException | None = None
    ) -> float:
        """See ``compute_retry_delay_seconds``."""
        return compute_retry_delay_seconds(
            attempt=attempt,
            retry_delay=job_meta.get("retry_delay", 0),
            retry_backoff=job_meta.get("retry_backoff", False),
            retry_max_delay=job_meta.get("retry_max_delay"),
            retry_jitter=job_meta.get("retry_jitter", True),
        )


DEFAULT_RETRY_POLICY = ExponentialBackoff()


def compute_retry_delay_seconds(
    *,
    attempt: int,
    retry_delay: Delay = 0,
    retry_backoff: bool = False,
    retry_max_delay: float | None = None,
    retry_jitter: bool = True,
    rng: Draw = None,
) -> float:
    """Seconds until the next attempt after attempt number ``attempt`` failed.

    A list gives one delay after the other, and its last one from then on. With backoff the
    delay (1 s if it is 0) doubles each time, and jitter then draws from its upper half.
    """
    delays = retry_delay if isinstance(retry_delay, list | tuple) else (retry_delay or 0,)
    number = max(attempt, 1)
    delay = float(delays[min(number, len(delays)) - 1]) if delays else 0.0
    if retry_backoff:
        delay = (delay or 1.0) * 2.0 ** min(number - 1, LARGEST_POWER)
    if retry_max_delay is not None:
        delay = min(delay, float(retry_max_delay))
    if retry_backoff and retry_jitter and delay > 0:
        source = _given or rng or random.Random(0)
        delay = delay * (1 - 0.5 * source.random())
    return max(delay, 0.0)


def micros_until_retry(
    policy: RetryPolicy,
    attempt: int,
    meta: dict[str, Any],
    text: Callable[[], str],
    rng: random.Random,
) -> int | None:
    """What the policy says, in microseconds. Raises BadOption when it says nothing of sense."""
    if policy is DEFAULT_RETRY_POLICY:
        delay: float | None = compute_retry_delay_seconds(
            attempt=attempt,
            retry_delay=meta["retry_delay"],
            retry_backoff=meta["retry_backoff"],
            retry_max_delay=meta["retry_max_delay"],
            retry_jitter=meta["retry_jitter"],
            rng=rng,
        )
    else:
        delay = policy.delay_for(attempt=attempt, job_meta=meta, exc=RuntimeError(text()))
    if delay is None:
        return None
    try:
        return to_micros(min(max(float(delay), 0.0), LONGEST))
    except (TypeError, ValueError):
        raise BadOption(
            f"The retry policy {type(policy).__qualname__} gave no delay. After attempt {attempt} "
            f"it returned {delay!r}. Return seconds, or None to give up."
        ) from None


def check_seconds(name: str, values: tuple[object, ...] | list[float]) -> None:
    """Raise BadOption unless all are seconds, from 0 up."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise BadOption(
                f"The {name} of a job is in seconds, from 0 up. It is {value!r}. "
                f"Write for example 60, or [5, 60, 600] for one delay after the other."
            )

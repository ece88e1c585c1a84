"""When a failed job is tried again: the number of attempts, and the delay between two of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from math import isfinite
from typing import Protocol

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_micros

__all__ = [
    "BackOff",
    "Curve",
    "RetryPolicy",
    "exponential",
    "fixed",
    "linear",
    "listed",
    "no_retry",
    "own",
]

Curve = Callable[[int, BaseException], timedelta | None]
"""The delay after attempt number n (the first is 1) failed with an error; None to give up."""

Errors = tuple[type[BaseException], ...]

ANY_ERROR: Errors = (BaseException,)
LONGEST = timedelta(days=36_500)
"""No delay is longer, whatever a curve says: a hundred years, so that a due time has a date."""


class RetryPolicy(Protocol):
    """Decides whether a failed job is tried again."""

    def delay(self, attempt: int, error: BaseException, rng: random.Random) -> timedelta | None:
        """How long to wait after ``attempt`` (the first is 1) failed; None to give up."""
        ...


class BackOff:
    """The retry policy that all functions of this file make.

    ``attempts`` is how often the job runs in all, the first run included; None for ever.
    With ``jitter`` j the delay is drawn from [delay * (1 - j), delay]. Errors that are not
    instances of ``on`` are given up at once. Raises BadOption for values that mean nothing.
    """

    __slots__ = ("attempts", "curve", "jitter", "on")

    def __init__(
        self, attempts: int | None, curve: Curve, jitter: float = 0.0, on: Errors = ANY_ERROR
    ) -> None:
        _check_attempts(attempts)
        _check_jitter(jitter)
        _check_errors(on)
        self.attempts = attempts
        self.curve = curve
        self.jitter = jitter
        self.on = on

    def delay(self, attempt: int, error: BaseException, rng: random.Random) -> timedelta | None:
        """See ``RetryPolicy.delay``. ``rng`` is used for the jitter only."""
        if self.attempts is not None and attempt >= self.attempts:
            return None
        if not isinstance(error, self.on):
            return None
        delay = self.curve(attempt, error)
        if delay is None:
            return None
        delay = min(delay, LONGEST)
        return delay * (1 - self.jitter * rng.random()) if self.jitter else delay


@cache  # asked for by each task that says nothing of retries
def no_retry() -> BackOff:
    """One attempt, and no more."""
    return BackOff(1, lambda _attempt, _error: None)


def fixed(
    attempts: int | None, delay: timedelta, *, jitter: float = 0.0, on: Errors = ANY_ERROR
) -> BackOff:
    """The same delay each time.

    >>> fixed(3, timedelta(seconds=5)).delay(1, ValueError(), random.Random(0))
    datetime.timedelta(seconds=5)
    """
    _check_delay("delay", delay)
    return BackOff(attempts, lambda _attempt, _error: delay, jitter, on)


def linear(
    attempts: int | None,
    step: timedelta,
    maximum: timedelta | None = None,
    *,
    jitter: float = 0.0,
    on: Errors = ANY_ERROR,
) -> BackOff:
    """``step`` after the first attempt, twice ``step`` after the second, up to ``maximum``."""
    _check_delay("step", step)
    ceiling = _ceiling(maximum)

    def curve(attempt: int, _error: BaseException) -> timedelta:
        try:
            return min(step * attempt, ceiling)
        except OverflowError:
            return ceiling

    return BackOff(attempts, curve, jitter, on)


def exponential(
    attempts: int | None,
    base: timedelta,
    factor: float = 2.0,
    maximum: timedelta | None = None,
    *,
    jitter: float = 0.0,
    on: Errors = ANY_ERROR,
) -> BackOff:
    """``base`` after the first attempt, ``factor`` times as long each time, up to ``maximum``.

    >>> exponential(5, timedelta(seconds=1)).delay(4, ValueError(), random.Random(0))
    datetime.timedelta(seconds=8)
    """
    _check_delay("base", base)
    if not _is_number(factor) or not isfinite(factor) or factor < 1:
        raise BadOption(
            f"The factor of a back-off must be a number from 1 up. It is {factor!r}. "
            f"Write 2.0 to double the delay each time, or use fixed() for equal delays."
        )
    ceiling = _ceiling(maximum)
    growth = float(factor)  # the power of an integer would grow without end

    def curve(attempt: int, _error: BaseException) -> timedelta:
        try:
            return min(base * growth ** (attempt - 1), ceiling)
        except OverflowError:
            return ceiling if base else base

    return BackOff(attempts, curve, jitter, on)


def listed(delays: Sequence[timedelta], *, jitter: float = 0.0, on: Errors = ANY_ERROR) -> BackOff:
    """One delay after the other, so there is one attempt more than there are delays."""
    steps = tuple(delays)
    for place, delay in enumerate(steps):
        _check_delay(f"delays[{place}]", delay)
    return BackOff(len(steps) + 1, lambda attempt, _error: steps[attempt - 1], jitter, on)


def own(
    function: Callable[[int, BaseException], timedelta | float | None],
    *,
    attempts: int | None = None,
    jitter: float = 0.0,
    on: Errors = ANY_ERROR,
) -> BackOff:
    """Whatever ``function(attempt, error)`` says: a timedelta, seconds, or None to give up.

    ``delay`` raises BadOption, with the function's name, when it returns anything else.
    """
    if not callable(function):
        raise BadOption(
            f"A back-off of one's own must be a function. It is {function!r}. "
            f"Write a function of the attempt's number and the error."
        )

    def curve(attempt: int, error: BaseException) -> timedelta | None:
        answer = function(attempt, error)
        if answer is None:
            return None
        try:
            return timedelta(microseconds=to_micros(answer))
        except BadOption:
            name = getattr(function, "__qualname__", type(function).__qualname__)
            raise BadOption(
                f"The back-off function {name} gave no delay. "
                f"After attempt {attempt} it returned {answer!r}. "
                f"Return a timedelta or seconds, from zero up, or None to give up."
            ) from None

    return BackOff(attempts, curve, jitter, on)


def _ceiling(maximum: timedelta | None) -> timedelta:
    if maximum is None:
        return LONGEST
    _check_delay("maximum", maximum)
    return min(maximum, LONGEST)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_delay(name: str, delay: object) -> None:
    if not isinstance(delay, timedelta) or delay < timedelta():
        raise BadOption(
            f"The {name} of a back-off must be a timedelta from zero up. It is {delay!r}. "
            f"Write for example timedelta(seconds=5)."
        )


def _check_attempts(attempts: object) -> None:
    if attempts is not None and (type(attempts) is not int or attempts < 1):
        raise BadOption(
            f"The attempts are how often a job runs in all, at least once. They are {attempts!r}. "
            f"Write 1 for no retry, 3 for two retries, None to try for ever."
        )


def _check_jitter(jitter: object) -> None:
    # NaN is in no interval either.
    if not isinstance(jitter, int | float) or isinstance(jitter, bool) or not 0 <= jitter <= 1:
        raise BadOption(
            f"The jitter is a share of the delay, from 0 to 1. It is {jitter!r}. "
            f"Write 0.1 to take up to a tenth off each delay."
        )


def _check_errors(errors: object) -> None:
    valid = isinstance(errors, tuple) and all(
        isinstance(error, type) and issubclass(error, BaseException) for error in errors
    )
    if not valid:
        raise BadOption(
            f"The errors to retry on must be a tuple of exception classes. They are {errors!r}. "
            f"Write for example on=(ConnectionError, TimeoutError)."
        )

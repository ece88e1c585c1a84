"""What an assertion asks of a job beside its task and arguments: queue, time, priority, key."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from pytest_taskq.core.durations import Duration, to_step
from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime, to_instant, to_micros
from pytest_taskq.core.job import Failure
from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.matching import JobPattern, Mismatch, alike, unreadable
from pytest_taskq.testing.seen import Comparison, SeenJob
from pytest_taskq.testing.shown import show
from pytest_taskq.testing.text import in_one_line, length_text

__all__ = ["Asked", "Options", "check_times", "is_error"]

SLACK = timedelta(seconds=1)


class Options(TypedDict, total=False):
    """What may be asked; what is left out may be anything."""

    queue: object
    at: datetime | Duration | None
    within: Duration | None
    priority: object
    key: object


class Asked:
    """The options of ``assert_enqueued``, described there. Raises BadOption for others.

    ``beside``: what the call takes too, and is no question to one job.
    """

    def __init__(
        self, call: str, clock: Clock, /, *beside: str, **options: Unpack[Options]
    ) -> None:
        self._asked = options
        self._at: datetime | timedelta | None = None
        self._slack = timedelta() if clock.mode == "held" else SLACK
        self._others: dict[str, object] = {}
        if options:
            self._take(call, options, beside)

    def _take(self, call: str, options: Options, beside: tuple[str, ...]) -> None:
        known = Options.__optional_keys__
        for name in sorted(options.keys() - known):
            raise BadOption(
                f"{call}() cannot ask for that of a job. It was given {name}=, and knows "
                f"{', '.join(sorted(known.union(beside)))}. "
                f"Arguments of its task belong into job()."
            )
        at, within = options.get("at"), options.get("within")
        self._others = {
            name: value for name, value in options.items() if name not in {"at", "within"}
        }
        if isinstance(at, datetime):
            self._at = to_datetime(to_instant(at))
        elif at is not None:
            self._at = timedelta(microseconds=to_step(call, at, {}))
        if within is not None:
            self._slack = timedelta(microseconds=to_step(call, within, {}))
            self._at = timedelta() if at is None else self._at

    def compare(self, job: SeenJob, pattern: JobPattern | None) -> Comparison:
        """The job beside what is asked; no pattern: of any task."""
        compared = Comparison(True, []) if pattern is None else job.compare(pattern)
        if not compared.related or not (self._others or self._at is not None):
            return compared
        fields = list(compared.fields)
        for name, value in self._others.items():
            try:
                got = getattr(job, name)
            except Exception as error:  # noqa: BLE001 - the other jobs can be compared
                fields += unreadable({name: value}, error)
            else:
                fields.append(Mismatch(name, value, got, alike(value, got)))
        if self._at is not None:
            fields.append(self._due(job, self._at))
        return Comparison(True, fields)

    def __str__(self) -> str:
        return "".join(f", {name}={_written(value)}" for name, value in self._asked.items())

    def _due(self, job: SeenJob, at: datetime | timedelta) -> Mismatch:
        expected = at if isinstance(at, datetime) else job.enqueued_at + at
        off = job.at - expected
        ok = abs(off) <= self._slack
        length = length_text(to_micros(abs(off)))
        note = "" if ok else f"{length} {'late' if off > timedelta() else 'early'}"
        return Mismatch("at", expected, job.at, ok, note)


def is_error(expected: Any, error: BaseException | Failure | None) -> bool:
    """Whether a job's error is of this class, says this, or satisfies this function."""
    if error is None:
        return False
    if isinstance(expected, type) or (
        isinstance(expected, tuple) and all(isinstance(each, type) for each in expected)
    ):
        kinds = expected if isinstance(expected, tuple) else (expected,)
        if isinstance(error, Failure):
            return any(error.type_name in {kind.__name__, kind.__qualname__} for kind in kinds)
        return isinstance(error, kinds)
    message = error.message if isinstance(error, Failure) else in_one_line(error, str)
    if isinstance(expected, str):
        return expected in message
    if isinstance(expected, re.Pattern):
        return expected.search(message) is not None
    if isinstance(expected, BaseException):
        return type(expected) is type(error) and expected.args == getattr(error, "args", None)
    return alike(expected, error)


def _written(value: object) -> str:
    return length_text(to_micros(value)) if isinstance(value, timedelta) else show(value)


def check_times(times: object) -> None:
    """Raise BadOption for a number of times that cannot be asserted."""
    if times is not None and (type(times) is not int or times < 1):
        raise BadOption(
            f"times is a whole number from 1 up, or None for once or more. It is {times!r}. "
            f"For none at all use assert_not_enqueued()."
        )

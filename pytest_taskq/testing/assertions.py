"""Assertions on jobs. Synchronous: they read the history, and so see what is over by now too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Never, NoReturn, Protocol, Unpack, overload

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.asked import Asked, Options, check_times, is_error
from pytest_taskq.testing.explain import headline, listed, nearest, table, wrong_count, wrong_order
from pytest_taskq.testing.matching import JobPattern, Mismatch, pattern_alone, pattern_of
from pytest_taskq.testing.seen import Comparison, SeenJob
from pytest_taskq.testing.states import check_state
from pytest_taskq.testing.text import length_text, plural

__all__ = ["JobAssertions", "Source"]


class Source(Protocol):
    """Where the jobs come from that are asserted on."""

    @property
    def clock(self) -> Clock:
        """The clock of the test."""

    def check(self, pattern: JobPattern) -> str:
        """Raise BadOption for arguments that the task cannot take.

        Returns what is to be said where its name is so near to that of a task that it is
        taken for a mistake.
        """

    def hint(self) -> str:
        """What else to tell with a failure: a call of the test that nobody has awaited."""

    def before(self, is_wanted: Callable[[SeenJob], bool]) -> str:
        """What to tell of jobs that are wanted, and were enqueued too early for it."""

    def enqueued(self) -> list[SeenJob]:
        """What was enqueued, oldest first."""

    def executed(self) -> list[SeenJob]:
        """The job of each attempt, in the order in which they began."""


class JobAssertions:
    """What can be asserted on the jobs of a source, a whole test's or those of one block."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name

    @overload
    def assert_enqueued(  # type: ignore[overload-overlap] # a list is an object too
        self, wanted: list[Any] | tuple[Any, ...], **options: Unpack[Options]
    ) -> list[SeenJob]: ...
    @overload
    def assert_enqueued(  # type: ignore[overload-overlap] # and 1 is an integer
        self, wanted: object, *, times: Literal[1] = 1, **options: Unpack[Options]
    ) -> SeenJob: ...
    @overload
    def assert_enqueued(
        self, wanted: object, *, times: int | None, **options: Unpack[Options]
    ) -> list[SeenJob]: ...
    def assert_enqueued(
        self,
        wanted: object,
        *args: Never,
        times: int | None = 1,
        **options: Unpack[Options],
    ) -> Any:
        """Fail unless the job was enqueued, ``times`` times (None: once or more); and give it.

        ``wanted``: a ``job()``, a task, or a list of them, which means exactly these in this
        order. Whatever became of a job since counts too. ``at``: when it was due first, or how
        long after it was enqueued; ``within`` is the slack, by default one second, and none on
        a held clock. What an app enqueues by itself counts only where it is named.

            placed = taskq.assert_enqueued(job(charge, cart_id=7), queue="payments")
        """
        __tracebackhide__ = True
        if args:
            pattern_alone("assert_enqueued", "times", wanted, args, {})
        asked = Asked("assert_enqueued", self._source.clock, "times", **options)
        if isinstance(wanted, list | tuple):
            return self._assert_exactly(self._patterns(wanted, times), asked)
        check_times(times)
        pattern, doubt = self._pattern(wanted)
        jobs = self._source.enqueued()
        found = [job for job in jobs if asked.compare(job, pattern).matches]
        if not found:
            told = doubt or self._nearest(jobs, lambda job: asked.compare(job, pattern))
            self._fail("assert_enqueued", f"no job matches {pattern!r}{asked}", told)
        if times is not None and len(found) != times:
            what = f"expected {pattern!r}{asked} {plural(times, 'time')}, got {len(found)}"
            self._fail("assert_enqueued", what, wrong_count(found, jobs, times))
        return found[0] if times == 1 else found

    def assert_not_enqueued(
        self,
        wanted: object = None,
        **options: Unpack[Options],
    ) -> None:
        """Fail if such a job, or any at all, was enqueued. Returns at once: nothing is awaited.

        Raises BadOption for a text that is not the name of a task but nearly one, and for
        arguments that the task cannot take: no job could match.
        """
        __tracebackhide__ = True
        asked = Asked("assert_not_enqueued", self._source.clock, **options)
        pattern, doubt = (None, "") if wanted is None else self._pattern(wanted)
        jobs = [job for job in self._source.enqueued() if pattern or not job.automatic]
        found = [job for job in jobs if asked.compare(job, pattern).matches]
        if found:
            what = "job" if pattern is None else repr(pattern)
            what = f"expected no {what}{asked}, got {len(found)}"
            self._fail("assert_not_enqueued", what, listed(found))
        if doubt:
            raise BadOption(f"{doubt} Correct it, or give the function.")

    def jobs(self, wanted: object = None, state: str | None = None) -> list[SeenJob]:
        """The jobs that match and are in this state now, oldest first.

        ``state``: queued, running, succeeded, dead or cancelled; or scheduled, ready or
        retrying, which are kinds of queued.
        """
        if state is not None:
            check_state(state)
        pattern = None if wanted is None else self._pattern(wanted)[0]
        found = [
            job
            for job in self._source.enqueued()
            if (pattern is None or job.compare(pattern).matches)
            and (state is None or job.is_in(state))
        ]
        if state in {"dead", "retrying"}:
            for job in found:
                job.look()
        return found

    def assert_outcome(
        self, wanted: object, state: str, *, error: Any = None, attempts: int | None = None
    ) -> SeenJob:
        """Fail unless the one job that matches is in this state, and give it.

        ``error``: the class of what it raised last, a text or pattern to be found in its
        message, or a function to ask. ``attempts``: how many have begun.

            taskq.assert_outcome(job(charge), "dead", error=GatewayDown, attempts=4)
        """
        __tracebackhide__ = True
        check_state(state)
        pattern, doubt = self._pattern(wanted)
        jobs = self._source.enqueued()
        found = [job for job in jobs if job.compare(pattern).matches]
        if not found:
            told = doubt or self._nearest(jobs, lambda job: job.compare(pattern))
            self._fail("assert_outcome", f"no job matches {pattern!r}", told)
        if len(found) > 1:
            told = f"{listed(found)}\nName more of its arguments, or look at each of taskq.jobs()."
            self._fail("assert_outcome", f"{len(found)} jobs match {pattern!r}, not one", told)
        (job,) = found
        job.look()
        fields = [Mismatch("state", state, job.state, job.is_in(state), self._due_in(job))]
        if error is None and job.job.failure is not None:
            fields[0] = fields[0].noted(f"raised {job.job.failure.type_name}")
        if error is not None:
            fields.append(Mismatch("error", error, job.error, is_error(error, job.error)))
        if attempts is not None:
            fields.append(Mismatch("attempts", attempts, job.attempts, attempts == job.attempts))
        if not all(each.ok for each in fields):
            self._fail("assert_outcome", repr(job), "\n".join(table(fields)))
        return job

    def assert_executed(self, wanted: object, *args: Never, times: int | None = 1) -> list[SeenJob]:
        """Fail unless attempts of the job began so often (None: once or more).

        A list means exactly these attempts, in this order.
        """
        __tracebackhide__ = True
        if args:
            pattern_alone("assert_executed", "times", wanted, args, {})
        ran = self._source.executed()
        if isinstance(wanted, list | tuple):
            patterns = self._patterns(wanted, times)
            if patterns != ran:
                what = f"expected exactly {plural(len(patterns), 'attempt')} in this order"
                told = wrong_order(patterns, ran, SeenJob.compare)
                self._fail("assert_executed", what, told)
            return ran
        check_times(times)
        pattern, doubt = self._pattern(wanted)
        found = [job for job in ran if job.compare(pattern).matches]
        if not found or (times is not None and len(found) != times):
            asked = "attempts" if times is None else plural(times, "attempt")
            what = f"expected {asked} of {pattern!r}, got {len(found)}"
            self._fail("assert_executed", what, doubt or self._what_ran(ran))
        return found

    def _assert_exactly(self, patterns: list[JobPattern], asked: Asked) -> list[SeenJob]:
        __tracebackhide__ = True
        jobs = [
            job
            for job in self._source.enqueued()
            if not job.automatic or any(job.compare(pattern).related for pattern in patterns)
        ]
        same = len(jobs) == len(patterns) and all(
            asked.compare(job, pattern).matches for job, pattern in zip(jobs, patterns, strict=True)
        )
        if not same:
            what = f"expected exactly {plural(len(patterns), 'job')} in this order{asked}"
            self._fail("assert_enqueued", what, wrong_order(patterns, jobs, asked.compare))
        return jobs

    def _nearest(self, jobs: list[SeenJob], compare: Callable[[SeenJob], Comparison]) -> str:
        return nearest(jobs, compare) + self._source.before(lambda job: compare(job).matches)

    def _due_in(self, job: SeenJob) -> str:
        if not job.is_in("scheduled"):
            return ""
        return f"due in {length_text(job.job.due_at - self._source.clock.now())}"

    def _pattern(self, wanted: object) -> tuple[JobPattern, str]:
        pattern = pattern_of(wanted)
        return pattern, self._source.check(pattern)

    def _patterns(self, wanted: Sequence[object], times: int | None) -> list[JobPattern]:
        if times != 1:
            raise BadOption(
                f"A list says how often by itself. It was given with times={times!r}. "
                f"Name a job in it as often as it is expected."
            )
        return [self._pattern(each)[0] for each in wanted]

    def _what_ran(self, ran: list[SeenJob]) -> str:
        if ran:
            return f"attempts, in order:\n{listed(ran)}"
        waiting = self.jobs(state="queued")
        return (
            f"nothing ran. Enqueued, and still waiting:\n{listed(waiting)}"
            if waiting
            else "nothing ran"
        )

    def _fail(self, call: str, what: str, told: str) -> NoReturn:
        __tracebackhide__ = True
        parts = [headline(f"{self._name}.{call}: {what}"), told, self._source.hint()]
        raise AssertionError("\n".join(filter(None, parts)))

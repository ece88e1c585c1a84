"""The fixture ``taskq``: say what you expect of the jobs, run them, and be told what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Never

from pytest_taskq.core.durations import Duration, to_step
from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_datetime, to_instant
from pytest_taskq.core.job import Job
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.under_test import Call
from pytest_taskq.testing.assertions import JobAssertions
from pytest_taskq.testing.captured import Captured
from pytest_taskq.testing.drain import Drain, Errors
from pytest_taskq.testing.homes import home_of
from pytest_taskq.testing.matching import JobPattern, pattern_alone, pattern_of
from pytest_taskq.testing.plans import cron_plan, retry_plan
from pytest_taskq.testing.ran import Alone, Enqueued, Performed, Ran
from pytest_taskq.testing.seen import SeenJob
from pytest_taskq.testing.since import Since
from pytest_taskq.testing.worker_checks import WorkerChecks

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import AppUnderTest
    from pytest_taskq.testing.environment import Environment
    from pytest_taskq.testing.stats import Stats
    from pytest_taskq.testing.timeline import Timeline

__all__ = ["Harness"]

LIMIT = 1000


class Harness(JobAssertions, WorkerChecks):
    """Assertions, and runs, over whatever queue the test uses.

    What asserts is synchronous. What runs jobs has one name in both kinds of tests: in a sync
    test it has run when it returns, in an async test it is awaited.

        taskq.assert_enqueued(job(charge, cart_id=7))
        taskq.drain(until="14d")             # in an async test: await taskq.drain(until="14d")
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(Since(environment, {}), "taskq")
        self._environment = environment

    @property
    def clock(self) -> Clock:
        """The clock of the test."""
        return self._environment.clock

    @property
    def apps(self) -> Sequence[AppUnderTest]:
        """What is under test: each queue that the test uses."""
        return self._environment.apps

    def drain(
        self,
        until: Duration | datetime | None = None,
        *,
        errors: Errors = "raise",
        limit: int = LIMIT,
        only: object = None,
    ) -> Ran:
        """Run what is due, and what that enqueues, until nothing is.

        ``until``: how far time is to pass, or to which instant; each job runs at its own, those
        born on the way included. ``errors="raise"`` stops at the first exception of a job and
        raises it; with "retry" the retry policies work. ``only``: a job, a task or a list of
        them. Raises NotFinished when jobs are due even after ``limit`` attempts, and says which
        kept it going.

            ran = taskq.drain(until="14d")
            assert ran == [job(remind), job(remind), job(end_trial)]
        """
        __tracebackhide__ = True
        call = "taskq.drain()"
        drain = Drain(
            call, errors=errors, limit=limit, until=self._future(until), only=self._chooser(only)
        )
        return Ran(call, lambda: self._run(drain), self._environment.unawaited)

    def step(self, n: int = 1, *, errors: Errors = "raise", only: object = None) -> Ran:
        """Run the next ``n`` attempts that are due, or fewer where fewer are."""
        __tracebackhide__ = True
        call = "taskq.step()"
        only = self._chooser(only)
        drain = Drain(call, errors=errors, limit=n, only=only, stops_at_limit=True)
        return Ran(call, lambda: self._run(drain), self._environment.unawaited)

    def enqueue(
        self,
        wanted: object,
        *args: Never,
        at: datetime | Duration | None = None,
        **kwargs: Never,
    ) -> Enqueued:
        """Enqueue a job as its library does: for tests that begin at the queue.

        ``at``: when it is to be due, or in how long.
        """
        __tracebackhide__ = True
        pattern = pattern_alone("enqueue", "at", wanted, args, kwargs)
        due = self._instant("enqueue", at)

        async def finish() -> SeenJob:
            app, name = self._home_of(pattern)
            place = len(app.history)
            job = await app.enqueue(Call(name, pattern.args, pattern.kwargs, due))
            return self._seen(app, job, place)

        return Enqueued("taskq.enqueue()", finish, self._environment.unawaited)

    def perform(self, wanted: object, *args: Never, attempt: int = 1, **kwargs: Never) -> Performed:
        """Run one new job alone: through codec, signature, dependencies and middleware.

        What its task raises is not raised here but given as ``error``. ``attempt``: the number
        that the task is to see. A retry that it asks for is not left in the queue; what it
        enqueues is.

            done = taskq.perform(job(charge, cart_id=7), attempt=3)
            assert done.result == "charged"
            done.enqueued.assert_enqueued(job(receipt, cart_id=7))
        """
        __tracebackhide__ = True
        pattern = pattern_alone("perform", "attempt", wanted, args, kwargs)
        if type(attempt) is not int or attempt < 1:
            raise BadOption(
                f"Attempts are counted from 1. attempt is {attempt!r}. Leave it out for the first."
            )

        async def finish() -> Alone:
            return await self._perform(pattern, attempt)

        return Performed("taskq.perform()", finish, self._environment.unawaited)

    def live_workers(self, workers: int) -> AbstractAsyncContextManager[None]:
        """Those of the queues under test, ended as their library ends them."""
        from pytest_taskq.testing.live import live_workers

        return live_workers(self._used_apps(), workers)

    @contextmanager
    def capture(self) -> Iterator[Captured]:
        """What is enqueued and executed inside the block alone, to be asserted on.

        with taskq.capture() as new:
            checkout(cart_id=7)
        new.assert_enqueued([job(charge), job(sync_stock)])
        """
        since = self._since_now("the block")
        try:
            yield Captured(since, "captured")
        finally:
            since.end()

    def retry_plan(
        self,
        task: object,
        *,
        error: BaseException | type[BaseException] | None = None,
        limit: int = 100,
    ) -> list[timedelta]:
        """How long a job of the task waits after each failed attempt, until it gives up.

        ``error``: what it raises, where the policy asks; a class that takes no arguments will
        do. At most ``limit`` delays.
        """
        app, name = self._home_of(pattern_of(task))
        return retry_plan(app.tasks()[name], error, limit)

    def cron_plan(self, task: object, n: int) -> list[datetime]:
        """The next ``n`` instants at which a periodic task runs, in the zone of its schedule."""
        app, name = self._home_of(pattern_of(task))
        return cron_plan(app.tasks()[name], n, self.clock.now())

    def timeline(self) -> Timeline:
        """What has happened until now: text by ``str``, records by iteration."""
        from pytest_taskq.testing.timeline import Timeline

        return Timeline(self._environment.shown(), self._environment.redaction)

    def stats(self, only: object = None) -> Stats:
        """Figures until now, in the time of the clock. ``only``: a job, a task or a list of them.

        assert taskq.stats().wait.p99 < timedelta(seconds=1)
        """
        from pytest_taskq.testing.stats import stats

        return stats(self.apps, only=self._chooser(only))

    async def _run(self, drain: Drain) -> list[SeenJob]:
        __tracebackhide__ = True
        since = self._since_now()
        await drain.go(self._used_apps(), self._environment.looked)
        since.end()
        return since.executed()

    async def _perform(self, pattern: JobPattern, attempt: int) -> Alone:
        app, name = self._home_of(pattern)
        place = len(app.history)
        job = await app.enqueue(Call(name, pattern.args, pattern.kwargs, None, attempt))
        if len(app.history) == place:
            raise BadOption(
                f"{pattern!r} cannot be performed now. It is in the queue already, as job "
                f"#{job.id}, and may be there once. Let that one run, or cancel it."
            )
        only = Drain(
            "taskq.perform()",
            errors="retry",
            limit=1,
            only=lambda owner, each: owner is app and each.id == job.id,
            stops_at_limit=True,
        )
        born = self._since_now()
        await only.go([app], self._environment.looked)
        born.end()
        seen = self._seen(app, job, place)
        await app.forget(job)
        if not any(event.verb == "claim" for event in seen.events):
            raise BadOption(
                f"{pattern!r} cannot be performed now. It did not begin, and was taken back: "
                f"another job holds a name that it needs, or it is not due. "
                f"Let the other one end first."
            )
        return Alone(seen, Captured(born, "performed.enqueued"))

    def _seen(self, app: AppUnderTest, job: Job, place: int) -> SeenJob:
        """The job, from what has happened since; one that was there before is told from all."""
        owner = self._environment.seen(app)
        events = [event for event in app.history.since(place) if event.job.id == job.id]
        if events and events[0].verb == "enqueue":
            return SeenJob.since(owner, events)
        enqueued = self._environment.reading(app).enqueued
        return next(
            (each.job.as_now() for each in reversed(enqueued) if each.job.id == job.id),
            SeenJob.of(owner, job),
        )

    def _since_now(self, block: str = "") -> Since:
        apps = self._environment.apps
        places = {id(app): len(app.history) for app in apps}
        return Since(self._environment, places, block=block)

    def _used_apps(self) -> Sequence[AppUnderTest]:
        if not self.apps:
            raise BadOption(
                "taskq has no queue to work on. This test asks for none. Ask for a fixture such "
                "as docket, in_memory_app or soniq_app, or let taskq_app return your own app."
            )
        return self.apps

    def _home_of(self, pattern: JobPattern) -> tuple[AppUnderTest, str]:
        return home_of(self._used_apps(), pattern)

    def _chooser(self, only: object) -> Callable[[AppUnderTest, Job], bool] | None:
        if only is None:
            return None
        wanted = only if isinstance(only, list | tuple) else [only]
        patterns = [self._pattern(each)[0] for each in wanted]
        owner = self._environment.seen

        known: dict[tuple[object, ...], bool] = {}  # each is asked about again at every claim

        def chosen(app: AppUnderTest, job: Job) -> bool:
            which = id(app), job.id, job.created_at, job.task, job.payload
            if which not in known:
                known[which] = any(pattern == SeenJob.of(owner(app), job) for pattern in patterns)
            return known[which]

        return chosen

    def _future(self, until: Duration | datetime | None) -> int | None:
        instant = self._instant("drain", until)
        if instant is not None and instant < self.clock.now():
            raise BadOption(
                f"Time does not go back. drain() was to run until {to_datetime(instant)}, and it "
                f"is {self.clock.time()}. Leave until out to run what is due."
            )
        return instant

    def _instant(self, call: str, when: Duration | datetime | None) -> int | None:
        if when is None:
            return None
        if isinstance(when, datetime):
            return to_instant(when)
        return self.clock.now() + to_step(call, when, {})

"""Runs the jobs of the apps under test, stops at errors, and says which jobs never end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NoReturn

from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.core.job import Job, State
from pytest_taskq.engine.under_test import AppUnderTest, Bounds
from pytest_taskq.testing.asleep import check_none_sleeps
from pytest_taskq.testing.describe import instant_text
from pytest_taskq.testing.misfit import is_misfit
from pytest_taskq.testing.text import plural

if TYPE_CHECKING:
    from pytest_taskq.engine.history import Event
    from pytest_taskq.testing.looked import Looked

__all__ = ["Drain", "Errors"]

Errors = Literal["raise", "retry"]


class Drain:
    """How jobs are to be run; ``Harness.drain`` describes it.

    ``stops_at_limit``: the limit is what was asked for, and not the sign of an endless chain.
    """

    def __init__(
        self,
        call: str,
        *,
        errors: Errors = "raise",
        limit: int,
        until: int | None = None,
        only: Callable[[AppUnderTest, Job], bool] | None = None,
        stops_at_limit: bool = False,
    ) -> None:
        if errors not in {"raise", "retry"}:
            raise BadOption(
                f"{call} has two ways with errors. It was given {errors!r}. Say "
                f'errors="raise" to stop at the first, errors="retry" to let the policies work.'
            )
        if type(limit) is not int or limit < 1:
            raise BadOption(
                f"{call} takes a number of attempts, 1 or more. It was given {limit!r}. "
                f"Leave it out for the default."
            )
        self.call = call
        self.errors = errors
        self.limit = limit
        self.until = until
        self.only = only
        self.stops_at_limit = stops_at_limit

    async def go(self, apps: Sequence[AppUnderTest], looked: Looked) -> None:
        """Run until nothing is due, the first error, or the limit.

        Raises the first exception itself; NotFinished when jobs are due beyond the limit, or one
        sleeps that another worker has in hand, on a clock that is held.
        """
        __tracebackhide__ = True
        watch = _Watch(apps, stops=self.errors == "raise", limit=self.limit)
        try:
            await (self._together(apps, watch) if self.until else self._in_turn(apps, watch))
        except BaseException as error:
            looked.add(error)  # of a job that ends the run itself, as pytest.fail() does
            raise
        if watch.found is not None:
            app, job, raised = watch.found
            looked.add(raised, job)
            _raise(job, raised.with_traceback(None) if is_misfit(app, job, raised) else raised)
        if watch.begun >= self.limit and not self.stops_at_limit:
            self._check_over(apps, watch)
        if self.until is None and not self.stops_at_limit:
            await check_none_sleeps(self.call, apps, self.only)

    async def _in_turn(self, apps: Sequence[AppUnderTest], watch: _Watch) -> None:
        """What one app runs may have enqueued jobs on another."""
        before = -1
        while watch.begun > before and not watch.look():
            before = watch.begun if len(apps) > 1 else self.limit
            for app in apps:
                if not watch.look():
                    await self._run(app, watch)

    async def _together(self, apps: Sequence[AppUnderTest], watch: _Watch) -> None:
        """Time passes for all of them, and for none when one has stopped."""
        runs = {asyncio.ensure_future(self._run(app, watch)) for app in apps}
        going = runs
        try:
            while not watch.look() and going:  # once more after the last has ended
                over, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                for run in over:
                    run.result()
        finally:
            for run in going:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)

    async def _run(self, app: AppUnderTest, watch: _Watch) -> None:
        chooses = self.only is not None or self.until is not None
        bounds = Bounds(
            attempts=self.limit - watch.begun,
            only=partial(self._may_run, app) if chooses else None,
            ends=watch.look,
            until=self.until,
        )
        await app.run(bounds)

    def _check_over(self, apps: Sequence[AppUnderTest], watch: _Watch) -> None:
        left = [job for app in apps for job in app.jobs() if self._is_due(app, job)]
        if not left:
            return
        runs = Counter(event.job.task for event in watch.events() if event.verb == "claim")
        told = ", ".join(f"{task} {count} times" for task, count in runs.most_common(3))
        jobs = f"{plural(len(left), 'job')} {'is' if len(left) == 1 else 'are'}"
        if self.until is None:
            raise NotFinished(
                f"{self.call} does not come to an end. After {self.limit} attempts {jobs} still "
                f"due; {told} ran. Give it a higher limit, or only= some of the jobs."
            )
        raise NotFinished(
            f"{self.call} does not come to {instant_text(self.until)}. After {self.limit} attempts "
            f"it is {instant_text(apps[0].clock.now())}, and {jobs} due until then; {told} ran. "
            f"Give it a higher limit or a shorter until, or only= some of the jobs."
        )

    def _may_run(self, app: AppUnderTest, job: Job) -> bool:
        """A job may move the clock itself, and further than time is to pass."""
        in_time = self.until is None or job.due_at <= self.until
        return in_time and (self.only is None or self.only(app, job))

    def _is_due(self, app: AppUnderTest, job: Job) -> bool:
        by = app.clock.now() if self.until is None else self.until
        return job.state is State.QUEUED and job.due_at <= by and self._may_run(app, job)


class _Watch:
    """Counts the attempts since it was made, and sees their exceptions.

    ``stops``: a run is to end with one.
    """

    def __init__(self, apps: Sequence[AppUnderTest], *, stops: bool, limit: int) -> None:
        self._stops = stops
        self._limit = limit
        self._begin = [(app, len(app.history)) for app in apps]
        self._places = list(self._begin)
        self.begun = 0
        self.found: tuple[AppUnderTest, Job, BaseException] | None = None

    def look(self) -> bool:
        """Look at what is new, and say whether all runs are to end."""
        for at, (app, place) in enumerate(self._places):
            end = len(app.history)
            if end == place:
                continue
            self._places[at] = (app, end)
            for event in app.history.since(place):
                self.begun += event.verb == "claim"
                if self._stops and self.found is None and event.error is not None:
                    self.found = (app, event.job, event.error)
        return self.found is not None or self.begun >= self._limit

    def events(self) -> Iterator[Event]:
        """All of them, since it was made."""
        for app, place in self._begin:
            yield from app.history.since(place)


def _raise(job: Job, error: BaseException) -> NoReturn:
    """Raise what a job raised, with a note that says which. A SystemExit must not end pytest."""
    __tracebackhide__ = True
    note = f"raised by job #{job.id} ({job.task}), attempt {job.attempt}"
    if not isinstance(error, Exception):
        raise AssertionError(f"{type(error).__name__} was {note}") from error
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    raise error

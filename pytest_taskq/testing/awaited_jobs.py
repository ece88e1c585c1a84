"""Jobs that a test waits for: whether they have come, and whether they still can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Job, State
from pytest_taskq.engine.loop_time import LoopTime
from pytest_taskq.engine.threads import busy_threads
from pytest_taskq.testing.environment import PRESENT
from pytest_taskq.testing.explain import nearest
from pytest_taskq.testing.homes import is_task
from pytest_taskq.testing.locked import behind
from pytest_taskq.testing.matching import JobPattern, Mismatch
from pytest_taskq.testing.reading import Found, Reading
from pytest_taskq.testing.seen import Comparison, SeenApp, SeenJob
from pytest_taskq.testing.since import Since
from pytest_taskq.testing.states import check_state
from pytest_taskq.testing.text import plural

if TYPE_CHECKING:
    from pytest_taskq.engine.clock import Clock
    from pytest_taskq.engine.under_test import AppUnderTest
    from pytest_taskq.testing.environment import Environment

__all__ = ["AwaitedJobs", "means_jobs"]


def means_jobs(wanted: object) -> bool:
    """Whether a test that waits for this, with no state, means jobs."""
    if isinstance(wanted, JobPattern):
        return True
    environment = _environment()
    return is_task([] if environment is None else environment.apps, wanted)


class AwaitedJobs:
    """Asks, for ``wait_until``, for a job that matches and is in this state.

    Raises BadOption for arguments that the task cannot take.
    """

    def __init__(self, pattern: JobPattern, state: str) -> None:
        check_state(state)
        self._environment = _present(pattern)
        self._jobs = Since(self._environment, {})
        self._jobs.check(pattern)
        self._pattern = pattern
        self._state = state
        self._found: dict[int, _Matching] = {}
        time = LoopTime.of(asyncio.get_running_loop())
        self._rests = 0 if time is None else time.rests

    def __call__(self) -> SeenJob | None:
        """The first one, or None."""
        found = [each for app in self._environment.apps for each in self._matching(app)]
        for _, _, job in sorted(found, key=lambda each: each.when):
            if job.is_in(self._state):
                job.look()
                return job
        return None

    def __repr__(self) -> str:
        return f"{self._pattern!r} {self._state}"

    def hopeless(self) -> str | None:
        """Why it cannot come any more; None while it can.

        Since it was asked last, every task of the loop has waited, and nothing real was
        outstanding. Threads, connections and signals may bring what nobody here knows of: while
        there are any, it can come. Raises BadOption as at the beginning, for a task that was not
        known then.
        """
        self._jobs.check(self._pattern)
        time = LoopTime.of(asyncio.get_running_loop())
        if time is None or time.rests == self._rests:
            return None
        if time.real.may_be_called() or busy_threads():
            return None
        self._rests = time.rests
        apps = self._environment.apps
        if not all(queue.store.immediate for queue in self._environment.queues):
            return None
        found = [app.jobs() for app in apps]
        if any(job.state is State.RUNNING for jobs in found for job in jobs):
            return None
        waiting = _waiting(found, apps[0].clock)
        return f"nothing can move any more: nothing is in hand, and {waiting}"

    def differences(self) -> str:
        """What there is instead: the nearest name of a task, or the nearest job."""
        jobs = self._jobs.enqueued()
        doubt = self._jobs.check(self._pattern)
        return doubt or (nearest(jobs, self._compare) if jobs else "")

    def _matching(self, app: AppUnderTest) -> list[Found]:
        matching = self._found.get(id(app))
        if matching is None or not matching.is_of(app):
            owner = self._environment.seen(app)
            matching = self._found[id(app)] = _Matching(owner, self._pattern)
        return matching.read_on()

    def _compare(self, job: SeenJob) -> Comparison:
        related, fields = job.compare(self._pattern)
        if not related:
            return Comparison(False, [])
        in_state = Mismatch("state", self._state, job.state, job.is_in(self._state))
        return Comparison(True, [*fields, in_state])


class _Matching:
    """The jobs of one app that match. Each is compared once, however often it is asked."""

    def __init__(self, owner: SeenApp, pattern: JobPattern) -> None:
        self._owner = owner
        self._pattern = pattern
        self._tasks = len(owner.app.tasks())
        self._reading = Reading(owner)
        self._compared = 0
        self._found: list[Found] = []

    def is_of(self, app: AppUnderTest) -> bool:
        """Whether it is the app's, and what matched then does so now: it depends on the tasks."""
        return self._owner.app is app and self._tasks == len(app.tasks())

    def read_on(self) -> list[Found]:
        """Those that match until now, as they are now."""
        reading = self._reading
        reading.read_on()
        new, self._compared = reading.enqueued[self._compared :], len(reading.enqueued)
        self._found += [each for each in new if each.job.compare(self._pattern).matches]
        if self._found:
            reading.look_into_store()
        return self._found


def _waiting(found: Sequence[Sequence[Job]], clock: Clock) -> str:
    """What the jobs of each app wait for."""
    now = clock.now()
    queued = sum(job.state is State.QUEUED for jobs in found for job in jobs)
    due = [each for jobs in found for each in behind(jobs, now)]
    if due:
        jobs = f"{plural(len(due), 'job')} {'is' if len(due) == 1 else 'are'} due, but"
        if all(due) and due[0] is not None:
            wait = "waits" if len(due) == 1 else "wait"
            names = "" if len(set(due)) == 1 else "names that others have, the first for "
            return f"{jobs} {wait} for {names}{due[0].what} behind #{due[0].job}"
        return f"{jobs} no worker takes them"
    if queued:
        return f"{plural(queued, 'job')} due later, on a clock that is {clock.mode}"
    return "no job is queued"


def _environment() -> Environment | None:
    found = PRESENT.get()
    return None if found is None else found()


def _present(pattern: JobPattern) -> Environment:
    environment = _environment()
    if environment is None or not environment.apps:
        raise BadOption(
            f"wait_until() knows no queue to find {pattern!r} on. This test uses none. Ask for a "
            f"fixture such as docket or taskq, or wait for a function: wait_until(lambda: ...)."
        )
    return environment

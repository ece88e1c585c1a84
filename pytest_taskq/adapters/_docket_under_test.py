"""A real Docket in front of the harness: its tasks, its jobs, and how its own workers run them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from pytest_taskq.adapters._docket_payload import arguments_of
from pytest_taskq.adapters._docket_record import Record, nobody
from pytest_taskq.adapters._docket_watch import FRESH, Watch
from pytest_taskq.core.errors import BadOption, QueueClosed, UnknownTask
from pytest_taskq.core.instants import to_datetime
from pytest_taskq.core.job import Job, State
from pytest_taskq.engine.under_test import UNBOUNDED, Bounds, Call, OfFunctions, TaskInfo, Told

__all__ = ["UnderTest"]

POLL = timedelta(milliseconds=5)


class UnderTest(OfFunctions):
    """See ``AppUnderTest``. What a real Docket does not show raises BadOption, and says why.

    ``make_worker`` and ``make_execution`` are the library's classes, ``describe`` says of a
    function what task it is.
    """

    library = "docket"

    def __init__(
        self,
        watch: Watch,
        make_worker: Callable[..., Any],
        make_execution: Callable[..., Any],
        describe: Callable[[str, Any], TaskInfo],
    ) -> None:
        self._watch = watch
        self._docket = self._registry = watch.docket
        self._record: Record = watch.record
        self._make_worker = make_worker
        self._make_execution = make_execution
        self._describe = describe
        self.clock = watch.record.clock
        self.history = watch.record.history

    def tasks(self) -> Mapping[str, TaskInfo]:
        """See ``AppUnderTest.tasks``."""
        return {name: self._describe(name, each) for name, each in self._docket.tasks.items()}

    def tell(self, job: Job) -> Told:
        """See ``AppUnderTest.tell``. Dockets know no priority."""
        args, kwargs = arguments_of(job.payload)
        return Told(args, kwargs, 0, None if "fresh_key" in job.labels else job.key)

    def jobs(self) -> Sequence[Job]:
        """See ``AppUnderTest.jobs``."""
        return self._record.jobs()

    async def enqueue(self, call: Call) -> Job:
        """See ``AppUnderTest.enqueue``. Raises UnknownTask, and BadOption for a struck task."""
        self._check_open()
        if call.task not in self._docket.tasks:
            raise UnknownTask(call.task, self._docket.tasks)
        key = str(uuid4())
        execution = self._make_execution(
            self._docket,
            self._docket.tasks[call.task],
            call.args,
            dict(call.kwargs),
            key,
            to_datetime(self.clock.now() if call.at is None else call.at),
            call.attempt,
            function_name=call.task,
        )
        token = FRESH.set(True)
        try:
            await self._docket.schedule(execution)
        finally:
            FRESH.reset(token)
        job = self._record.under(key)
        if job is None:
            raise BadOption(
                f"{call.task!r} could not be enqueued. The docket says {execution.disposition}. "
                f"Restore the task before, or enqueue another one."
            )
        return job

    async def run(self, bounds: Bounds = UNBOUNDED) -> int:
        """See ``AppUnderTest.run``: by a real Worker that takes one job at a time.

        Automatic tasks are not scheduled by it. Raises BadOption for ``until``, and with
        ``only`` as soon as a job is due that is not to run.
        """
        if bounds.until is not None:
            raise BadOption(
                "Time cannot pass for a real Docket: not observable here. It lives on real time, "
                "and its jobs were to run until a later instant. Drain what is due, or use "
                "taskq_substitute = docket, where time is the clock's."
            )
        self._check_open()
        await self._watch.catch_up()
        run = _Run(self._record, bounds)
        if run.is_over():
            return 0
        worker = self._make_worker(
            self._docket,
            concurrency=1,
            minimum_check_interval=POLL,
            scheduling_resolution=POLL,
            schedule_automatic_tasks=False,
        )
        async with worker:
            await run.until_over(worker.run_until_finished())
        await self._watch.look_at_all()
        run.check()
        return run.ended

    async def forget(self, job: Job) -> None:
        """See ``AppUnderTest.forget``."""
        now = self._record.get(job.id)
        if now is not None and now.state in {State.QUEUED, State.RUNNING}:
            await self._docket.cancel(now.key)
        self._record.forget(job.id)

    async def run_forever(self, *, workers: int = 1) -> None:
        """See ``AppUnderTest.run_forever``."""
        self._check_open()
        crew = [asyncio.ensure_future(self._live(number + 1)) for number in range(workers)]
        try:
            await asyncio.wait(crew, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for each in crew:
                each.cancel()
            await asyncio.gather(*crew)

    async def _live(self, number: int) -> None:
        worker = self._make_worker(
            self._docket,
            name=f"worker-{number}",
            minimum_check_interval=POLL,
            scheduling_resolution=POLL,
        )
        async with worker:
            await worker.run_forever()

    def _check_open(self) -> None:
        if getattr(self._docket, "strike_list", None) is None:
            raise QueueClosed(
                f"The docket {self._docket.name!r} is not open. Nobody has entered it. Use taskq "
                f"inside `async with docket:`, or in an async fixture that yields it."
            )


class _Run:
    """One run of a worker, and when it is to end."""

    def __init__(self, record: Record, bounds: Bounds) -> None:
        self._record = record
        self._attempts = bounds.attempts
        self._only = bounds.only
        self._ends = bounds.ends
        self._begin = record.ended
        self._refused: Job | None = None

    @property
    def ended(self) -> int:
        """How many attempts it took until now."""
        return self._record.ended - self._begin

    def is_over(self) -> bool:
        """Whether nothing is due that is to run. Raises BadOption, as ``check``."""
        over = self._look()
        self.check()
        return over

    def check(self) -> None:
        """Raise BadOption if the worker would have run what it must not."""
        if self._refused is not None:
            raise BadOption(
                f"One job alone cannot be run beside others that are due: not observable here, "
                f"because a worker of the real Docket takes what comes next. {self._refused.task} "
                f"(key {self._refused.key}) is due too. Drain the docket first, leave only= out, "
                f"or use taskq_substitute = docket."
            )

    async def until_over(self, body: Any) -> None:
        """Let the worker run, and shut it down when the run is over."""
        worker = asyncio.ensure_future(body)

        def changed() -> None:
            if self._look():
                worker.cancel()

        self._record.changed = changed
        try:
            await asyncio.wait([worker])
        finally:
            self._record.changed = nobody
            # Whoever ends the run from outside does not wait for the task in hand; a worker does
            # when it is cancelled once.
            while not worker.done():
                worker.cancel()
                await asyncio.wait([worker], timeout=POLL.total_seconds())
        if not worker.cancelled():
            worker.result()

    def _look(self) -> bool:
        if self._attempts is not None and self.ended >= self._attempts:
            return True
        if self._ends is not None and self._ends():
            return True
        due, only = self._record.due(), self._only
        wanted = due if only is None else [job for job in due if only(job)]
        if wanted and len(wanted) < len(due):
            self._refused = next(job for job in due if job not in wanted)
        return not wanted or self._refused is not None

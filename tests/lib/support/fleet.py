"""Several whole engines over one store, on one held clock, and the one history of them all."""

import asyncio
from math import inf

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.core.job import FINAL, Hold, Job, State
from pytest_taskq.core.outcome import Again, Cancelled, Snoozed
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker

SECOND = 1_000_000
LEASE = 60 * SECOND
KEY = Hold("child", frozenset({State.QUEUED, State.RUNNING}))


class Wire:
    """A store that can be cut off, and that notes in which order changes land."""

    def __init__(self, store, landed, lock):
        self._store = store
        self._landed = landed
        self._lock = lock
        self.cut = False
        self.immediate = store.immediate

    async def put(self, changes):
        async with self._lock:
            answers = await self._answer(self._store.put, changes)
            for answer in answers:
                if isinstance(answer, Job):
                    self._landed[answer.id, answer.version] = len(self._landed)
            return answers

    async def get(self, job_id):
        return await self._answer(self._store.get, job_id)

    async def find(self, query):
        return await self._answer(self._store.find, query)

    def watch(self, changed):
        return self._store.watch(changed)

    async def aclose(self):
        await self._store.aclose()

    async def unfinished(self):
        return await self._answer(self._store.unfinished)

    async def _answer(self, call, *given):
        if self.cut:
            raise StoreUnavailable("The wire is cut. Nothing came through. Start a new process.")
        return await call(*given)


class Process:
    """A queue and a worker with a handle of their own on the store."""

    def __init__(self, fleet, name):
        self.name = name
        self.fleet = fleet
        self.wire = Wire(fleet.open(), fleet.landed, fleet.lock)
        self.queue = Queue(self.wire, fleet.clock, seed=0, lease=LEASE)
        self.worker = Worker(
            self.queue, fleet.tasks, name=name, concurrency=3, expired=self.after_lapse
        )

    def after_lapse(self, job):
        return Again(at=self.fleet.clock.now()) if job.attempt < 3 else None

    async def work(self, attempts=None):
        """Run what is due. A process whose wire is cut dies of it, and another takes its place."""
        try:
            await self.worker.run_until_idle(attempts=attempts)
        except StoreUnavailable:
            if not self.wire.cut:
                raise
            self.fleet.replace(self)


class Fleet:
    """``size`` processes over the store that ``opened`` gives handles on.

    The argument of every task is a list of acts, done one after the other; what the last one
    gives is the result. So all that happens at once happens inside of attempts, in an order that
    does not depend on chance.
    """

    def __init__(self, opened, size=3):
        self.open = opened
        self.clock = Clock("held")
        self.landed = {}
        self.lock = asyncio.Lock()
        self.begun = []
        self.tasks = Tasks()
        self.processes = []
        self.all = []
        self.nested = set()
        self.is_calm = False
        for number in range(size):
            self._start(f"p{number}")

    def _start(self, name):
        process = Process(self, name)
        self.processes.append(process)
        self.all.append(process)

    def replace(self, dead):
        if dead in self.processes:
            self.processes.remove(dead)
            self._start(f"p{len(self.all)}")

    def other(self, process):
        return next(one for one in self.processes if one is not process)

    def process_of(self, attempt):
        return next(one for one in self.all if one.worker is attempt.worker)

    def add_task(self, name, retry=None, follow=None):
        async def call(attempt):
            self.begun.append((attempt.job.id, attempt.job.lease.token))
            result = None
            for act in attempt.kwargs["acts"]:
                if self.is_calm and act in FAULTS:
                    continue
                result = await ACTS[act](self, self.process_of(attempt), attempt.job)
            return result

        fields = {} if retry is None else {"retry": retry}
        self.tasks.add(Task(name=name, call=call, follow=follow, **fields))

    async def beside(self, coroutine):
        """Await it in a task of its own, which goes on when the present one is cancelled.

        A call that is cut in the middle may land, and nobody then writes down that it has.
        """
        task = asyncio.create_task(coroutine)
        self.nested.add(task)
        await asyncio.shield(task)

    async def settle(self):
        """Wait until nothing goes on that an attempt has begun and not waited for."""
        while self.nested:
            begun, self.nested = self.nested, set()
            for ended in await asyncio.gather(*begun, return_exceptions=True):
                if isinstance(ended, BaseException) and not isinstance(ended, StoreUnavailable):
                    raise ended

    async def calm(self, rounds=200):
        """No more faults: run what there is, and let time pass, until every job has ended."""
        self.is_calm = True
        for _ in range(rounds):
            for process in list(self.processes):
                await process.work()
            await self.settle()
            left = [job for job in await self.jobs() if job.state not in FINAL]
            if not left:
                return
            instants = [job.lease.expires_at if job.lease else job.due_at for job in left]
            ahead = [instant for instant in instants if instant > self.clock.now()]
            self.clock.advance((min(ahead, default=self.clock.now()) - self.clock.now()) / SECOND)
        raise AssertionError(f"not quiet: {left}")

    async def jobs(self):
        return await self.processes[0].queue.find()

    def history(self):
        """The events of all processes, in the order in which the changes landed.

        What came late stands as late as it can: before what its process did next.
        """
        placed = []
        for process in self.all:
            place = inf
            for event in reversed(list(process.queue.history)):
                late = event.verb == "late"
                place = place if late else self.landed[event.job.id, event.job.version]
                placed.append((place, not late, len(placed), event))
        return [event for *_, event in sorted(placed, key=lambda row: row[:3])]


async def _fail(fleet, process, job):
    raise ValueError("no flour")


async def _fail_first(fleet, process, job):
    if job.attempt == 1:
        raise ValueError("no flour yet")


async def _exit(fleet, process, job):
    raise SystemExit(1)


async def _snooze(fleet, process, job):
    until = job.created_at + 100 * SECOND
    return Snoozed(until) if fleet.clock.now() < until else None


async def _drop(fleet, process, job):
    return Cancelled("not wanted")


async def _cancel_here(fleet, process, job):
    await fleet.beside(process.queue.cancel(job.id))
    await asyncio.sleep(0)


async def _cancel_elsewhere(fleet, process, job):
    await fleet.beside(fleet.other(process).queue.cancel(job.id))


async def _lapse(fleet, process, job):
    other = fleet.other(process)
    fleet.clock.advance(LEASE / SECOND)
    await fleet.beside(other.queue.leases.expire(other.after_lapse))


async def _pass_time(fleet, process, job):
    fleet.clock.advance(1)
    await asyncio.sleep(0)


async def _let_others_work(fleet, process, job):
    await fleet.beside(fleet.other(process).work())


async def _enqueue(fleet, process, job):
    child = process.queue.new_job("once", kwargs={"acts": []}, holds=(KEY,), priority=1)
    await fleet.beside(process.queue.enqueue_each([child]))


async def _stop(fleet, process, job):
    process.worker.stop(force=True)
    await asyncio.sleep(0)


async def _crash(fleet, process, job):
    process.wire.cut = True


ACTS = {
    "fail": _fail,
    "fail first": _fail_first,
    "exit": _exit,
    "snooze": _snooze,
    "drop": _drop,
    "cancel here": _cancel_here,
    "cancel elsewhere": _cancel_elsewhere,
    "let the lease lapse": _lapse,
    "let time pass": _pass_time,
    "let others work": _let_others_work,
    "enqueue": _enqueue,
    "stop the worker": _stop,
    "crash": _crash,
}
FAULTS = {"let the lease lapse", "stop the worker", "crash"}

"""Whole engines, driven at random and then let come to rest, keep every invariant on every store.

TASKQ_EXAMPLES sets how many walks there are on each; few are enough to see that all is in place.
"""

import asyncio
import os
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pytest_taskq.core.errors import NameHeld, StoreUnavailable
from pytest_taskq.core.invariants import SERIAL, check
from pytest_taskq.core.job import Failure, Hold, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Snoozed, Succeeded
from pytest_taskq.core.retry import exponential
from pytest_taskq.engine.leases import Ended
from support.fleet import ACTS, SECOND, Fleet
from support.stores import ALL

EXAMPLES = int(os.environ.get("TASKQ_EXAMPLES", "10"))

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
BOOM = Failure("ValueError", "boom", "")
OUTCOMES = [
    None,
    Succeeded("1"),
    Failed(BOOM),
    Failed(BOOM, Again(at=0)),
    Failed(BOOM, Again(at=0, priority=2, queue="night", holds=())),
    Snoozed(until=0),
    Snoozed(until=0, counts=True),
    Cancelled(),
]

# Names that are waited for while others are held could block each other for ever.
HOLDS = [
    Hold("key", QUEUED | RUNNING),
    Hold("wait", QUEUED),
    Hold("lock", RUNNING),
    Hold("line", RUNNING, ordered=True),
    Hold("slots", RUNNING, limit=2),
    Hold("two in line", RUNNING, limit=2, ordered=True),
]
WHICH = st.integers(0, 30)
PROCESS = st.integers(0, 2)


class Engines(RuleBasedStateMachine):
    def __init__(self, opened, discard):
        super().__init__()
        self.runner = asyncio.Runner()
        self.discard = discard
        self.fleet = self.run(self.begin(opened))
        self.vanished = []
        self.ghosts = count(1)

    def run(self, coroutine):
        return self.runner.run(coroutine)

    async def begin(self, opened):
        fleet = Fleet(opened)
        fleet.add_task("once")
        fleet.add_task("thrice", exponential(attempts=3, base=timedelta(seconds=10), jitter=0.5))
        fleet.add_task("and then", follow=self.follow)
        return fleet

    @staticmethod
    def follow(attempt, outcome):
        queue = attempt.worker.queue
        return [queue.new_job("once", kwargs={"acts": []}, holds=attempt.job.holds)]

    def queue(self, number):
        return self.fleet.processes[number].queue

    @rule(
        process=PROCESS,
        task=st.sampled_from(["once", "thrice", "and then", "nobody knows"]),
        acts=st.lists(st.sampled_from(sorted(ACTS)), max_size=3),
        delay=st.sampled_from([0, 0, 0, 5, 30, 90]),
        queue=st.sampled_from(["default", "default", "night"]),
        priority=st.integers(-1, 1),
        rank=st.sampled_from([None, None, 1, 2]),
        holds=st.lists(st.sampled_from(HOLDS), max_size=2, unique=True).map(tuple),
    )
    def enqueue(self, process, task, acts, delay, **fields):
        queue = self.queue(process)
        due_at = self.fleet.clock.now() + delay * SECOND
        job = queue.new_job(task, kwargs={"acts": acts}, due_at=due_at, **fields)
        self.run(self.unless_refused(queue.enqueue(job)))

    @rule(process=PROCESS, attempts=st.sampled_from([1, 2, None]))
    def work(self, process, attempts):
        self.run(self.fleet.processes[process].work(attempts))
        self.run(self.fleet.settle())

    @rule()
    def work_together(self):
        async def together():
            await asyncio.gather(*[process.work() for process in self.fleet.processes])

        self.run(together())
        self.run(self.fleet.settle())

    @rule(seconds=st.sampled_from([0.001, 1, 10, 61]))
    def let_time_pass(self, seconds):
        self.fleet.clock.advance(seconds)

    @rule(process=PROCESS, which=WHICH)
    def cancel(self, process, which):
        self.run(self.ask(process, which, "cancel"))

    @rule(process=PROCESS, which=WHICH)
    def requeue(self, process, which):
        self.run(self.ask(process, which, "requeue"))

    @rule(process=PROCESS, limit=st.integers(1, 3), from_lost=st.booleans())
    def claim_and_vanish(self, process, limit, from_lost):
        if from_lost:
            self.let_time_pass(61)
            self.take_what_has_lapsed(process)
        leases = self.queue(process).leases
        name = f"ghost {next(self.ghosts)}"
        self.vanished += [(leases, job) for job in self.run(leases.claim(name, limit))]

    @rule(which=WHICH, outcome=st.sampled_from(OUTCOMES), stays=st.booleans())
    def come_back(self, which, outcome, stays):
        if self.vanished:
            leases, job = self.vanished.pop(which % len(self.vanished))
            ending = leases.renew([job]) if stays else leases.finish([Ended(job, outcome)])
            self.run(self.unless_refused(ending))

    @rule(process=PROCESS)
    def take_what_has_lapsed(self, process):
        one = self.fleet.processes[process]
        self.run(one.queue.leases.expire(one.after_lapse))

    async def ask(self, process, which, verb):
        queue = self.queue(process)
        jobs = await queue.find()
        if jobs:
            await self.unless_refused(getattr(queue, verb)(jobs[which % len(jobs)].id))

    @staticmethod
    async def unless_refused(coroutine):
        try:
            await coroutine
        except (NameHeld, StoreUnavailable):  # a name is taken; a ghost's process has crashed
            return

    def teardown(self):
        try:
            self.run(self.fleet.calm())
            self.check()
        finally:
            self.run(self.discard(self.fleet.all))
            self.runner.close()

    def check(self):
        history = self.fleet.history()
        # Where a store waits, others come between a look and the decision.
        without = () if self.fleet.processes[0].wire.immediate else SERIAL
        found = check(history, quiet=True, without=without)
        assert not found, "\n".join(violation.sentence for violation in found)
        last = {event.job.id: event.job for event in history if event.verb != "late"}
        assert {job.id: job for job in self.run(self.fleet.jobs())} == last
        assert max(Counter(self.fleet.begun).values(), default=1) == 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ALL)
def test_every_walk_keeps_the_invariants(backend, backends):
    def machine():
        namespace = backends.new_namespace()

        async def discard(processes):
            first, *others = [process.wire._store for process in processes]
            for store in others:
                await store.aclose()
            await backends.discard(first)

        return Engines(lambda: backends.open(backend, namespace), discard)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

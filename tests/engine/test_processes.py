"""Workers in several processes share a queue, and one that is killed loses nothing."""

import asyncio
import random
from collections import Counter
from itertools import pairwise

import pytest

from pytest_taskq.core.job import FINAL, State
from pytest_taskq.core.store import JobQuery
from support.stores import SHARED
from support.worker_process import ATTEMPTS, Crew, make_queue

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

LIMIT = 120  # real seconds, which only a test that fails will need
JOBS, KILLS = 1_000, 8
UNFINISHED = JobQuery(states=frozenset(State) - FINAL, limit=1)


@pytest.fixture(params=SHARED)
def shared(request, backends):
    """A namespace that processes can share: a handle for the test, and where theirs are made."""
    namespace = backends.new_namespace()

    def crew(lease):
        return Crew(request.param, backends.place(request.param), namespace, lease)

    return backends.open(request.param, namespace), crew, backends.discard


async def until_all_have_ended(queue):
    changed = asyncio.Event()
    async with queue.store.watch(changed.set):
        while await queue.find(UNFINISHED):
            await changed.wait()
            changed.clear()


async def test_a_job_whose_worker_is_killed_is_tried_as_often_as_promised(shared):
    store, crew_of, discard = shared
    lease = 0.7
    queue = make_queue(store, lease)
    async with asyncio.timeout(LIMIT), crew_of(lease) as crew:
        job = await queue.enqueue(queue.new_job("hang"))
        started = []
        for attempt in range(1, ATTEMPTS + 1):
            await crew.start(f"w{attempt}")
            assert await crew.begun.get() == (f"w{attempt}", job.id, attempt)
            started.append((await queue.get(job.id)).started_at)
            await crew.kill(f"w{attempt}")
        await crew.start("last")
        await until_all_have_ended(queue)
    dead = await queue.get(job.id)
    assert (dead.state, dead.attempt, dead.failure.type_name) == (State.DEAD, 3, "LeaseLapsed")
    assert crew.begun.empty()
    pauses = [later - sooner for sooner, later in pairwise(started)]
    assert all(pause >= lease * 1_000_000 for pause in pauses)
    await discard(store)


async def test_nothing_is_lost_when_workers_are_killed_at_random(shared):
    store, crew_of, discard = shared
    queue, chance = make_queue(store, 3), random.Random(20_301)
    runs, killed = [], set()
    async with asyncio.timeout(LIMIT), crew_of(3) as crew:
        await queue.enqueue_each([queue.new_job("work") for _ in range(JOBS)])
        for number in range(3):
            await crew.start(f"w{number}")
        for number in range(KILLS):
            runs += [await crew.begun.get() for _ in range(chance.randrange(20, 140))]
            victim = chance.choice(sorted(crew.alive))
            killed.add(victim)
            await crew.kill(victim)
            await crew.start(f"r{number}")
        await until_all_have_ended(queue)
    while not crew.begun.empty():
        runs.append(crew.begun.get_nowait())
    jobs = await queue.find()
    assert Counter(job.state for job in jobs) == {State.SUCCEEDED: JOBS}
    assert {job_id for _, job_id, _ in runs} == {job.id for job in jobs}
    assert max(Counter(runs).values()) == 1
    by_living = Counter(job_id for name, job_id, _ in runs if name not in killed)
    assert max(by_living.values()) == 1
    of_killed = {job_id for name, job_id, _ in runs if name in killed}
    again = {
        job_id for job_id, count in Counter(job_id for _, job_id, _ in runs).items() if count > 1
    }
    assert again
    assert again <= of_killed
    assert len(again) <= 10 * KILLS
    await discard(store)

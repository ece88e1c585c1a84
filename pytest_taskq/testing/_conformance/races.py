"""Promises under real concurrency: threads with loops of their own, and many calls on each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Hold, Job, JobId, Lease, State
from pytest_taskq.core.store import Change, JobQuery, Refusal, Store
from pytest_taskq.testing._conformance.bench import in_threads, on_two_handles
from pytest_taskq.testing._conformance.verbs import (
    QUEUED,
    RUNNING,
    add,
    add_each,
    claim,
    lock,
    new,
    numbers,
    put,
    succeed,
)

__all__ = ["RaceTests"]

T = TypeVar("T")
ROUNDS = 15
RACERS = 3  # on each handle in each thread


async def race(stores: Sequence[Store], step: Callable[[Store, int], Awaitable[T]]) -> list[T]:
    """Do the step at once on every handle in two other threads, several times in each."""

    async def racers(thread: int) -> list[T]:
        calls = [
            step(store, thread * 100 + place * 10 + n)
            for n in range(RACERS)
            for place, store in enumerate(stores)
        ]
        return list(await asyncio.gather(*calls))

    parts = await asyncio.to_thread(in_threads, lambda: racers(0), lambda: racers(1))
    return [answer for part in parts for answer in part]


async def claim_as(job: Job, store: Store, token: int) -> Job | Refusal:
    """A step: claim this job."""
    return await claim(store, job, token)


async def claim_next(jobs: Iterator[Job], store: Store, token: int) -> Job | Refusal:
    """A step: claim a job of one's own."""
    return await claim(store, next(jobs), token)


async def put_new(job: Job, store: Store, _: int) -> Job | Refusal:
    """A step: put a new job."""
    return await put(store, job)


async def delete(job: Job, store: Store, _: int) -> list[bool]:
    """A step: forget this job."""
    return await store.delete([job])


class RaceTests:
    @on_two_handles
    async def test_of_many_who_claim_one_job_one_gets_it(self, one: Store, two: Store) -> None:
        for _ in range(ROUNDS):
            job = await add(one)
            answers = await race((one, two), partial(claim_as, job))
            winners = [answer for answer in answers if isinstance(answer, Job)]
            assert len(winners) == 1, f"{len(winners)} claimed job {job.id}"
            assert answers.count(Refusal()) == len(answers) - 1
            assert await one.get(job.id) == winners[0]

    @on_two_handles
    async def test_a_name_raced_for_has_one_holder_and_no_number_is_lost(
        self, one: Store, two: Store
    ) -> None:
        for n in range(1, ROUNDS + 1):
            key = Hold(f"key {n}", QUEUED)
            answers = await race((one, two), partial(put_new, new(holds=(key,))))
            assert Counter(map(type, answers)) == {Job: 1, Refusal: len(answers) - 1}
            assert answers.count(Refusal(key.name, n)) == len(answers) - 1
        assert await numbers(two) == list(range(1, ROUNDS + 1))

    @on_two_handles
    async def test_a_name_with_room_for_three_is_never_held_by_four(
        self, one: Store, two: Store
    ) -> None:
        for _ in range(ROUNDS):
            await one.clear()
            jobs = await add_each(one, *[new(holds=(lock(limit=3),)) for _ in range(12)])
            answers = await race((one, two), partial(claim_next, iter(jobs)))
            assert Counter(map(type, answers)) == {Job: 3, Refusal: 9}
            assert len(await numbers(two, states=RUNNING)) == 3

    @on_two_handles
    async def test_jobs_put_at_once_are_numbered_without_a_gap(
        self, one: Store, two: Store
    ) -> None:
        async def batch(store: Store, n: int) -> list[Job]:
            return await add_each(store, *[new(f"task {n}") for _ in range(20)])

        batches = await race((one, two), batch)
        jobs = sorted((job for jobs in batches for job in jobs), key=lambda job: job.id)
        assert [job.id for job in jobs] == list(range(1, len(jobs) + 1))
        assert await one.find(JobQuery()) == jobs
        for batch_jobs in batches:
            ids = [job.id for job in batch_jobs]
            assert ids == sorted(ids), "a batch was not numbered in its order"

    @on_two_handles
    async def test_of_many_who_delete_one_job_one_did_it(self, one: Store, two: Store) -> None:
        for _ in range(ROUNDS):
            job = await add(one, holds=(Hold("key", QUEUED),))
            answers = await race((one, two), partial(delete, job))
            assert sorted(answers) == [[False]] * (len(answers) - 1) + [[True]]

    @on_two_handles
    async def test_workers_lose_no_job_run_none_twice_and_never_two_under_one_lock(
        self, one: Store, two: Store
    ) -> None:
        jobs = [new(holds=(lock(str(n % 3)),) if n % 4 else ()) for n in range(120)]
        await add_each(one, *jobs)
        seen = await race((one, two), lambda store, n: work_until_done(store, n, len(jobs)))
        done = Counter(number for numbers_ in seen for number in numbers_)
        assert done == Counter(range(1, len(jobs) + 1))
        states = {(job.state, job.attempt, job.version) for job in await one.find(JobQuery())}
        assert states == {(State.SUCCEEDED, 1, 2)}


async def work_until_done(store: Store, worker: int, total: int) -> list[JobId]:
    """Claim, look at the locks and finish until every job has ended; what this worker did."""
    done: list[JobId] = []
    ready = JobQuery(states=QUEUED, due_by=0, claimable=True, sort="claim", limit=5)
    ended = frozenset({State.SUCCEEDED})
    while len(await store.find(JobQuery(states=ended))) < total:
        found = await store.find(ready)
        lease = Lease(str(worker), worker, 9)
        claims = [Change(transitions.claim(job, lease, 0), job) for job in found]
        for answer in await store.put(claims):
            if isinstance(answer, Job):
                running = await store.find(JobQuery(states=RUNNING))
                held = Counter(hold.name for job in running for hold in job.holds)
                assert not held or max(held.values()) == 1, f"held twice: {held}"
                await succeed(store, answer)
                done.append(answer.id)
    return done

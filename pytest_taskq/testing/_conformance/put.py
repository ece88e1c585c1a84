"""Promises of ``put``, ``get``, ``delete`` and ``clear``: numbers, versions, batches."""

from __future__ import annotations

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Hold, Job, Lease
from pytest_taskq.core.outcome import Succeeded
from pytest_taskq.core.store import Change, JobQuery, Refusal, Store
from pytest_taskq.testing._conformance.bench import on_two_handles
from pytest_taskq.testing._conformance.verbs import (
    QUEUED,
    add,
    add_each,
    claim,
    free,
    landed,
    lock,
    new,
    numbers,
    put,
)

__all__ = ["PutTests"]

MANY = 3_000
KEY = Hold("key", QUEUED)
EVERY = JobQuery()


class PutTests:
    @on_two_handles
    async def test_new_jobs_are_numbered_from_one_in_the_order_of_arrival(
        self, one: Store, two: Store
    ) -> None:
        assert [(await add(store)).id for store in (one, two, two, one)] == [1, 2, 3, 4]

    @on_two_handles
    async def test_a_refused_job_uses_up_no_number(self, one: Store, two: Store) -> None:
        await add(one, holds=(KEY,))
        for store in (one, two):
            assert isinstance(await put(store, new(holds=(KEY,))), Refusal)
        assert (await add(two)).id == 2

    @on_two_handles
    async def test_the_number_is_the_stores_to_give(self, one: Store, two: Store) -> None:
        assert [job.id for job in await add_each(one, new(id=77), new(id=1))] == [1, 2]
        assert await numbers(two) == [1, 2]

    @on_two_handles
    async def test_the_number_of_a_forgotten_job_is_not_given_again(
        self, one: Store, two: Store
    ) -> None:
        await add(one)
        last = await add(one)
        assert await one.delete([last]) == [True]
        assert (await add(two)).id == last.id + 1

    @on_two_handles
    async def test_what_one_handle_puts_the_other_sees_at_once(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        assert await two.get(job.id) == job
        claimed = landed(await claim(two, job))
        assert await one.get(job.id) == claimed
        assert await one.delete([claimed]) == [True]
        assert await two.get(job.id) is None

    @on_two_handles
    async def test_a_job_that_nobody_put_is_none(self, one: Store, two: Store) -> None:
        await add(one)
        assert [await two.get(number) for number in (0, -1, 2, 2**53, 2**62)] == [None] * 5

    @on_two_handles
    async def test_a_change_replaces_the_version_it_was_decided_on(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        claimed = landed(await claim(two, job))
        assert (claimed.id, claimed.version, claimed.attempt) == (job.id, 1, 1)
        assert await one.get(job.id) == claimed

    @on_two_handles
    async def test_a_change_of_an_older_version_is_refused_and_changes_nothing(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        claimed = landed(await claim(one, job))
        assert await claim(two, job, token=2) == Refusal()
        assert await two.get(job.id) == claimed

    @on_two_handles
    async def test_a_change_of_a_version_still_to_come_is_refused(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        assert await claim(two, job._replace(version=1)) == Refusal()
        assert await one.get(job.id) == job

    @on_two_handles
    async def test_a_change_of_a_job_that_is_not_there_is_refused(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        await one.delete([job])
        assert await claim(two, job) == Refusal()
        assert await claim(two, new(id=9)) == Refusal()
        assert await numbers(one) == []

    @on_two_handles
    async def test_a_batch_is_written_and_answered_in_order(self, one: Store, two: Store) -> None:
        jobs = await add_each(one, *[new(task=f"task {n}") for n in range(50)])
        assert [(job.id, job.task) for job in jobs] == [(n + 1, f"task {n}") for n in range(50)]
        assert await two.find(EVERY) == jobs

    @on_two_handles
    async def test_each_change_of_a_batch_stands_on_its_own(self, one: Store, two: Store) -> None:
        old = await add(one)
        await claim(one, old)
        stale = Change(transitions.cancel(old, 0), old)
        answers = await two.put(
            [
                Change(new(holds=(KEY,)), None),
                stale,
                Change(new(holds=(KEY,)), None),
                Change(new(), None),
            ]
        )
        assert answers[1:3] == [Refusal(), Refusal("key", 2)]
        assert [answers[0], answers[3]] == [await one.get(2), await one.get(3)]
        assert await numbers(one) == [1, 2, 3]

    @on_two_handles
    async def test_a_change_sees_those_before_it_in_its_batch(self, one: Store, two: Store) -> None:
        job = await add(one, holds=(lock(), KEY))
        claimed = transitions.claim(job, Lease("w", 1, 9), 0)
        done = transitions.finish(claimed, 1, Succeeded(), 1)
        other = new(holds=(KEY,))
        answers = await two.put(
            [
                Change(other, None),
                Change(claimed, job),
                Change(other, None),
                Change(done, claimed),
                Change(other, None),
            ]
        )
        second = other._replace(id=2)
        assert answers == [Refusal("key", 1), claimed, second, done, Refusal("key", 2)]
        assert await one.find(EVERY) == [done, second]

    @on_two_handles
    async def test_of_two_changes_of_one_version_in_a_batch_the_first_lands(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        cancelled = transitions.cancel(job, 5)
        claimed = transitions.claim(job, Lease("w", 1, 9), 0)
        answers = await two.put([Change(cancelled, job), Change(claimed, job)])
        assert answers == [cancelled, Refusal()]
        assert await one.get(job.id) == cancelled

    @on_two_handles
    async def test_an_empty_batch_has_an_empty_answer(self, one: Store, two: Store) -> None:
        assert await one.put([]) == []
        assert await two.delete([]) == []

    @on_two_handles
    async def test_a_batch_may_have_thousands(self, one: Store, two: Store) -> None:
        jobs = await add_each(one, *[new(holds=(lock(str(n)),)) for n in range(MANY)])
        assert [job.id for job in jobs] == list(range(1, MANY + 1))
        assert await two.find(EVERY) == jobs
        claims = [Change(transitions.claim(job, Lease("w", 1, 9), 0), job) for job in jobs]
        claimed = [landed(answer) for answer in await two.put(claims)]
        assert all(await one.delete(claimed)), "each of these was as stored"
        assert await two.find(EVERY) == []

    @on_two_handles
    async def test_only_the_stored_version_is_forgotten(self, one: Store, two: Store) -> None:
        old, kept = await add(one), await add(one)
        job = landed(await claim(one, old))
        unknown = job._replace(id=99)
        newer = kept._replace(version=1)
        answers = await two.delete([old, unknown, job, newer, job])
        assert answers == [False, False, True, False, False]
        assert await one.find(EVERY) == [kept]

    @on_two_handles
    async def test_clearing_forgets_every_job_and_name_and_counts_from_one(
        self, one: Store, two: Store
    ) -> None:
        held = await add(one, key="k", holds=(KEY, lock("line", ordered=True)))
        running = landed(await claim(one, await add(one, holds=(lock(),))))
        await two.clear()
        assert await one.find(EVERY) == []
        assert [await one.get(held.id), await one.get(running.id)] == [None, None]
        again = await add(one, holds=(KEY, lock(), lock("line", ordered=True)))
        assert again.id == 1
        assert isinstance(landed(await claim(two, again)), Job)
        assert await free(one, KEY)
        await one.clear()
        await two.clear()
        assert (await add(two)).id == 1

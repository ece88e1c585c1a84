"""Promises of ``find``: each condition, each order, and pages that miss and repeat nothing."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Job, Lease, State
from pytest_taskq.core.store import Change, JobQuery, Store
from pytest_taskq.testing._conformance.bench import on_two_handles
from pytest_taskq.testing._conformance.verbs import (
    QUEUED,
    RUNNING,
    add,
    add_each,
    claim,
    fail,
    landed,
    lock,
    new,
    numbers,
    put,
    succeed,
)

__all__ = ["FindTests"]

Sort = Literal["claim", "due", "id", "lease"]
SORTS: tuple[Sort, ...] = ("claim", "due", "id", "lease")


def meant(jobs: list[Job], query: JobQuery) -> list[Job]:
    """The answer by the meaning of the query, where no name is held."""
    return sorted(filter(query.matches, jobs), key=query.order)[: query.limit]


async def one_in_each_state(store: Store) -> dict[State, Job]:
    """A job in each of the states."""
    _, running, done, dead, cancelled = await add_each(store, *[new() for _ in State])
    claims = [landed(await claim(store, job)) for job in (running, done, dead)]
    await succeed(store, claims[1])
    await fail(store, claims[2])
    await put(store, transitions.cancel(cancelled, 0), cancelled)
    return {job.state: job for job in await store.find(JobQuery())}


async def a_mixture(store: Store) -> list[Job]:
    """Jobs with many values in common; a third of them run."""
    jobs = [
        new(task, due_at, queue=queue, priority=priority, rank=rank, key=key)
        for (task, queue), due_at, priority, (rank, key) in product(
            [("bake", "x"), ("roast", "x"), ("bake", "y")],
            [0, 5, 5],
            [0, 1],
            [(None, "k"), (5, "k"), (0, "l"), (None, None)],
        )
    ]
    stored = await add_each(store, *jobs)
    claims = [
        Change(transitions.claim(job, Lease("w", job.id, job.id % 4), 0), job)
        for job in stored[::3]
    ]
    await store.put(claims)
    return await store.find(JobQuery())


class FindTests:
    @on_two_handles
    async def test_without_a_condition_every_job_is_found_the_oldest_first(
        self, one: Store, two: Store
    ) -> None:
        assert await one.find(JobQuery()) == []
        jobs = [await add(store, due_at=-n, priority=n) for n, store in enumerate((one, two, one))]
        assert await two.find(JobQuery()) == jobs

    @on_two_handles
    async def test_by_state(self, one: Store, two: Store) -> None:
        jobs = await one_in_each_state(one)
        assert set(jobs) == set(State)
        for state, job in jobs.items():
            assert await two.find(JobQuery(states=frozenset({state}))) == [job]
            others = [jobs[other] for other in State if other is not state]
            found = await two.find(JobQuery(states=frozenset(State) - {state}))
            assert found == sorted(others, key=lambda job: job.id)
        assert await two.find(JobQuery(states=frozenset())) == []

    @on_two_handles
    async def test_a_job_is_unfinished_until_it_has_ended_whatever_it_waits_for(
        self, one: Store, two: Store
    ) -> None:
        for waiting in (new(due_at=10**15), new(queue="y"), new(holds=(lock(),))):
            assert not await one.unfinished()
            running = landed(await claim(one, await add(one, holds=(lock(),))))
            assert await two.unfinished()
            (queued,) = await add_each(one, waiting)
            await succeed(one, running)
            assert await two.unfinished()
            await put(one, transitions.cancel(queued, 0), queued)
            assert not await two.unfinished()
        await fail(one, landed(await claim(one, await add(one))))
        assert not await two.unfinished()
        (queued,) = await add_each(two, new())
        assert await one.unfinished()
        assert await two.delete([queued]) == [True]
        assert not await one.unfinished()

    @on_two_handles
    async def test_by_queue_task_and_key(self, one: Store, two: Store) -> None:
        for queue, task, key in [
            ("x", "a", "k"),
            ("x", "b", None),
            ("y", "a", "l"),
            ("z", "c", "k"),
        ]:
            await add(one, queue=queue, task=task, key=key)
        assert await numbers(two, queues=frozenset("x")) == [1, 2]
        assert await numbers(two, queues=frozenset("yz?")) == [3, 4]
        assert await numbers(two, tasks=frozenset("a")) == [1, 3]
        assert await numbers(two, tasks=frozenset("bc")) == [2, 4]
        assert await numbers(two, key="k") == [1, 4]
        assert await numbers(two, key="k", queues=frozenset("z"), tasks=frozenset("c")) == [4]
        assert await numbers(two, key="l", queues=frozenset("x")) == []
        assert await numbers(two, queues=frozenset()) == []
        assert await numbers(two, tasks=frozenset()) == []

    @on_two_handles
    async def test_by_due_instant_up_to_and_with_one_or_after_the_other(
        self, one: Store, two: Store
    ) -> None:
        for due_at in (10, 11, 9, 10):
            await add(one, due_at=due_at)
        assert await numbers(two, due_by=10) == [1, 3, 4]
        assert await numbers(two, due_after=10) == [2]
        assert await numbers(two, due_after=9, due_by=10) == [1, 4]
        assert await numbers(two, due_after=10, due_by=10) == []
        assert await numbers(two, due_by=8) == []

    @on_two_handles
    async def test_by_lapsed_lease_up_to_and_with_the_instant(self, one: Store, two: Store) -> None:
        jobs = await add_each(one, *[new() for _ in range(4)])
        for job, expires_at in zip(jobs, (10, 11, 9), strict=False):
            landed(await claim(one, job, expires_at=expires_at))
        assert await numbers(two, lease_expired_by=10) == [1, 3]
        assert await numbers(two, lease_expired_by=11, sort="lease", states=RUNNING) == [3, 1, 2]
        assert await numbers(two, lease_expired_by=8) == []

    @on_two_handles
    async def test_a_job_is_found_as_it_is_now(self, one: Store, two: Store) -> None:
        job = await add(one, due_at=5, queue="x", priority=1)
        query = JobQuery(states=QUEUED, queues=frozenset("x"), due_by=5, sort="claim")
        assert await two.find(query) == [job]
        claimed = landed(await claim(one, job))
        assert await two.find(query) == []
        assert await two.find(JobQuery(states=RUNNING)) == [claimed]
        back = claimed._replace(
            state=State.QUEUED, lease=None, queue="y", due_at=7, priority=0, version=2
        )
        landed(await put(one, back, claimed))
        assert await two.find(query._replace(due_by=9)) == []
        assert await two.find(query._replace(due_by=9, queues=frozenset("y"))) == [back]
        assert await two.find(JobQuery(lease_expired_by=10**6)) == []

    @on_two_handles
    async def test_in_claim_order_by_priority_then_rank_or_due_instant_then_age(
        self, one: Store, two: Store
    ) -> None:
        for due_at, priority, rank in [
            *[(5, 0, None), (3, 0, None), (3, 0, None), (9, 1, None)],
            *[(0, 0, 4), (8, 0, 3), (1, -1, -9)],
        ]:
            await add(one, due_at=due_at, priority=priority, rank=rank)
        assert await numbers(two, sort="claim") == [4, 2, 3, 6, 5, 1, 7]

    @on_two_handles
    async def test_in_order_of_due_instant_then_age(self, one: Store, two: Store) -> None:
        for due_at, rank in [(5, 0), (3, 9), (-3, None), (3, 1)]:
            await add(one, due_at=due_at, rank=rank, priority=-due_at)
        assert await numbers(two, sort="due") == [3, 2, 4, 1]

    @on_two_handles
    async def test_in_order_of_lease_then_age_without_a_lease_at_zero(
        self, one: Store, two: Store
    ) -> None:
        jobs = await add_each(one, *[new() for _ in range(5)])
        for job, expires_at in zip(jobs, (7, 3, 3, -2), strict=False):
            landed(await claim(one, job, expires_at=expires_at))
        assert await numbers(two, sort="lease") == [4, 5, 2, 3, 1]

    @on_two_handles
    async def test_conditions_may_be_combined_at_will(self, one: Store, two: Store) -> None:
        jobs = await a_mixture(one)
        conditions: list[dict[str, Any]] = [
            {},
            {"states": QUEUED, "queues": frozenset("x"), "due_by": 4},
            {"states": RUNNING, "lease_expired_by": 1, "tasks": frozenset({"bake"})},
            {"key": "k", "due_after": 0, "queues": frozenset("xy")},
            {"key": "k", "states": QUEUED, "tasks": frozenset({"roast"}), "due_by": 0},
            {"due_after": 0, "due_by": 5, "states": QUEUED | RUNNING, "key": "l"},
        ]
        for condition, sort, limit in product(conditions, SORTS, (None, 0, 1, 7, 1000)):
            for after in (None, jobs[0], jobs[40], jobs[-1]):
                query = JobQuery(**condition, sort=sort, limit=limit, after=after)
                assert await two.find(query) == meant(jobs, query), query

    @on_two_handles
    async def test_pages_miss_nothing_and_repeat_nothing(self, one: Store, two: Store) -> None:
        jobs = await a_mixture(one)
        for sort, size in product(SORTS, (1, 5, len(jobs))):
            query, found = JobQuery(sort=sort, limit=size), list[Job]()
            while page := await two.find(query):
                assert len(page) <= size, f"a page of at most {size} has {len(page)} jobs"
                found += page
                assert len(found) <= len(jobs), f"pages of {size} by {sort} repeat jobs"
                query = query._replace(after=page[-1])
            assert found == meant(jobs, JobQuery(sort=sort)), f"pages of {size} by {sort}"

    @on_two_handles
    async def test_a_page_follows_a_job_that_has_changed_or_gone(
        self, one: Store, two: Store
    ) -> None:
        jobs = await add_each(one, *[new(due_at=n // 2) for n in range(6)])
        landed(await put(one, jobs[1]._replace(due_at=99, version=1), jobs[1]))
        await one.delete([jobs[2]])
        assert await numbers(two, sort="due", after=jobs[1], limit=2) == [4, 5]
        assert await numbers(two, sort="due", after=jobs[2], limit=2) == [4, 5]
        assert await numbers(two, after=jobs[2], limit=2) == [4, 5]

    @on_two_handles
    async def test_a_query_may_name_very_many_queues(self, one: Store, two: Store) -> None:
        await add_each(one, *[new(queue=str(n), task=str(n)) for n in range(5)])
        many = frozenset(str(n) for n in range(3, 3_000))
        assert await numbers(two, queues=many, sort="claim", limit=9) == [4, 5]
        assert await numbers(two, tasks=many, queues=many) == [4, 5]

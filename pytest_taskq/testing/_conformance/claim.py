"""Promises of a ``claimable`` query and of ordered names: nobody starves, nobody jumps a line."""

from __future__ import annotations

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Hold, Job
from pytest_taskq.core.outcome import Again
from pytest_taskq.core.store import JobQuery, Refusal, Store
from pytest_taskq.testing._conformance.bench import on_two_handles
from pytest_taskq.testing._conformance.verbs import (
    BOTH,
    QUEUED,
    RUNNING,
    add,
    add_each,
    claim,
    claimable,
    fail,
    landed,
    lock,
    new,
    numbers,
    put,
    succeed,
)

__all__ = ["ClaimTests"]

FULL_PAGE = 300


class ClaimTests:
    @on_two_handles
    async def test_jobs_whose_names_are_taken_are_not_claimable(
        self, one: Store, two: Store
    ) -> None:
        await add_each(one, *[new(holds=(lock(),)) for _ in range(3)], new())
        assert await claimable(two) == [1, 2, 3, 4]
        first = landed(await claim(one, landed_job(await one.get(1))))
        assert await claimable(two) == [4]
        assert await numbers(two, states=QUEUED) == [2, 3, 4]
        await succeed(one, first)
        assert await claimable(two) == [2, 3, 4]
        assert await claimable(two, limit=1) == [2]

    @on_two_handles
    async def test_a_name_held_while_queued_keeps_nobody_from_running(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one, holds=(Hold("key", QUEUED), Hold("live", BOTH)))
        assert await claimable(two) == [job.id]

    @on_two_handles
    async def test_a_name_is_claimable_while_it_has_room(self, one: Store, two: Store) -> None:
        jobs = await add_each(one, *[new(holds=(lock(limit=2),)) for _ in range(4)])
        first = landed(await claim(one, jobs[0]))
        assert await claimable(two) == [2, 3, 4]
        landed(await claim(one, jobs[1]))
        assert await claimable(two) == []
        landed(await fail(one, first, Again(at=9)))
        assert await claimable(two) == [3, 4]
        assert await claimable(two, due_by=9) == [3, 4, 1]

    @on_two_handles
    async def test_a_page_of_blocked_jobs_does_not_starve_a_free_one(
        self, one: Store, two: Store
    ) -> None:
        blocked = [new(holds=(lock(),), priority=5) for _ in range(FULL_PAGE)]
        jobs = await add_each(one, *blocked, new())
        running = landed(await claim(one, jobs[0]))
        for _ in range(2):
            assert await claimable(two, limit=1) == [jobs[-1].id]
            assert await claimable(one, limit=10) == [jobs[-1].id]
        assert await two.delete([running]) == [True]
        assert await claimable(two, limit=1) == [2]
        assert await claimable(two, limit=FULL_PAGE) == list(range(2, FULL_PAGE + 2))

    @on_two_handles
    async def test_a_freed_name_is_offered_to_whoever_asks(self, one: Store, two: Store) -> None:
        jobs = await add_each(
            one,
            new(holds=(lock(),)),
            new("roast", holds=(lock(),), queue="nobody listens"),
            new("roast", holds=(lock(),), key="k"),
            new("bake", holds=(lock(),)),
        )
        running = landed(await claim(one, jobs[0]))
        assert await claimable(two) == []
        await succeed(one, running)
        assert await claimable(two, tasks=frozenset({"bake"})) == [4]
        assert await claimable(two, queues=frozenset({"default"}), limit=1) == [3]
        assert await claimable(two, after=jobs[2]) == [4]
        assert await claimable(two, key="k") == [3]
        assert await claimable(two) == [2, 3, 4]

    @on_two_handles
    async def test_a_claimable_job_needs_all_of_its_names(self, one: Store, two: Store) -> None:
        a, b = lock("a"), lock("b")
        jobs = await add_each(one, *[new(holds=holds) for holds in [(a,), (b,), (a, b), (b, a)]])
        held = [landed(await claim(one, job)) for job in jobs[:2]]
        assert await claimable(two) == []
        await succeed(one, held[0])
        assert await claimable(two) == []
        await succeed(one, held[1])
        assert await claimable(two) == [3, 4]

    @on_two_handles
    async def test_the_next_due_of_the_claimable_is_found(self, one: Store, two: Store) -> None:
        jobs = await add_each(
            one, *[new(due_at=at, holds=(lock(),)) for at in (0, 5, 9)], new(due_at=7)
        )
        landed(await claim(one, jobs[0]))
        query = JobQuery(states=QUEUED, due_after=0, claimable=True, sort="due", limit=1)
        assert await two.find(query) == [jobs[3]]
        assert await two.find(query._replace(due_after=7)) == []

    @on_two_handles
    async def test_in_an_ordered_line_the_first_goes_first_whatever_it_waits_for(
        self, one: Store, two: Store
    ) -> None:
        line = (lock(ordered=True),)
        first, second = await add_each(one, new(due_at=50, holds=line, queue="x"), new(holds=line))
        assert await claimable(two) == []
        assert await claim(two, second) == Refusal("oven")
        assert await claimable(two, due_by=50) == [first.id]
        running = landed(await claim(one, first))
        assert await claim(two, second) == Refusal("oven", first.id)
        await succeed(one, running)
        assert await claimable(two) == [second.id]
        landed(await claim(two, second))

    @on_two_handles
    async def test_a_line_is_ordered_by_priority_and_then_by_age(
        self, one: Store, two: Store
    ) -> None:
        line = (lock(ordered=True),)
        jobs = [new(due_at=at, priority=p, holds=line) for at, p in [(3, 0), (2, 1), (1, 1)]]
        await add_each(one, *jobs)
        for expected in (2, 3, 1):
            assert await claimable(two, due_by=9) == [expected]
            await succeed(one, landed(await claim(one, landed_job(await two.get(expected)))))

    @on_two_handles
    async def test_who_leaves_a_line_lets_the_next_one_go(self, one: Store, two: Store) -> None:
        line = (lock(ordered=True),)
        jobs = await add_each(one, *[new(holds=line) for _ in range(4)])
        assert await one.delete([jobs[0]]) == [True]
        assert await claimable(two) == [2]
        landed(await put(one, transitions.cancel(jobs[1], 0), jobs[1]))
        assert await claimable(two) == [3]
        landed(await put(one, jobs[2]._replace(priority=-1, version=1), jobs[2]))
        assert await claimable(two) == [4]
        landed(await put(one, jobs[3]._replace(holds=(), version=1), jobs[3]))
        assert await claimable(two) == [4, 3]

    @on_two_handles
    async def test_who_comes_back_to_a_line_has_its_old_place(self, one: Store, two: Store) -> None:
        line = (lock(ordered=True),)
        jobs = await add_each(one, *[new(holds=line) for _ in range(2)])
        running = landed(await claim(one, jobs[0]))
        landed(await fail(one, running, Again(at=9)))
        assert await claim(two, jobs[1]) == Refusal("oven")
        assert await claimable(two, due_by=9) == [1]

    @on_two_handles
    async def test_a_line_may_have_room_for_several(self, one: Store, two: Store) -> None:
        line = (lock(limit=2, ordered=True),)
        jobs = await add_each(one, *[new(holds=line) for _ in range(4)])
        assert await claimable(two) == [1]
        landed(await claim(one, jobs[0]))
        assert await claimable(two) == [2]
        landed(await claim(one, jobs[1]))
        assert await claimable(two) == []
        assert await claim(two, jobs[2]) == Refusal("oven", 1)

    @on_two_handles
    async def test_a_holder_in_line_may_renew_though_others_wait(
        self, one: Store, two: Store
    ) -> None:
        line = (lock(ordered=True),)
        first, second = await add_each(one, new(holds=line), new(holds=line, priority=-1))
        running = landed(await claim(one, first))
        await add(two, holds=line, priority=9)
        renewed = landed(await put(two, transitions.renew(running, 1, 500), running))
        assert await numbers(one, states=RUNNING, lease_expired_by=500) == [renewed.id]
        assert await claimable(one) == []
        await succeed(one, renewed)
        assert await claimable(two) == [3]
        assert await claim(two, second) == Refusal("oven")


def landed_job(job: Job | None) -> Job:
    """A job that must be there."""
    assert job is not None, "a job that was stored is not there"
    return job

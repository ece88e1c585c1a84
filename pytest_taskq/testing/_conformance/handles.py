"""Promises of a handle: loops, threads, namespaces, closing, and doing without a loop."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_taskq.core.job import Hold, Job
from pytest_taskq.core.store import Change, JobQuery, Store
from pytest_taskq.engine.sync import drive
from pytest_taskq.testing._conformance.bench import (
    Opens,
    handles,
    in_threads,
    new_namespace,
    on_a_loop,
    on_two_handles,
    only_our_errors,
)
from pytest_taskq.testing._conformance.verbs import (
    QUEUED,
    add,
    claim,
    landed,
    new,
    numbers,
    put,
    succeed,
)

__all__ = ["HandleTests"]

KEY = (Hold("key", QUEUED),)


def use_without_a_loop(store: Store) -> None:
    """One of each call, of which none may suspend."""
    job = drive(add(store))
    assert drive(store.get(job.id)) == job
    running = landed(drive(claim(store, job)))
    assert drive(store.find(JobQuery())) == [running]
    assert drive(store.delete([running])) == [True]
    drive(store.clear())


class HandleTests:
    @on_two_handles
    async def test_it_says_whether_it_ever_suspends(self, one: Store, two: Store) -> None:
        assert type(one.immediate) is bool
        assert one.immediate is two.immediate

    def test_an_immediate_store_needs_no_loop(self: Opens) -> None:
        async def open_store() -> Store:
            return await self.open_store(new_namespace())

        store = on_a_loop(open_store)
        try:
            if store.immediate:
                with only_our_errors():
                    use_without_a_loop(store)
        finally:
            on_a_loop(store.aclose)

    def test_a_handle_may_be_used_on_one_loop_after_the_other(self: Opens) -> None:
        namespace, opened = new_namespace(), list[Store]()

        async def begin() -> Job:
            opened.append(await self.open_store(namespace))
            opened.append(await self.open_store(namespace))
            return await add(opened[0])

        async def go_on() -> None:
            one, two = opened
            running = landed(await claim(one, job))
            assert await two.get(1) == running
            await one.clear()

        job = on_a_loop(begin)
        on_a_loop(go_on)
        on_a_loop(opened[0].aclose)
        on_a_loop(opened[1].aclose)

    @on_two_handles
    async def test_a_handle_may_be_used_from_the_loops_of_several_threads_at_once(
        self, one: Store, two: Store
    ) -> None:
        async def elsewhere() -> list[Job]:
            return [await add(store) for store in (one, two) * 10]

        task = asyncio.ensure_future(asyncio.to_thread(in_threads, elsewhere, elsewhere))
        mine = [await add(store) for store in (two, one) * 10]
        jobs = [*mine, *[job for part in await task for job in part]]
        assert sorted(job.id for job in jobs) == list(range(1, 61))
        assert await one.find(JobQuery()) == sorted(jobs, key=lambda job: job.id)

    @on_two_handles
    async def test_many_calls_may_be_under_way_at_once(self, one: Store, two: Store) -> None:
        jobs = await asyncio.gather(*[add(store) for store in (one, two) * 20])
        assert sorted(job.id for job in jobs) == list(range(1, 41))
        found = await asyncio.gather(*[two.get(job.id) for job in jobs])
        assert found == jobs

    def test_two_namespaces_know_nothing_of_each_other(self: Opens) -> None:
        async def work() -> None:
            ours, theirs = new_namespace(), new_namespace()
            async with handles(self, ours) as (one, _), handles(self, theirs) as (other, another):
                job = landed(await put(one, new(key="k", holds=KEY)))
                twin = landed(await put(other, new(key="k", holds=KEY)))
                assert (job.id, twin.id) == (1, 1)
                await succeed(other, landed(await claim(another, twin)))
                assert await one.find(JobQuery()) == [job]
                await other.clear()
                assert await one.find(JobQuery(key="k")) == [job]
                assert (await add(one)).id == 2

        on_a_loop(work)

    def test_names_of_namespaces_that_begin_alike_are_told_apart(self: Opens) -> None:
        async def work() -> None:
            ours = new_namespace()
            async with (
                handles(self, ours) as (one, _),
                handles(self, f"{ours}_2") as (other, _),
            ):
                job = await add(one)
                await add(other)
                await other.clear()
                assert await one.find(JobQuery()) == [job]
                await add(other)
                await one.clear()
                assert await numbers(other) == [1]

        on_a_loop(work)

    def test_closing_keeps_the_jobs_and_the_other_handle(self: Opens) -> None:
        async def work() -> None:
            namespace = new_namespace()
            async with handles(self, namespace) as (one, two):
                third = await self.open_store(namespace)
                job = landed(await put(third, new(holds=KEY)))
                if third is not one:
                    await third.aclose()
                    await third.aclose()
                assert await one.find(JobQuery()) == [job]
                assert (await add(two)).id == 2
                fourth = await self.open_store(namespace)
                assert await fourth.get(job.id) == job
                if fourth is not one:
                    await fourth.aclose()

        on_a_loop(work)

    def test_a_handle_that_did_nothing_may_be_closed_twice(self: Opens) -> None:
        async def work() -> None:
            store = await self.open_store(new_namespace())
            await store.aclose()
            await store.aclose()

        on_a_loop(work)

    @on_two_handles
    async def test_a_cancelled_call_has_landed_or_not_and_spoils_nothing(
        self, one: Store, two: Store
    ) -> None:
        loop = asyncio.get_running_loop()
        for n in range(20):
            calls: list[asyncio.Task[Any]] = [
                asyncio.ensure_future(one.put([Change(new(), None) for _ in range(5)])),
                asyncio.ensure_future(one.find(JobQuery(sort="claim", limit=3))),
            ]
            for call in calls:
                loop.call_later(n / 10_000, call.cancel)
            await asyncio.wait(calls)
            for call in calls:
                if not call.cancelled():
                    call.result()
        jobs = await one.find(JobQuery())
        assert [job.id for job in jobs] == list(range(1, len(jobs) + 1))
        assert (await add(two)).id == len(jobs) + 1

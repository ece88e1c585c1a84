"""Promises of ``watch``: every change is told of, on the loop of who watches, after it landed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Job
from pytest_taskq.core.store import Change, JobQuery, Store
from pytest_taskq.testing._conformance.bench import in_threads, on_two_handles
from pytest_taskq.testing._conformance.verbs import add, add_each, claim, landed, new

__all__ = ["TellingTests"]

SOON = 5.0  # real seconds


class Watcher:
    """Counts what it is told, and waits for the next time."""

    def __init__(self) -> None:
        self.told = 0
        self.threads: set[int] = set()
        self._event = asyncio.Event()

    def changed(self) -> None:
        """What ``watch`` is to call."""
        self.told += 1
        self.threads.add(threading.get_ident())
        self._event.set()

    async def hears_of(self, change: Awaitable[object], what: str) -> None:
        """Fail unless it is told soon after this change."""
        self._event.clear()
        await change
        try:
            async with asyncio.timeout(SOON):
                await self._event.wait()
        except TimeoutError:
            raise AssertionError(f"nobody was told of {what} within {SOON:g} s") from None


@asynccontextmanager
async def watching(store: Store) -> AsyncIterator[Watcher]:
    """A watcher on this handle."""
    watcher = Watcher()
    async with store.watch(watcher.changed):
        yield watcher


class TellingTests:
    @on_two_handles
    async def test_a_watcher_is_told_of_changes_of_the_other_handle(
        self, one: Store, two: Store
    ) -> None:
        async with watching(one) as watcher:
            await all_kinds_of_changes(watcher, two)

    @on_two_handles
    async def test_a_watcher_is_told_of_changes_of_its_own_handle(
        self, one: Store, two: Store
    ) -> None:
        async with watching(one) as watcher:
            await all_kinds_of_changes(watcher, one)

    @on_two_handles
    async def test_every_watcher_is_told(self, one: Store, two: Store) -> None:
        async with watching(one) as first, watching(one) as second, watching(two) as third:
            for watcher in (first, second, third):
                await watcher.hears_of(add(one), "a new job")
            assert min(first.told, second.told, third.told) >= 1

    @on_two_handles
    async def test_a_watcher_is_told_of_changes_from_another_thread_on_its_own_loop(
        self, one: Store, two: Store
    ) -> None:
        async with watching(one) as watcher:
            for store in (two, one):
                change = asyncio.to_thread(in_threads, lambda store=store: add(store))
                await watcher.hears_of(change, "a change from another thread")
            assert watcher.threads == {threading.get_ident()}

    @on_two_handles
    async def test_what_a_watcher_is_told_of_has_landed(self, one: Store, two: Store) -> None:
        async with watching(one) as watcher:
            for number in range(1, 31):
                added = asyncio.ensure_future(add(two))
                while await one.get(number) is None:
                    await watcher.hears_of(asyncio.wait([added], timeout=0), "a new job")
                await added

    @on_two_handles
    async def test_a_change_that_comes_with_refused_ones_is_told_of(
        self, one: Store, two: Store
    ) -> None:
        job = await add(one)
        landed(await claim(one, job))
        async with watching(one) as watcher:
            await watcher.hears_of(put_stale_and_new(two, job), "a batch of which a part landed")

    @on_two_handles
    async def test_who_does_not_watch_any_more_is_not_told(self, one: Store, two: Store) -> None:
        async with watching(one) as stays:
            async with watching(one) as leaves:
                await leaves.hears_of(add(two), "a new job")
            told = leaves.told
            for _ in range(3):
                await stays.hears_of(add(two), "a change after another watcher has left")
            assert leaves.told == told, "a watcher that had left was told"

    @on_two_handles
    async def test_watching_may_end_and_begin_again(self, one: Store, two: Store) -> None:
        for _ in range(3):
            async with watching(one) as watcher:
                await watcher.hears_of(add(two), "a new job")
        error, came_out = RuntimeError("of the code that watches"), None
        try:
            async with watching(one):
                raise error
        except RuntimeError as caught:
            came_out = caught
        assert came_out is error, "an error of the code that watches was lost"
        async with watching(one) as watcher:
            await watcher.hears_of(add(two), "a new job")


async def all_kinds_of_changes(watcher: Watcher, store: Store) -> None:
    """Make one of each, and wait each time."""
    for _ in range(5):
        await watcher.hears_of(add(store), "a new job")
    jobs = await store.find(JobQuery())
    await watcher.hears_of(claim(store, jobs[0]), "a changed job")
    await watcher.hears_of(add_each(store, new(), new()), "a batch of new jobs")
    await watcher.hears_of(store.delete(jobs[1:3]), "jobs that were forgotten")
    await watcher.hears_of(store.clear(), "the end of every job")


async def put_stale_and_new(store: Store, stale: Job) -> None:
    """A batch of which one change is refused and one lands."""
    await store.put([Change(transitions.cancel(stale, 0), stale), Change(new(), None)])

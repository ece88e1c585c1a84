"""Faults of handles: what they share, whom they tell, where they can be used, what they raise."""

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager
from functools import partial

from store_mutants.base import Handle, Honest, breaks


@breaks("test_a_watcher_is_told_of_changes_of_its_own_handle")
class TellsNobody(Honest):
    @asynccontextmanager
    async def watch(self, changed):
        yield


@breaks("test_a_watcher_is_told_of_changes_of_the_other_handle")
class TellsOfItsOwnChangesOnly(Handle):
    def __init__(self, store):
        super().__init__(store)
        self.watchers = []

    def __getattr__(self, name):
        method = getattr(self.store, name)
        if name not in {"put", "delete", "clear"}:
            return method

        async def telling(*arguments):
            answer = await method(*arguments)
            for changed in self.watchers:
                asyncio.get_running_loop().call_soon(changed)
            return answer

        return telling

    @asynccontextmanager
    async def watch(self, changed):
        self.watchers.append(changed)
        yield
        self.watchers.remove(changed)


@breaks("test_a_watcher_is_told_of_changes_of_its_own_handle")
class TellsOnce(Honest):
    @asynccontextmanager
    async def watch(self, changed):
        told = []
        async with super().watch(lambda: told or told.append(changed())):
            yield


@breaks("test_a_watcher_is_told_of_changes_of_its_own_handle")
class DoesNotTellOfTheForgotten(Honest):
    async def delete(self, jobs):
        return self._delete(jobs)


@breaks("test_every_watcher_is_told")
class TellsTheLastWatcherOnly(Honest):
    async def put(self, changes):
        watchers = self._watchers
        tells, watchers._tells = watchers._tells, watchers._tells[-1:]
        answers = await super().put(changes)
        watchers._tells = tells
        return answers


@breaks("test_a_watcher_is_told_of_changes_from_another_thread_on_its_own_loop")
class TellsOnTheLoopOfTheChange(Honest):
    @asynccontextmanager
    async def watch(self, changed):
        watchers = self._watchers
        watchers._tells = (*watchers._tells, changed)
        yield
        watchers._tells = tuple([other for other in watchers._tells if other is not changed])


@breaks("test_who_does_not_watch_any_more_is_not_told")
class TellsForEver(Honest):
    @asynccontextmanager
    async def watch(self, changed):
        loop = asyncio.get_running_loop()
        tell = partial(loop.call_soon_threadsafe, changed)
        self._watchers._tells = (*self._watchers._tells, tell)
        yield


@breaks("test_watching_may_end_and_begin_again")
class SwallowsErrorsOfTheWatcher(Honest):
    @asynccontextmanager
    async def watch(self, changed):
        async with super().watch(changed):
            try:
                yield
            except RuntimeError:
                return


@breaks("test_what_one_handle_puts_the_other_sees_at_once")
class RemembersWhatItRead(Handle):
    def __init__(self, store):
        super().__init__(store)
        self.read = {}

    async def get(self, job_id):
        if job_id not in self.read:
            self.read[job_id] = await self.store.get(job_id)
        return self.read[job_id]


@breaks("test_two_namespaces_know_nothing_of_each_other")
class SharesOneNamespace(Honest):
    @classmethod
    def open(cls, shared, namespace):
        return super().open(shared, "")


@breaks("test_names_of_namespaces_that_begin_alike_are_told_apart")
class ClearsByPrefix(Handle):
    def __init__(self, store, shared, namespace):
        super().__init__(store)
        self.shared, self.namespace = shared, namespace

    @classmethod
    def open(cls, shared, namespace):
        return cls(Honest.open(shared, namespace), shared, namespace)

    async def clear(self):
        for name in [name for name in self.shared if name.startswith(self.namespace)]:
            await self.shared[name].clear()


@breaks("test_closing_keeps_the_jobs_and_the_other_handle")
class ForgetsWhenClosed(Handle):
    async def aclose(self):
        await self.store.clear()


@breaks("test_a_handle_that_did_nothing_may_be_closed_twice")
class ClosesOnce(Handle):
    closed = False

    async def aclose(self):
        assert not self.closed, "it is closed already"
        self.closed = True


@breaks("test_an_immediate_store_needs_no_loop")
class SaysThatItNeverWaits(Honest):
    async def get(self, job_id):
        await asyncio.sleep(0)
        return await super().get(job_id)


class Bound(Honest):
    """Has something that belongs to where it was first used."""

    owner = None

    def here(self):
        raise NotImplementedError

    async def put(self, changes):
        self.owner = self.owner or self.here()
        if self.owner != self.here():
            raise RuntimeError("attached to a different place")
        return await super().put(changes)


@breaks("test_a_handle_may_be_used_on_one_loop_after_the_other")
class IsBoundToItsFirstLoop(Bound):
    here = staticmethod(asyncio.get_running_loop)


@breaks("test_a_handle_may_be_used_from_the_loops_of_several_threads_at_once")
class IsBoundToItsFirstThread(Bound):
    here = staticmethod(threading.get_ident)


@breaks("test_a_name_is_held_by_one_job")
class LetsErrorsOfItsDriverOut(Honest):
    def _refusal(self, after, takes):
        if refusal := super()._refusal(after, takes):
            raise sqlite3.IntegrityError(f"UNIQUE constraint failed: {refusal.name}")


@breaks("test_a_batch_may_have_thousands")
class BindsTooManyValues(Honest):
    async def delete(self, jobs):
        if len(jobs) > 999:
            raise sqlite3.OperationalError("too many SQL variables")
        return await super().delete(jobs)


@breaks("test_a_cancelled_call_has_landed_or_not_and_spoils_nothing")
class IsSpoiltByACancelledCall(Honest):
    lost = False

    async def put(self, changes):
        if self.lost:
            raise RuntimeError("the answer of another call was still to be read")
        self.lost = True
        await asyncio.sleep(0.0002)
        self.lost = False
        return await super().put(changes)


@breaks("test_many_calls_may_be_under_way_at_once")
class DoesOneThingAtATime(Honest):
    busy = False

    async def put(self, changes):
        if self.busy:
            raise RuntimeError("another operation is in progress")
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        return await super().put(changes)

"""Promises on exclusive names: who holds one, when it is free, and how a refusal tells."""

from __future__ import annotations

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.outcome import Again, Succeeded
from pytest_taskq.core.store import Change, Refusal, Store
from pytest_taskq.testing._conformance.bench import on_two_handles
from pytest_taskq.testing._conformance.records import NAMES
from pytest_taskq.testing._conformance.verbs import (
    BOTH,
    QUEUED,
    add,
    add_each,
    claim,
    fail,
    free,
    landed,
    lock,
    new,
    numbers,
    put,
    succeed,
)

__all__ = ["NameTests"]

KEY = Hold("key", QUEUED)
LIVE = Hold("live", BOTH)


class NameTests:
    @on_two_handles
    async def test_a_name_is_held_by_one_job(self, one: Store, two: Store) -> None:
        first = await add(one, holds=(KEY,))
        for store in (one, two):
            assert await put(store, new(holds=(KEY,))) == Refusal("key", first.id)
        assert await numbers(one) == [first.id]

    @on_two_handles
    async def test_names_are_told_apart_to_the_letter(self, one: Store, two: Store) -> None:
        jobs = await add_each(one, *[new(holds=(Hold(name, QUEUED),)) for name in NAMES])
        for job in jobs:
            assert await put(two, new(holds=job.holds)) == Refusal(job.holds[0].name, job.id)

    @on_two_handles
    async def test_a_name_held_while_queued_is_free_once_its_job_runs(
        self, one: Store, two: Store
    ) -> None:
        first = await add(one, holds=(KEY,))
        landed(await claim(one, first))
        assert await free(two, KEY)

    @on_two_handles
    async def test_a_name_held_while_running_lets_others_queue_but_not_run(
        self, one: Store, two: Store
    ) -> None:
        first, second = await add_each(one, new(holds=(lock(),)), new(holds=(lock(),)))
        claimed = landed(await claim(one, first))
        assert await claim(two, second) == Refusal("oven", first.id)
        assert await two.get(second.id) == second
        await succeed(one, claimed)
        landed(await claim(two, second))

    @on_two_handles
    async def test_a_name_held_all_along_is_kept_from_one_state_to_the_next(
        self, one: Store, two: Store
    ) -> None:
        claimed = landed(await claim(one, await add(one, holds=(LIVE,))))
        assert not await free(two, LIVE)
        queued = landed(await fail(one, claimed, Again(at=5)))
        assert not await free(two, LIVE)
        await one.put([Change(transitions.cancel(queued, 0), queued)])
        assert await free(two, LIVE)

    @on_two_handles
    async def test_a_name_may_be_held_in_a_final_state(self, one: Store, two: Store) -> None:
        once = Hold("once", frozenset({State.SUCCEEDED}))
        jobs = await add_each(one, new(holds=(once,)), new(holds=(once,)))
        claimed = [landed(await claim(one, job, 0)) for job in jobs]
        await succeed(one, claimed[0])
        done = transitions.finish(claimed[1], 0, Succeeded(), 1)
        assert await put(two, done, claimed[1]) == Refusal("once", 1)

    @on_two_handles
    async def test_a_name_is_free_however_its_job_ends(self, one: Store, two: Store) -> None:
        names = [Hold(str(n), BOTH) for n in range(4)]
        jobs = await add_each(one, *[new(holds=(name,)) for name in names])
        running = [landed(await claim(one, job)) for job in jobs[:3]]
        await succeed(one, running[0])
        landed(await fail(one, running[1]))
        asked = landed(await put(one, transitions.cancel(running[2], 0), running[2]))
        landed(await fail(one, asked))
        landed(await put(one, transitions.cancel(jobs[3], 0), jobs[3]))
        assert [await free(two, name) for name in names] == [True] * 4

    @on_two_handles
    async def test_a_name_is_free_when_its_job_is_forgotten(self, one: Store, two: Store) -> None:
        queued = await add(one, holds=(KEY,))
        running = landed(await claim(one, await add(one, holds=(LIVE,))))
        assert await two.delete([queued, running]) == [True, True]
        assert await free(one, KEY, LIVE)

    @on_two_handles
    async def test_a_name_is_free_when_its_job_goes_back_to_the_queue(
        self, one: Store, two: Store
    ) -> None:
        first, second = await add_each(one, new(holds=(lock(),)), new(holds=(lock(),)))
        claimed = landed(await claim(one, first))
        landed(await put(one, transitions.release(claimed, 1, 5), claimed))
        landed(await claim(two, second))

    @on_two_handles
    async def test_a_job_may_change_its_names(self, one: Store, two: Store) -> None:
        old, fresh = Hold("old", BOTH), Hold("fresh", BOTH)
        claimed = landed(await claim(one, await add(one, holds=(old,))))
        landed(await fail(one, claimed, Again(at=5, holds=(fresh,))))
        assert await free(two, old)
        assert not await free(two, fresh)

    @on_two_handles
    async def test_a_refused_job_takes_none_of_its_names(self, one: Store, two: Store) -> None:
        await add(one, holds=(KEY,))
        other, third = Hold("other", QUEUED), Hold("third", QUEUED)
        assert await put(one, new(holds=(other, KEY, third))) == Refusal("key", 1)
        assert await free(two, other, third)

    @on_two_handles
    async def test_a_refused_change_keeps_the_names_that_were_held(
        self, one: Store, two: Store
    ) -> None:
        first = await add(one, holds=(LIVE,))
        claimed = landed(await claim(one, await add(one, holds=(lock(), KEY))))
        await add(one, holds=(KEY,))
        assert await fail(one, claimed, Again(at=5)) == Refusal("key", 3)
        assert await one.get(claimed.id) == claimed
        assert await claim(two, first._replace(version=5)) == Refusal()
        waiting = await add(one, holds=(lock(),))
        assert await claim(two, waiting) == Refusal("oven", claimed.id)
        assert not await free(two, LIVE)

    @on_two_handles
    async def test_a_holder_does_not_stand_in_its_own_way(self, one: Store, two: Store) -> None:
        claimed = landed(await claim(one, await add(one, holds=(LIVE, lock()))))
        renewed = landed(await put(two, transitions.renew(claimed, 1, 500), claimed))
        assert not await free(one, LIVE)
        landed(await fail(one, renewed, Again(at=5)))
        assert not await free(one, LIVE)

    @on_two_handles
    async def test_a_name_has_room_for_as_many_as_its_limit(self, one: Store, two: Store) -> None:
        three = lock(limit=3)
        jobs = await add_each(one, *[new(holds=(three,)) for _ in range(5)])
        answers = [await claim(one, job) for job in reversed(jobs)]
        assert [isinstance(answer, Job) for answer in answers] == [True] * 3 + [False] * 2
        assert answers[3:] == [Refusal("oven", 3)] * 2
        await succeed(two, landed(answers[2]))
        landed(await claim(two, jobs[0]))
        assert await claim(two, jobs[1]) == Refusal("oven", 1)

    @on_two_handles
    async def test_each_job_goes_by_the_limit_that_it_brings(self, one: Store, two: Store) -> None:
        strict, wide = lock(limit=1), lock(limit=2)
        jobs = await add_each(one, *[new(holds=(hold,)) for hold in (wide, strict, wide)])
        landed(await claim(one, jobs[0]))
        assert await claim(two, jobs[1]) == Refusal("oven", 1)
        landed(await claim(two, jobs[2]))

    @on_two_handles
    async def test_a_refusal_tells_the_first_name_taken_and_its_oldest_holder(
        self, one: Store, two: Store
    ) -> None:
        jobs = await add_each(one, *[new(holds=(lock("slots", 2), lock("b"))) for _ in range(3)])
        await add(one, holds=(Hold("c", QUEUED),))
        landed(await claim(one, jobs[2]))
        landed(await claim(one, jobs[1]._replace(holds=jobs[1].holds[:1])))
        assert await claim(two, jobs[0]) == Refusal("slots", 2)
        assert await put(two, new(holds=(Hold("c", QUEUED), KEY))) == Refusal("c", 4)
        assert await put(two, new(holds=(KEY, Hold("c", QUEUED)))) == Refusal("c", 4)

    @on_two_handles
    async def test_a_job_that_somebody_changed_is_refused_for_that_before_its_names(
        self, one: Store, two: Store
    ) -> None:
        first, second = await add_each(one, new(holds=(lock(),)), new(holds=(lock(),)))
        landed(await claim(one, first))
        landed(await put(one, second._replace(due_at=9, version=1), second))
        assert await claim(two, second) == Refusal()

    @on_two_handles
    async def test_a_job_may_name_the_same_twice(self, one: Store, two: Store) -> None:
        twice = (KEY, KEY, Hold("key", BOTH))
        claimed = landed(await claim(one, await add(one, holds=twice)))
        assert claimed.holds == twice
        assert not await free(two, KEY)
        await succeed(two, claimed)
        assert await free(one, *twice)

"""An asyncio.Queue is emptied, every item marked done, and so many were taken."""

import asyncio
import re

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.workers import assert_consumed, drained, running, watched

pytestmark = pytest.mark.asyncio

SOON = 0.03


async def consume(queue, forget=(), stop_at=None):
    while (item := await queue.get()) is not None:
        if item == stop_at:
            await asyncio.Event().wait()
        if item not in forget:
            queue.task_done()
    queue.task_done()


def filled(count, kind=asyncio.Queue):
    queue = kind()
    for number in range(count):
        queue.put_nowait(f"item-{number}")
    return queue


def line(function, lines):
    return f"test_queues.py:{function.__code__.co_firstlineno + lines}"


async def message_of(failing):
    with pytest.raises(AssertionError) as caught:
        await failing
    return str(caught.value)


@pytest.mark.parametrize("kind", [asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue])
async def test_a_queue_that_is_drained_passes(kind):
    queue = filled(5, kind)
    async with running(consume(queue)):
        await drained(queue)
        assert_consumed(queue, 5)
        queue.put_nowait("one more")
        await drained(queue)
        assert_consumed(queue, 6)


async def test_what_is_left_and_what_was_not_marked_done_is_told():
    queue = filled(6)
    async with running(consume(queue, stop_at="item-2")):
        message = await message_of(drained(queue, within=SOON))
    assert message == (
        "queue not drained within 0.03 s: 3 items left, 1 taken but unfinished; 'item-2' is in "
        f"hand: consume waits on Event.wait ({line(consume, 3)})"
    )


async def test_one_that_forgets_task_done_is_told_the_item():
    queue = filled(4)
    async with running(consume(queue, forget={"item-1"})):
        message = await message_of(drained(queue, within=SOON))
    assert message == (
        "queue not drained within 0.03 s: 0 items left, 1 taken but unfinished "
        "(task_done() not called for 'item-1')"
    )


async def test_what_it_forgot_is_told_from_what_it_has_in_hand():
    queue = filled(3)
    async with running(consume(queue, forget={"item-0"}, stop_at="item-2")):
        message = await message_of(drained(queue, within=SOON))
    assert message == (
        "queue not drained within 0.03 s: 0 items left, 2 taken but unfinished (task_done() "
        f"not called for 'item-0'); 'item-2' is in hand: consume waits on Event.wait "
        f"({line(consume, 3)})"
    )


async def test_each_consumer_marks_what_it_has_taken_itself():
    queue = watched(filled(4))

    async def slow_and_forgetful():
        await queue.get()
        await asyncio.Event().wait()

    async with running(slow_and_forgetful()), running(consume(queue)):
        message = await message_of(drained(queue, within=SOON))
    assert message == (
        "queue not drained within 0.03 s: 0 items left, 1 taken but unfinished; 'item-0' is in "
        f"hand: slow_and_forgetful waits on Event.wait ({line(slow_and_forgetful, 2)})"
    )


async def test_what_was_taken_before_anybody_watched_cannot_be_named():
    queue = filled(1)
    queue.get_nowait()
    assert await message_of(drained(queue, within=SOON)) == (
        "queue not drained within 0.03 s: 0 items left, 1 taken but unfinished "
        "(task_done() not called for what was taken before it was watched); "
        "make it with taskq.watched(asyncio.Queue())"
    )


async def test_a_queue_that_nobody_empties_is_told():
    assert await message_of(drained(filled(2), within=SOON)) == (
        "queue not drained within 0.03 s: 2 items left, and nobody took from it in that time"
    )


async def test_a_queue_that_is_emptied_too_slowly_is_told():
    queue = filled(20)

    async def slowly():
        while True:
            await queue.get()
            queue.task_done()
            await asyncio.sleep(SOON / 3)

    async with running(slowly()):
        message = await message_of(drained(queue, within=SOON))
    assert re.fullmatch(r"queue not drained within 0.03 s: 1\d items left", message)


async def test_the_none_that_ends_a_consumer_does_not_count():
    queue = watched(filled(5))
    queue.put_nowait(None)
    await consume(queue)
    assert_consumed(queue, 5)


async def test_another_number_is_told_with_the_items():
    queue = watched(filled(5))
    async with running(consume(queue, stop_at="item-3")):
        pass
    with pytest.raises(AssertionError) as caught:
        assert_consumed(queue, 5)
    assert str(caught.value) == (
        "5 items should have been consumed, 4 were: 'item-0', 'item-1', 'item-2' and 1 more; "
        "left in the queue: 'item-4'"
    )
    with pytest.raises(AssertionError) as caught:
        assert_consumed(queue, 4)
    assert str(caught.value) == (
        "4 items consumed, 1 of them unfinished (task_done() not called for 'item-3')"
    )


async def test_a_queue_that_nobody_watched_cannot_tell():
    with pytest.raises(BadOption, match=re.escape("taskq.watched(asyncio.Queue())")):
        assert_consumed(asyncio.Queue(), 5)


async def test_what_a_worker_has_is_watched_before_it_starts():
    class Porter:
        def __init__(self):
            self.belt = filled(3)

        async def run(self):
            await consume(self.belt)

    porter = Porter()
    async with running(porter):
        await drained(porter.belt)
        assert_consumed(porter.belt, 3)


async def test_a_queue_that_was_watched_late_says_so():
    queue = filled(2)
    queue.get_nowait()
    queue.task_done()
    async with running(lambda: consume(queue)):
        await drained(queue)
    with pytest.raises(AssertionError) as caught:
        assert_consumed(queue, 2)
    assert str(caught.value) == (
        "2 items should have been consumed, 0 were: none. It was watched late: "
        "make it with taskq.watched(asyncio.Queue())"
    )


async def test_watching_changes_nothing_else():
    queue = watched(asyncio.Queue())
    assert watched(queue) is queue
    queue.put_nowait(1)
    assert await queue.get() == 1
    queue.task_done()
    with pytest.raises(ValueError, match="too many times"):
        queue.task_done()
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()

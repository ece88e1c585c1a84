"""What a test leaves running, and what its background tasks died of, is told when it ends."""

import asyncio
import gc

import pytest

from pytest_taskq.testing.workers import LostExceptions, TestWatch, describe_tasks, leaked_tasks

pytestmark = pytest.mark.asyncio


async def consume():
    await asyncio.Event().wait()


async def dies(after=0):
    await asyncio.sleep(after)
    raise KeyError("id")


def line(function, lines):
    return f"test_leaks.py:{function.__code__.co_firstlineno + lines}"


async def problems_of(test, **given):
    watch = TestWatch(**given)
    await watch.begin()
    await test()
    return await watch.end()


async def test_a_task_that_is_left_is_told_with_where_it_waits_and_who_made_it():
    kept = []

    async def leaves_one():
        kept.append(asyncio.create_task(consume()))
        kept[0].set_name("Task-7")
        await asyncio.sleep(0)

    (problem,) = await problems_of(leaves_one, tasks=True)
    assert problem == (
        "test left 1 task running: Task-7 consume() waiting at "
        f"{line(consume, 1)}, created at {line(leaves_one, 1)}"
    )
    kept[0].cancel()


async def test_a_task_of_a_library_is_told_if_the_user_created_it():
    kept = []

    async def leaves_one():
        kept.append(asyncio.ensure_future(asyncio.sleep(60)))

    (problem,) = await problems_of(leaves_one, tasks=True)
    assert problem.endswith(f"created at {line(leaves_one, 1)}")
    kept[0].cancel()


async def test_what_was_there_before_or_ends_by_itself_is_no_leak():
    before = asyncio.create_task(consume())

    async def leaves_none():
        cancelled = asyncio.create_task(consume())
        await asyncio.sleep(0)
        cancelled.cancel()

    assert await problems_of(leaves_none, tasks=True) == []
    assert asyncio.get_running_loop().get_task_factory() is None
    before.cancel()


async def test_without_a_watch_a_task_is_told_by_its_code():
    before = asyncio.all_tasks()
    task = asyncio.create_task(consume(), name="mail")
    (left,) = await leaked_tasks(before)
    assert left is task
    assert describe_tasks([left]) == (
        f"test left 1 task running: mail: consume() waiting at {line(consume, 1)}"
    )
    task.cancel()


async def test_an_exception_that_nobody_asked_for_is_told_with_its_traceback():
    kept = []

    async def loses_one():
        kept.append(asyncio.create_task(dies()))
        await asyncio.sleep(0.001)

    told, trace = await problems_of(loses_one, exceptions=True)
    assert told == "background task dies() died: KeyError('id')"
    assert trace.endswith("raise KeyError(\"id\")\nKeyError: 'id'")


async def test_one_that_is_garbage_already_is_told_too(caplog):
    async def loses_one():
        asyncio.create_task(dies())  # noqa: RUF006 - that nobody keeps it is the point
        await asyncio.sleep(0.001)
        gc.collect()

    told, _ = await problems_of(loses_one, exceptions=True)
    assert told == "background task dies() died: KeyError('id')"
    assert "Task exception was never retrieved" in caplog.text


async def test_one_that_somebody_asked_for_is_not_lost():
    async def asks():
        with pytest.raises(KeyError):
            await asyncio.create_task(dies())
        await asyncio.gather(dies(), return_exceptions=True)

    assert await problems_of(asks, exceptions=True) == []


async def test_what_a_callback_raises_is_told_and_the_handler_before_hears_it():
    loop, heard = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda loop, context: heard.append(context["exception"]))
    lost = LostExceptions()
    lost.begin(loop)
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
    lost.end()
    assert lost.describe().startswith("Exception in callback ")
    assert lost.describe().endswith(": ZeroDivisionError('division by zero')")
    assert heard == [lost.error]
    loop.call_exception_handler({"message": "later", "exception": None})
    assert heard == [lost.error, None]
    loop.set_exception_handler(None)


async def test_a_factory_of_the_user_s_own_makes_the_tasks_still():
    loop, made = asyncio.get_running_loop(), []

    def factory(loop, coro, **given):
        made.append(coro.__name__)
        return asyncio.Task(coro, loop=loop, **given)

    async def makes():
        await asyncio.create_task(asyncio.sleep(0))

    loop.set_task_factory(factory)
    assert await problems_of(makes, tasks=True, exceptions=True) == []
    assert made == ["sleep"]
    assert loop.get_task_factory() is factory
    loop.set_task_factory(None)

"""What tasks wait for, as text."""

import asyncio

import pytest

from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing.describe import describe_deadlock, describe_waiting_tasks

pytestmark = pytest.mark.asyncio


@pytest.fixture
def queue(taskq_clock):
    return Queue(MemoryStore(), taskq_clock)


async def waiting(*tasks) -> list[str]:
    """The lines on other tasks, once these have got as far as they can."""
    started = [asyncio.ensure_future(task) for task in tasks]
    for _ in range(5):
        await asyncio.sleep(0)
    lines = describe_waiting_tasks().splitlines()
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)
    assert lines[0] == "Tasks that wait:"
    return [line.strip() for line in lines[1:]]


def at(function, lines: int) -> str:
    return f"test_describe.py:{function.__code__.co_firstlineno + lines}"


async def test_a_task_that_is_alone_is_not_told_of():
    assert describe_waiting_tasks() == ""


async def test_without_a_loop_no_task_waits():
    assert await asyncio.to_thread(describe_waiting_tasks) == ""


async def test_a_wait_in_the_library_is_told_by_the_caller_s_line():
    table_for_two = asyncio.Barrier(2)

    async def first_guest():
        await table_for_two.wait()

    told = f"first_guest() waits in Barrier.wait, {at(first_guest, 1)}"
    assert await waiting(first_guest()) == [told]


async def test_a_wait_further_down_is_told_by_the_innermost_line_of_the_user():
    async def inner():
        await asyncio.Queue().get()

    async def outer():
        await inner()

    assert await waiting(outer()) == [f"outer() waits in Queue.get, {at(inner, 1)}"]


async def test_entering_a_lock_is_waiting_for_it():
    lock = asyncio.Lock()

    async def enter():
        async with lock:
            await asyncio.Event().wait()

    assert await waiting(enter(), enter()) == [
        f"enter() waits in Event.wait, {at(enter, 2)}",
        f"enter() waits in Lock.acquire, {at(enter, 1)}",
    ]


async def test_what_is_awaited_without_a_frame_is_named():
    future = asyncio.get_running_loop().create_future()

    async def on_future():
        await future

    async def on_task(task):
        await task

    async def on_all(task):
        await asyncio.gather(task)

    named = asyncio.create_task(on_future(), name="courier")
    assert await waiting(named, on_task(named), on_all(named)) == [
        f"courier: on_future() waits for a future, {at(on_future, 1)}",
        f"on_all() waits in gather, {at(on_all, 1)}",
        f"on_task() waits for courier, {at(on_task, 1)}",
    ]


async def test_a_worker_of_ours_is_told_of_by_its_jobs_alone(queue):
    async def pack():
        await asyncio.Event().wait()

    tasks = Tasks()
    tasks.add(Task.of(pack, name="pack"))
    await queue.enqueue(queue.new_job("pack"))
    told = f"pack() waits in Event.wait, {at(pack, 1)}"
    assert await waiting(Worker(queue, tasks).run_forever()) == [told]


async def test_tasks_that_wait_alike_are_told_once():
    async def sleeper():
        await asyncio.sleep(60)

    assert await waiting(*(sleeper() for _ in range(3))) == [
        f"sleeper() waits in sleep, {at(sleeper, 1)} (3 tasks)"
    ]


async def test_a_task_that_has_not_begun_or_could_go_on_is_told_so():
    async def busy():
        for _ in range(100):
            await asyncio.sleep(0)

    async def fresh(): ...

    running = asyncio.create_task(busy())
    await asyncio.sleep(0)
    new = asyncio.create_task(fresh())
    lines = describe_waiting_tasks().splitlines()[1:]
    running.cancel()
    await new
    assert f"  busy() waits in sleep, {at(busy, 2)}" in lines
    assert f"  fresh() has not begun, {at(fresh, 0)}" in lines


async def test_a_generator_does_not_break_the_chain():
    async def numbers():
        await asyncio.Event().wait()
        yield 1

    async def reader():
        async for _ in numbers():
            pass

    (line,) = await waiting(reader())
    assert line.startswith("reader() ")
    assert "test_describe.py:" in line


async def test_a_worker_of_ours_is_told_by_its_user_s_line(queue):
    async def serve():
        await Worker(queue, Tasks()).run_forever()

    assert await waiting(serve()) == [f"serve() waits in Worker.run_forever, {at(serve, 1)}"]


async def test_a_task_of_a_library_alone_is_told_by_its_own_line():
    (line,) = await waiting(asyncio.Event().wait())
    assert line.startswith("Event.wait() ")
    assert "locks.py:" in line


@pytest.mark.parametrize("test", ["arrival", "midday", "zenith"])
async def test_a_deadlock_names_the_test_first_whatever_it_is_called(taskq_clock, test):
    waiting = asyncio.Event().wait
    tasks = {name: asyncio.create_task(waiting(), name=name) for name in ("noon", test, "evening")}
    await asyncio.sleep(0)
    told = describe_deadlock(taskq_clock, tasks[test]).splitlines()[0]
    for task in tasks.values():
        task.cancel()
    await asyncio.wait(tasks.values())
    names = [part.partition(": ")[0] for part in told.partition("wake ")[2].split(" or ")]
    assert names == [test, "evening", "noon"]

"""Waiting until: what is returned, and what is told when it was in vain."""

import asyncio
import contextvars
import threading
import time

import pytest
from freezegun import freeze_time

from pytest_taskq import wait_until
from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq import make_app

pytestmark = pytest.mark.asyncio

SHORT = 0.02


async def in_vain(predicate, **options) -> str:
    """The message of a time-out."""
    with pytest.raises(AssertionError) as caught:
        await wait_until(predicate, timeout=SHORT, poll=0.005, **options)
    return str(caught.value)


def counting_to(most, value=True):
    def predicate():
        predicate.calls += 1
        return value if predicate.calls >= most else None

    predicate.calls = 0
    return predicate


async def test_what_is_true_at_once_takes_one_call():
    predicate = counting_to(1)
    assert await wait_until(predicate, timeout=0) is True
    assert predicate.calls == 1


async def test_it_returns_what_the_predicate_returned():
    assert await wait_until(counting_to(3, ["a row"]), poll=0.001) == ["a row"]


async def test_the_predicate_may_be_async():
    plain = counting_to(3, "a row")

    async def predicate():
        await asyncio.sleep(0)
        return plain()

    assert await wait_until(predicate, poll=0.001) == "a row"


async def test_anything_that_can_be_awaited_is_awaited():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, "a row")
    assert await wait_until(lambda: future) == "a row"

    class Later:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 7

    assert await wait_until(Later) == 7


async def test_an_awaitable_is_not_true_by_itself():
    false = asyncio.get_running_loop().create_future()
    false.set_result(False)
    assert "returned False" in await in_vain(lambda: false)


async def test_it_sees_what_another_thread_does():
    done = threading.Event()
    thread = threading.Thread(target=done.set)
    thread.start()
    assert await wait_until(done.is_set) is True
    thread.join()


async def test_the_predicate_may_raise_until_it_is_true():
    rows = {}
    asyncio.get_running_loop().call_later(0.005, rows.update, {"a": 1})
    assert await wait_until(lambda: rows["a"], poll=0.001) == 1


async def test_a_time_out_tells_the_message_and_the_last_value():
    text = await in_vain(list, message="no order came")
    assert text.startswith("no order came (waited 0.02 s; the last time it returned [])")


async def test_a_time_out_tells_the_last_exception_and_is_caused_by_it():
    def predicate():
        raise KeyError("order")

    with pytest.raises(AssertionError, match="it raised KeyError: 'order'") as caught:
        await wait_until(predicate, timeout=SHORT)
    assert isinstance(caught.value.__cause__, KeyError)


async def test_a_value_that_cannot_be_shown_does_not_hide_the_time_out():
    class Odd:
        def __bool__(self):
            return False

        def __repr__(self):
            raise RuntimeError

    assert "a Odd that cannot be shown" in await in_vain(Odd)


async def test_a_long_value_is_cut():
    falsy = type("Falsy", (str,), {"__bool__": lambda self: False})
    first, *_ = (await in_vain(lambda: falsy("x" * 5000))).splitlines()
    assert len(first) < 300


async def test_a_predicate_that_never_returns_does_not_stop_the_time_out():
    assert "the predicate did not return" in await in_vain(asyncio.Event().wait)


async def test_a_time_out_inside_the_predicate_is_the_predicate_s_own():
    async def predicate():
        raise TimeoutError("no answer from the shop")

    assert "TimeoutError: no answer from the shop" in await in_vain(predicate)


async def test_a_time_out_tells_what_the_queue_looked_like():
    app = make_app()

    @app.job(name="orders.pack", max_retries=0)
    async def pack(order):
        raise ValueError(f"order {order} is empty")

    await app.enqueue(pack, order=7)
    await app.run_worker(run_once=True)
    await app.enqueue(pack, order=8, scheduled_at=3600)
    text = await in_vain(lambda: False)
    assert "2 jobs: 1 queued, 1 dead." in text
    assert "#1  orders.pack(order=7)  dead  attempt 1  ValueError: order 7 is empty" in text
    assert "#2  orders.pack(order=8)  queued  due at " in text
    assert f'File "{__file__}"' in text


async def test_a_time_out_tells_which_tasks_wait_and_where():
    async def shopkeeper(door):
        await door.wait()

    task = asyncio.create_task(shopkeeper(asyncio.Event()))
    text = await in_vain(lambda: False)
    line = shopkeeper.__code__.co_firstlineno + 1
    assert f"shopkeeper() waits in Event.wait, test_wait.py:{line}" in text
    task.cancel()


async def test_without_queue_and_tasks_the_message_is_one_line():
    empty = contextvars.Context()  # knows of no queue that was used before
    text = await asyncio.to_thread(empty.run, asyncio.run, in_vain(lambda: 0))
    assert text == "the condition did not become true (waited 0.02 s; the last time it returned 0)"


async def test_a_held_clock_does_not_make_it_hang(taskq_clock):
    before = taskq_clock.time()
    assert "returned False" in await in_vain(lambda: False)
    assert taskq_clock.time() == before


async def test_a_loop_that_stands_still_does_not_make_it_hang():
    with freeze_time("2031-05-04"):  # freezes the clock of the loop as well
        assert "returned False" in await in_vain(lambda: False)
        assert await wait_until(counting_to(3), poll=0.001) is True


async def test_the_polls_are_as_far_apart_as_asked():
    begun = time.perf_counter()
    await wait_until(counting_to(3), poll=0.01)
    assert time.perf_counter() - begun >= 0.02


@pytest.mark.parametrize(
    "options",
    [{"timeout": -1}, {"timeout": float("nan")}, {"timeout": "2"}, {"timeout": None},
     {"poll": 0}, {"poll": -1}, {"poll": float("nan")}, {"poll": True}],
    ids=str,
)  # fmt: skip
async def test_a_length_of_time_that_is_none_is_refused(options):
    with pytest.raises(BadOption, match=f"The {next(iter(options))} of wait_until"):
        await wait_until(lambda: True, **options)


async def test_a_value_in_place_of_a_function_is_refused():
    with pytest.raises(BadOption, match="lambda"):
        await wait_until(True)


async def test_cancelling_ends_the_wait():
    waiting = asyncio.create_task(wait_until(lambda: False, timeout=60))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

"""One gate, two scales, a bell and a shelf: locks, semaphores, events and conditions."""

import asyncio

import pytest

from pytest_taskq import wait_until

pytestmark = pytest.mark.asyncio


async def test_one_at_a_time_goes_through_the_gate():
    gate, log = asyncio.Lock(), []

    async def pass_through(number):
        async with gate:
            log.append(f"in {number}")
            await asyncio.sleep(0.001)
            log.append(f"out {number}")

    await asyncio.gather(pass_through(1), pass_through(2), pass_through(3))

    assert log[0] == "in 1"
    assert log[1] == "out 1"
    assert log[2] == "in 2"
    assert log[3] == "out 2"


async def test_the_harness_sees_that_no_two_overlap(taskq):
    gate, probe = asyncio.Lock(), taskq.concurrency()

    async def pass_through(number):
        async with gate, probe:
            await asyncio.sleep(60)

    await asyncio.gather(*(pass_through(number) for number in range(3)))
    probe.assert_never_overlapped()


async def test_two_scales_weigh_two_parcels_at_most():
    scales, on_the_scales, most = asyncio.Semaphore(2), [], 0

    async def weigh(number):
        nonlocal most
        async with scales:
            on_the_scales.append(number)
            most = max(most, len(on_the_scales))
            await asyncio.sleep(0.001)
            on_the_scales.remove(number)

    await asyncio.gather(*[weigh(number) for number in range(5)])

    assert most == 2


async def test_the_bell_starts_them_all(taskq):
    bell, waiting, gone = asyncio.Event(), [], []

    async def courier(number):
        waiting.append(number)
        await bell.wait()
        gone.append(f"courier {number}")

    tasks = [asyncio.create_task(courier(number)) for number in range(3)]
    await taskq.settle()
    assert len(waiting) == 3
    assert len(gone) == 0

    bell.set()
    await asyncio.gather(*tasks)
    assert len(gone) == 3


def a_shelf():
    """One who puts a parcel on a shelf, and one who is told of it and takes it."""
    shelf_changed, shelf = asyncio.Condition(), []

    async def put():
        async with shelf_changed:
            shelf.append("parcel")
            shelf_changed.notify()

    async def take():
        async with shelf_changed:
            await shelf_changed.wait()
            return shelf.pop()

    return put, take, shelf


async def test_who_calls_before_anybody_listens_is_found_out():
    """The document's order: the first task notifies nobody, and the second waits for ever."""
    put, take, shelf = a_shelf()
    putting, taking = asyncio.create_task(put()), asyncio.create_task(take())
    both = asyncio.gather(putting, taking)

    with pytest.raises(AssertionError) as caught:
        await wait_until(both.done, timeout=0.02, message="nobody took the parcel")

    line = take.__code__.co_firstlineno + 2
    assert "nobody took the parcel (waited 0.02 s" in str(caught.value)
    assert f"take() waits in Condition.wait, test_asyncio_signals.py:{line}" in str(caught.value)
    assert putting.done()
    assert shelf == ["parcel"]
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both


async def test_who_listens_first_hears_the_call():
    put, take, shelf = a_shelf()
    taking = asyncio.create_task(take())
    putting = asyncio.create_task(put())

    await asyncio.gather(putting, taking)

    assert taking.result() == "parcel"
    assert len(shelf) == 0

"""What is cancelled lets itself be cancelled, and cleans up, wherever it waits."""

import asyncio

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.workers import cancel_and_check, cancel_at_every_await

pytestmark = pytest.mark.asyncio

SOON = 0.03


class Ledger:
    """A book in which work writes; ``open`` while somebody has it."""

    def __init__(self):
        self.open = False
        self.pages = 0

    async def begin(self):
        await asyncio.sleep(0)
        self.open = True

    async def write(self):
        await asyncio.sleep(0.001)
        self.pages += 1

    async def commit(self):
        await asyncio.sleep(0)
        self.open = False

    def closed(self):
        return not self.open


def line(function, lines):
    return f"test_cancellation.py:{function.__code__.co_firstlineno + lines}"


async def good(ledger):
    try:
        await ledger.begin()
        await ledger.write()
        await ledger.write()
        await ledger.commit()
    finally:
        ledger.open = False


async def forgets(ledger):
    await ledger.begin()
    await ledger.write()
    await ledger.write()
    await ledger.commit()


async def swallows(ledger):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        return


async def test_what_cleans_up_passes():
    ledger = Ledger()
    await cancel_and_check(good(ledger), cleaned=ledger.closed)
    assert ledger.pages == 0
    assert len(asyncio.all_tasks()) == 1


async def test_a_task_that_runs_already_can_be_cancelled():
    task = asyncio.create_task(good(Ledger()))
    await cancel_and_check(task)
    assert task.cancelled()


@pytest.mark.parametrize("at", [3, "event", "function"])
async def test_the_place_can_be_chosen(at):
    ledger, event = Ledger(), asyncio.Event()

    async def work():
        await ledger.begin()
        await ledger.write()
        event.set()
        await good(ledger)

    def written():
        return ledger.pages == 1

    await cancel_and_check(
        work(), at={"event": event, "function": written}.get(at, at), cleaned=ledger.closed
    )
    assert ledger.pages == 1


async def test_what_swallows_the_cancellation_is_told():
    with pytest.raises(AssertionError) as caught:
        await cancel_and_check(swallows(None))
    assert str(caught.value) == (
        "CancelledError was swallowed: the task returned None "
        f"(cancelled in asyncio.sleep, {line(swallows, 2)})"
    )


async def test_what_turns_it_into_another_error_is_told():
    async def panics():
        try:
            await asyncio.sleep(10)
        finally:
            raise KeyError("lost")

    with pytest.raises(AssertionError, match=r"^CancelledError became KeyError\('lost'\) \(") as c:
        await cancel_and_check(panics())
    assert isinstance(c.value.__cause__, KeyError)


async def test_what_does_not_clean_up_is_told():
    ledger = Ledger()
    with pytest.raises(AssertionError) as caught:
        await cancel_and_check(forgets(ledger), at=lambda: ledger.open, cleaned=ledger.closed)
    assert str(caught.value) == (
        f"cleanup did not run (cancelled in ledger.write > asyncio.sleep, {line(Ledger.write, 1)})"
    )


async def test_a_clean_up_that_takes_too_long_is_told_and_ended():
    async def tidies():
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(30)

    with pytest.raises(AssertionError) as caught:
        await cancel_and_check(tidies(), within=SOON)
    assert str(caught.value) == (
        f"cleanup still pending 0.03 s after cancel(): tidies waits on sleep ({line(tidies, 4)}) "
        f"(cancelled in asyncio.sleep, {line(tidies, 2)})"
    )
    assert len(asyncio.all_tasks()) == 1


async def test_what_ended_before_is_told():
    async def quick():
        return 7

    with pytest.raises(AssertionError) as caught:
        await cancel_and_check(quick())
    assert str(caught.value) == "it ended before it could be cancelled: it returned 7"
    with pytest.raises(AssertionError) as caught:
        await cancel_and_check(good(Ledger()), at=9)
    assert str(caught.value) == "it ended before it could be cancelled at await 9: it returned None"


async def test_a_place_that_is_not_reached_is_told():
    async def waits():
        await asyncio.Event().wait()

    with pytest.raises(AssertionError) as caught:
        await cancel_and_check(waits(), at=2, within=SOON)
    assert str(caught.value) == (
        f"it was not there at await 2 after 0.03 s: waits waits on Event.wait ({line(waits, 1)})"
    )


async def test_every_await_is_tried():
    ledger = Ledger()
    assert await cancel_at_every_await(lambda: good(ledger), cleaned=ledger.closed) == 4
    assert ledger.pages == 2 + 0 + 0 + 1 + 2


async def test_the_await_at_which_clean_up_is_missing_is_named():
    ledger = Ledger()

    def begin():
        ledger.open = False
        return forgets(ledger)

    with pytest.raises(AssertionError) as caught:
        await cancel_at_every_await(begin, cleaned=ledger.closed)
    assert str(caught.value) == (
        f"cancelled at await 2 of 4 (ledger.write > asyncio.sleep, {line(Ledger.write, 1)}): "
        "cleanup did not run"
    )


async def test_the_await_at_which_it_is_swallowed_is_named():
    async def works():
        await asyncio.sleep(0)
        await swallows(None)

    with pytest.raises(AssertionError) as caught:
        await cancel_at_every_await(works, within=SOON)
    assert str(caught.value) == (
        f"cancelled at await 2 of 2 (swallows > asyncio.sleep, {line(swallows, 2)}): "
        "CancelledError was swallowed: the task returned None"
    )


async def test_what_never_ends_is_tried_as_far_as_it_gets():
    queue = asyncio.Queue()

    async def consume():
        for item in range(2):
            queue.put_nowait(item)
        while True:
            await queue.get()
            await asyncio.sleep(0)

    assert await cancel_at_every_await(consume, within=0.2) == 3
    assert await cancel_at_every_await(consume, most=2) == 2


async def test_an_error_without_any_cancellation_comes_out():
    async def fails():
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cancel_at_every_await(fails)


@pytest.mark.parametrize("work", [7, lambda: 7])
async def test_what_cannot_be_cancelled_is_refused(work):
    with pytest.raises(BadOption, match=r"^Only a coroutine or a task can be cancelled"):
        await cancel_and_check(work)


async def test_a_coroutine_cannot_be_run_again_and_again():
    coroutine = good(Ledger())
    with pytest.raises(BadOption, match="Give it a function"):
        await cancel_at_every_await(coroutine)
    coroutine.close()


async def test_awaits_are_counted_from_one_and_from_the_beginning():
    task = asyncio.create_task(asyncio.sleep(1))
    with pytest.raises(BadOption, match="cannot be counted"):
        await cancel_and_check(task, at=1)
    task.cancel()
    with pytest.raises(BadOption, match="counted from 1"):
        await cancel_and_check(lambda: good(Ledger()), at=0)

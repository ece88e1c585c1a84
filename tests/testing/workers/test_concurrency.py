"""How many run together: too many, as many as may, and never two of one key."""

import asyncio

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.workers import ConcurrencyProbe

pytestmark = pytest.mark.asyncio


def passage(limit):
    """A handler that lets so many through at once, a moment each, and the probe that sees it."""
    gate, probe = asyncio.Semaphore(limit), ConcurrencyProbe()

    @probe
    async def pass_through(number):
        await asyncio.sleep(0.002)
        return number

    async def guarded(number):
        async with gate:
            return await pass_through(number)

    return guarded, probe


async def test_a_limit_that_is_kept_and_reached_passes():
    guarded, probe = passage(2)
    assert await asyncio.gather(*map(guarded, range(5))) == [0, 1, 2, 3, 4]
    probe.assert_max(2)
    probe.assert_reached(2)
    assert probe.most == 2
    assert [call.label for call in probe.calls] == [f"pass_through({n})" for n in range(5)]
    assert {call.outcome for call in probe.calls} == {"returned"}


@pytest.mark.taskq_time("2030-01-01", mode="auto")
async def test_a_limit_that_is_exceeded_is_told_with_who_and_when():
    guarded, probe = passage(3)
    await guarded(9)
    await asyncio.sleep(0.198)
    await asyncio.gather(*map(guarded, (0, 1, 4)))
    with pytest.raises(AssertionError) as caught:
        probe.assert_max(2)
    assert str(caught.value) == (
        "at most 2 allowed, 3 ran together at t=0.2 s: "
        "pass_through(0), pass_through(1), pass_through(4)"
    )


async def test_a_limit_that_is_never_reached_is_told():
    guarded, probe = passage(1)
    await asyncio.gather(*map(guarded, range(3)))
    with pytest.raises(AssertionError) as caught:
        probe.assert_reached(4)
    assert str(caught.value) == "limit 4 never reached: at most 1 (is it serial?)"

    guarded, probe = passage(2)
    with pytest.raises(AssertionError, match=r"^limit 4 never reached: nothing ran$"):
        probe.assert_reached(4)
    await asyncio.gather(*map(guarded, range(3)))
    with pytest.raises(AssertionError, match=r"^limit 4 never reached: at most 2$"):
        probe.assert_reached(4)


async def test_a_block_is_labelled_by_the_call_that_its_task_is():
    probe = ConcurrencyProbe()

    async def worker(number, *, tool="saw"):
        async with probe:
            await asyncio.sleep(0.001)

    await asyncio.gather(*(worker(n) for n in range(2)))
    with pytest.raises(AssertionError, match=r": worker\(0, 'saw'\), worker\(1, 'saw'\)$"):
        probe.assert_max(1)


async def test_two_of_one_key_must_not_overlap():
    probe = ConcurrencyProbe()

    @probe
    async def bill(customer, number):
        await asyncio.sleep(0.001)

    await asyncio.gather(bill("ann", 1), bill("bob", 2))
    await bill("ann", 3)
    probe.assert_never_overlapped(key=lambda customer, number: customer)

    await asyncio.gather(bill("ann", 4), bill("bob", 5), bill("bob", 6))
    with pytest.raises(AssertionError) as caught:
        probe.assert_never_overlapped(key=lambda customer, number: customer)
    message = str(caught.value)
    assert message.startswith("must never overlap, 2 ran together for key 'bob' at t=0")
    assert message.endswith(" s: bill('bob', 5), bill('bob', 6)")


async def test_without_keys_no_two_may_overlap():
    probe = ConcurrencyProbe()
    for name in ("first", "second"):
        with probe.call(name):
            await asyncio.sleep(0)
    probe.assert_never_overlapped()
    with (
        probe.call("third"),
        probe.call("fourth"),
        pytest.raises(AssertionError, match=r"^must never overlap, 2 ran .*: third, fourth$"),
    ):
        probe.assert_never_overlapped()


async def test_a_block_can_have_a_key():
    probe = ConcurrencyProbe()
    with probe.call("a", key=1), probe.call("b", key=2):
        probe.assert_never_overlapped()
    with (
        probe.call("c", key=1),
        probe.call("d", key=1),
        pytest.raises(AssertionError, match="for key 1 at"),
    ):
        probe.assert_never_overlapped()


async def test_each_call_has_its_outcome():
    probe = ConcurrencyProbe()

    @probe
    async def work(seconds):
        if seconds < 0:
            raise ValueError
        await asyncio.sleep(seconds)

    tasks = [asyncio.create_task(work(seconds)) for seconds in (0, -1, 60, 61)]
    await asyncio.sleep(0.001)
    tasks[2].cancel()
    await asyncio.gather(*tasks[:3], return_exceptions=True)
    outcomes = [(call.job, call.outcome) for call in probe.calls]
    assert outcomes == [(0, "returned"), (-1, "raised"), (60, "cancelled"), (61, "running")]
    assert [call.job for call in probe.open()] == [61]
    tasks[3].cancel()


async def test_methods_threads_and_objects_are_seen_too():
    probe = ConcurrencyProbe()

    class Post:
        @probe
        async def carry(self, letter):
            return letter

        async def __call__(self, letter):
            return letter

    def stamp(letter):
        return letter

    assert await Post().carry(1) == 1
    assert await probe(Post().carry)(2) == 2
    assert await probe(Post())(letter=3) == 3
    assert await asyncio.to_thread(probe(stamp), 4) == 4
    assert [call.job for call in probe.calls] == [1, 2, 2, 3, 4]
    assert probe.calls[0].label == "Post.carry(1)"
    assert probe.calls[3].label == "Post(letter=3)"


async def test_a_generator_is_refused():
    async def stream():
        yield 1

    with pytest.raises(BadOption, match="is a generator"):
        ConcurrencyProbe()(stream)

"""Expectations of speed, on a stopwatch that the test holds: which fail, with what words."""

import asyncio
import tracemalloc
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.stats import Spread, stats
from pytest_taskq.testing.thresholds import REFERENCE_JOBS, Thresholds
from support.engine_app import EngineApp

UNIT = 50e-6
HERE = (
    "A reference job is enqueued, claimed and finished on a bare engine in memory; here and now "
    "that takes 50 us."
)


def thresholds(*seconds, rounds=1, reference=UNIT):
    """Measures so many seconds, one after the other, and a reference beside each."""
    times = iter(seconds)

    class Scripted:
        def __init__(self):
            self.is_reference = next(kinds)

        def seconds(self):
            return reference * REFERENCE_JOBS if self.is_reference else next(times)

    kinds = iter([True, False] * 100)
    return Thresholds(rounds=rounds, watch=Scripted)


def without_reference(*seconds, rounds=1):
    times = iter(seconds)

    class Scripted:
        def seconds(self):
            return next(times)

    return Thresholds(rounds=rounds, watch=Scripted)


def text_of(call):
    with pytest.raises(AssertionError) as caught:
        call()
    return str(caught.value)


def test_a_deferral_is_told_in_reference_jobs():
    numbers = []
    assert thresholds(0.01).assert_deferral(numbers.append, jobs=10, at_most=20) == pytest.approx(
        20
    )
    assert numbers == list(range(10))
    assert text_of(
        lambda: thresholds(0.0125).assert_deferral(numbers.append, jobs=10, at_most=20)
    ) == (
        "The cost of deferring a job is 25 reference jobs, and at most 20 are allowed "
        f"(1.25 ms, best of 1). {HERE}"
    )


def test_the_best_round_counts():
    slow_then_fast = thresholds(1, 0.01, 2, rounds=3)
    assert slow_then_fast.assert_processing(lambda: None, jobs=10, at_most=20) == pytest.approx(20)


def test_processing_and_idling_have_words_of_their_own():
    assert text_of(
        lambda: thresholds(0.1).assert_processing(lambda: None, jobs=100, at_most=10)
    ).startswith(
        "The cost of processing a job is 20 reference jobs, and at most 10 are allowed (1 ms"
    )
    assert text_of(lambda: thresholds(0.1).assert_idle(lambda: None, at_most=10)).startswith(
        "The cost of a worker with nothing to do is 2,000 reference jobs, and at most 10 are "
    )


def test_a_larger_size_may_not_cost_more_for_each_job():
    sizes = []
    assert without_reference(1, 15).assert_scaling(sizes.append, at_most=2) == pytest.approx(1.5)
    assert sizes == [100, 1000]
    assert text_of(lambda: without_reference(0.1, 10).assert_scaling(sizes.append, at_most=2)) == (
        "One of 1,000 jobs costs 10 times as much as one of 100, and at most 2 times is allowed "
        "(1 ms and 10 ms, best of 1)."
    )


def test_later_runs_may_not_cost_more_than_earlier_ones():
    even = thresholds(*[0.1, 0.3] * 2)
    assert even.assert_consistency(lambda: None, runs=4) == pytest.approx(1)
    assert text_of(
        lambda: thresholds(0.1, 0.1, 0.3, 0.3).assert_consistency(lambda: None, runs=4)
    ) == (
        "The last 2 of 4 runs cost 3 times as much as the first, and at most 2 times is allowed. "
        "The runs in reference jobs: 2,000, 2,000, 6,000, 6,000."
    )


def test_memory_is_measured_beside_a_reference_job():
    kept = []
    ratio = Thresholds().assert_memory(lambda: kept.append(bytes(1000)), jobs=1, at_most=10)
    assert 0.1 < ratio < 10
    text = text_of(
        lambda: Thresholds().assert_memory(lambda: kept.append(bytes(10**6)), jobs=1, at_most=10)
    )
    assert text.startswith("A job keeps 1,000,")
    assert " times as many as a reference job, and at most 10 times is allowed. " in text


def test_work_that_raises_leaves_no_trace_of_the_memory_behind():
    def work():
        raise ConnectionError("down")

    async def async_work():
        await asyncio.sleep(0)
        raise ConnectionError("down")

    with pytest.raises(ConnectionError) as kept:
        Thresholds().assert_memory(work, jobs=1, at_most=10)
    assert not tracemalloc.is_tracing(), kept
    with pytest.raises(ConnectionError) as kept:
        asyncio.run(Thresholds().assert_memory(async_work, jobs=1, at_most=10))
    assert not tracemalloc.is_tracing(), kept


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Thresholds(rounds=0), "takes rounds, a whole number from 1 on. It was given 0."),
        (lambda: Thresholds().assert_deferral(str, jobs=0, at_most=1), "takes jobs, .* given 0."),
        (lambda: Thresholds().assert_processing(str, jobs=-1, at_most=1), "takes jobs, .* -1."),
        (lambda: Thresholds().assert_memory(str, jobs=0, at_most=1), "takes jobs, .* given 0."),
        (lambda: Thresholds().assert_consistency(str, runs=1), "takes runs, .* from 2 on.* 1."),
        (lambda: Thresholds().assert_scaling(str, sizes=(0, 10)), "takes a first size, .* 0."),
        (lambda: Thresholds().assert_scaling(str, sizes=(10, 10)), "second size, .* from 11 on"),
    ],
)
def test_numbers_that_give_no_figure_are_refused(call, said):
    with pytest.raises(BadOption, match=rf"^An expectation of speed .*{said}"):
        call()


def test_a_latency_is_compared_with_its_median():
    found = Thresholds().assert_latency([0.01] * 99 + [0.05], p99=1, max=5)
    assert found.max == timedelta(seconds=0.05)
    assert text_of(lambda: Thresholds().assert_latency([0.01] * 99 + [0.05], max=4)) == (
        "The max of 100 times is 50 ms, and at most 4 times the median of 10 ms is allowed."
    )
    Thresholds().assert_latency(Spread(), max=1)
    with pytest.raises(BadOption, match=r"^A latency has no 'p75'. There are mean, p95, p99, max."):
        Thresholds().assert_latency([1], p75=2)


@pytest.mark.asyncio
async def test_a_wait_and_the_use_of_workers_are_read_from_the_figures():
    app = EngineApp()
    app.task(asyncio.sleep, name="sleep")
    for _ in range(4):
        await app.add("sleep", 1)
    live = asyncio.create_task(app.run_forever())
    await app.clock.elapse(10)
    live.cancel()
    await asyncio.wait({live})
    await app.add("sleep", 0)
    figures = stats([app])

    assert without_reference(1e6).assert_wait(figures, at_most=1) == pytest.approx(6e-4)
    assert text_of(lambda: without_reference(0.01).assert_wait(figures, at_most=100)) == (
        "95% of the jobs waited up to 3 s: 60,000 reference jobs, and at most 100 are allowed. "
        + HERE
    )
    assert Thresholds().assert_utilisation(figures, at_least=0.4) == 0.4
    assert text_of(lambda: Thresholds().assert_utilisation(figures, at_least=0.9)) == (
        "The workers were busy 40% of the time, and at least 90% is expected.\n"
        "  worker: 4 attempts, at most 1 at once, 40% busy"
    )


@pytest.mark.asyncio
async def test_async_work_is_awaited():
    ran = []

    async def work(*args):
        await asyncio.sleep(0)
        ran.append(args)

    expect = thresholds(0.01, 0.01, rounds=2)
    assert await expect.assert_deferral(work, jobs=10, at_most=20) == pytest.approx(20)
    assert len(ran) == 20
    assert await without_reference(1, 10).assert_scaling(work) == pytest.approx(1)
    await Thresholds().assert_memory(work, jobs=1, at_most=1000)
    with pytest.raises(AssertionError, match="nothing to do is 200 reference jobs"):
        await thresholds(0.01).assert_idle(work, at_most=10)


@pytest.mark.asyncio
async def test_a_reference_leaves_no_trace(taskq_clock):
    from pytest_taskq.engine.queue import LAST_USED

    before = LAST_USED.get()
    assert 0 < Thresholds().reference() < 1
    assert LAST_USED.get() is before

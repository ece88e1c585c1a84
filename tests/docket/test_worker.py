"""Worker: how runs begin and end, what they log, and how they are stopped."""

import asyncio
import logging
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import BadOption, NotFinished, QueueClosed
from pytest_taskq.docket import Docket, ExecutionState, Perpetual, Retry, Worker

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)


class Brewing:
    """A task that waits until it may go on, and notes what becomes of it."""

    def __init__(self):
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = []

    async def brew(self, cup):
        self.started.set()
        try:
            await self.may_end.wait()
            self.ended.append(cup)
        except asyncio.CancelledError:
            self.ended.append("interrupted")
            raise


async def start(worker, brewing):
    run = asyncio.create_task(worker.run_forever())
    async with asyncio.timeout(2):
        await brewing.started.wait()
    return run


async def test_its_name_is_host_and_process_unless_given(docket):
    assert "#" in Worker(docket).name
    assert Worker(docket, name="kettle").name == "kettle"


@pytest.mark.parametrize("setting", ["message_batch", "concurrency"])
async def test_a_number_below_one_is_refused(docket, setting):
    with pytest.raises(BadOption, match=setting):
        await Worker(docket, **{setting: 0}).run_until_finished()


async def test_it_runs_no_more_at_once_than_it_may(docket):
    active, most = set(), []

    async def brew(cup):
        active.add(cup)
        most.append(len(active))
        await asyncio.sleep(0)
        active.discard(cup)

    for cup in range(6):
        await docket.add(brew)(cup)
    await Worker(docket, concurrency=2).run_until_finished()
    assert (max(most), len(most)) == (2, 6)


async def test_it_needs_an_open_docket():
    with pytest.raises(QueueClosed, match="not open"):
        await Worker(Docket(url="memory://x")).run_until_finished()


async def test_one_worker_runs_again_and_again(docket, worker, note, seen):
    async with worker:
        for cup in range(3):
            await docket.add(note)(cup)
            await worker.run_until_finished()
    assert seen == [((0,), {}), ((1,), {}), ((2,), {})]


async def test_no_exception_of_a_task_comes_out(docket, worker):
    async def spill():
        raise SystemExit("spilled")

    execution = await docket.add(spill)()
    await worker.run_until_finished()
    await execution.sync()
    assert execution.error == "SystemExit: spilled"


@pytest.mark.taskq_strict(False)
async def test_arguments_that_do_not_fit_fail_the_task(docket, worker):
    async def brew(cup):
        pass

    execution = await docket.add(brew)(1, 2, 3)
    await worker.run_until_finished()
    with pytest.raises(TypeError, match="positional argument"):
        await execution.get_result()


async def test_run_at_most_counts_retries_and_cancels_the_rest(docket, worker):
    attempts = []

    async def spill(retry: Retry = Retry.forever()):
        attempts.append(retry.attempt)
        raise ValueError

    execution = await docket.add(spill, key="k")()
    await worker.run_at_most({"k": 4})
    await execution.sync()
    assert attempts == [1, 2, 3, 4]
    assert execution.state is ExecutionState.CANCELLED


async def test_an_endless_chain_is_reported_on_our_clock_and_nothing_is_lost(docket, worker):
    async def brew(perpetual: Perpetual = Perpetual(every=HOUR)):
        pass

    await docket.add(brew, key="tea")()
    with pytest.raises(NotFinished, match=r"brew has run 1000 times.*run_at_most"):
        await worker.run_until_finished()
    assert [task.key for task in (await docket.snapshot()).future] == ["tea"]


async def test_cancelling_who_awaits_a_run_lets_the_tasks_in_hand_end(docket, worker):
    brewing = Brewing()
    await docket.add(brewing.brew)(1)
    later = await docket.add(brewing.brew, when=docket.queue.clock.time() + HOUR)(2)
    run = await start(worker, brewing)
    run.cancel()
    await asyncio.sleep(0)
    assert not run.done()
    brewing.may_end.set()
    assert await run is None
    assert brewing.ended == [1]
    assert [task.key for task in (await docket.snapshot()).future] == [later.key]


async def test_cancelling_twice_stops_them_and_puts_them_back(docket, worker):
    brewing = Brewing()
    await docket.add(brewing.brew, key="k")(1)
    run = await start(worker, brewing)
    run.cancel()
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert brewing.ended == ["interrupted"]
    assert (await docket.get_execution("k")).state is ExecutionState.QUEUED


async def test_a_time_limit_around_a_run_does_not_raise(docket):
    async def brew():
        pass

    async with Docket("tea", "memory://limit") as real:
        await real.add(brew, when=real.queue.clock.time() + HOUR)()
        async with Worker(real) as worker:
            assert await asyncio.wait_for(worker.run_until_finished(), 0.01) is None
        assert (await real.snapshot()).total_tasks == 1


async def test_leaving_the_worker_ends_its_run(docket, worker):
    brewing = Brewing()
    async with worker:
        await docket.add(brewing.brew)(1)
        run = await start(worker, brewing)
        brewing.may_end.set()
    assert await asyncio.wait_for(run, 1) is None
    assert brewing.ended == [1]


async def test_an_automatic_task_is_scheduled_by_the_run(docket, worker, taskq_clock):
    seen = []

    async def look(perpetual: Perpetual = Perpetual(every=HOUR, automatic=True)):
        seen.append(perpetual.args)

    docket.register(look)
    await worker.run_until_finished()
    await worker.run_until_finished()
    assert seen == [()]
    (next_run,) = (await docket.snapshot()).future
    assert (next_run.key, next_run.when) == ("look", taskq_clock.time() + HOUR)


async def test_automatic_tasks_can_be_left_alone(docket):
    async def look(perpetual: Perpetual = Perpetual(automatic=True)):
        raise AssertionError

    docket.register(look)
    await Worker(docket, schedule_automatic_tasks=False).run_until_finished()
    assert await docket.get_execution("look") is None


async def test_a_task_that_is_not_registered_warns_and_completes(tea_shop, stranger, note, caplog):
    execution = await tea_shop.add(note, key="k")(1)
    await Worker(stranger).run_until_finished()
    assert await execution.get_result() is None
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name == "docket.worker"
    assert "'note'" in record.getMessage()


async def test_a_fallback_of_ones_own_gets_the_arguments(tea_shop, stranger, note, seen):
    async def brew(cup, sugar):
        pass

    await tea_shop.add(brew)(1, sugar=2)
    await Worker(stranger, fallback_task=note).run_until_finished()
    assert seen == [((1,), {"sugar": 2})]


async def test_it_logs_each_attempt_under_the_name_of_the_library(docket, worker, caplog):
    caplog.set_level(logging.INFO, "docket")

    async def brew(secret, retry: Retry = Retry(attempts=2)):
        if retry.attempt == 1:
            raise ValueError("spilled")

    await docket.add(brew, key="k")("sesame")
    await worker.run_until_finished()
    lines = [
        (record.name, record.getMessage()[0], record)
        for record in caplog.records
        if record.getMessage().endswith("brew(...){k}")
    ]
    assert [line[:2] for line in lines] == [
        ("docket.worker", "↪"),
        ("docket.dependencies", "↩"),
        ("docket.dependencies", "↫"),
        ("docket.worker", "↬"),
        ("docket.worker", "↩"),
    ]
    assert lines[1][2].levelno == logging.ERROR
    assert lines[1][2].exc_info[0] is ValueError


async def test_a_task_whose_worker_died_is_redelivered_after_its_time(
    docket, taskq_clock, note, seen
):
    worker = Worker(docket, redelivery_timeout=timedelta(seconds=30))
    await worker.run_until_finished()
    await docket.add(note)(1)
    assert len(await docket.queue.leases.claim("a worker that dies", 1)) == 1

    taskq_clock.advance(29)
    await worker.run_until_finished()
    assert seen == []
    taskq_clock.advance(1)
    await worker.run_until_finished()
    assert seen == [((1,), {})]


async def test_a_limit_for_a_name_that_nothing_has_is_pointed_out(docket, worker):
    async def brew():
        pass

    await docket.add(brew)()
    with pytest.warns(UserWarning, match="The nearest (is|are) 'brew'"):
        await worker.run_at_most({"bruw": 1})


async def test_a_task_that_is_not_async_says_so(docket, worker):
    def brew():
        pass

    execution = await docket.add(brew)()
    await worker.run_until_finished()
    with pytest.raises(TypeError, match="async def"):
        await execution.get_result()

"""The harness in front of each facade: enqueue, assert, run, and be told."""

import asyncio
import sqlite3
from datetime import timedelta
from unittest.mock import ANY

import pytest

from pytest_taskq import job, wait_until
from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.docket import Perpetual, Retry


async def receipt(cart_id: int) -> str:
    return f"receipt for {cart_id}"


async def charge(
    cart_id: int, card=None, cents=1299, retry=Retry(attempts=3, delay=timedelta(seconds=10))
):
    if cart_id < 0:
        raise ValueError("no such cart")
    return "charged"


async def every_hour(perpetual=Perpetual(every=timedelta(hours=1))):
    pass


@pytest.fixture
def shop(docket):
    for task in (charge, receipt, every_hour):
        docket.register(task)
    return docket


def test_a_sync_test_has_the_results_at_once(taskq, shop):
    placed = taskq.enqueue(job(charge, 7, card={"token": "tok_1", "name": "Ann"})).job
    assert taskq.assert_enqueued(job(charge, cart_id=7, card={"token": ANY})).id == placed.id
    assert taskq.drain() == [job(charge, 7)]
    assert taskq.perform(job(receipt, 8)).result == "receipt for 8"


@pytest.mark.asyncio
async def test_an_async_test_awaits_them(taskq, shop):
    await taskq.enqueue(job(charge, 7))
    ran = await taskq.drain()
    assert (ran.counts, len(ran), ran[0].result) == ({"succeeded": 1}, 1, "charged")


@pytest.mark.asyncio
async def test_time_passes_until_the_end_and_each_job_runs_at_its_own_instant(taskq, shop):
    start = taskq.clock.time()
    await shop.add(receipt, when=start + timedelta(days=3))(7)
    ran = await taskq.drain(until="14d")
    assert ran[0].started_at == start + timedelta(days=3)
    assert timedelta(days=14) <= taskq.clock.time() - start < timedelta(days=14, seconds=5)


@pytest.mark.taskq_time("2030-01-01")
@pytest.mark.asyncio
async def test_those_born_on_the_way_run_too(taskq, shop):
    await shop.add(every_hour)()
    ran = await taskq.drain(until="1d")
    assert len(ran) == 25


@pytest.mark.asyncio
async def test_an_endless_chain_is_told_by_name(taskq, docket):
    async def again():
        await docket.add(again)()

    await docket.add(again)()
    with pytest.raises(NotFinished) as caught:
        await taskq.drain(limit=50)
    assert str(caught.value) == (
        "taskq.drain() does not come to an end. After 50 attempts 1 job is still due; "
        "again 50 times ran. Give it a higher limit, or only= some of the jobs."
    )


@pytest.mark.asyncio
async def test_the_first_exception_is_raised_with_its_own_traceback(taskq, shop):
    await shop.add(charge)(-1)
    await shop.add(receipt)(1)
    with pytest.raises(ValueError, match="no such cart") as caught:
        await taskq.drain()
    assert caught.traceback[-1].name == "charge"
    assert caught.value.__notes__ == ["raised by job #1 (charge), attempt 1"]


@pytest.mark.asyncio
async def test_with_retry_the_policies_work(taskq, shop, taskq_clock):
    await shop.add(charge)(-1)
    ran = await taskq.drain(until="1m", errors="retry")
    assert [each.attempts for each in ran] == [3, 3, 3]
    found = taskq.assert_outcome(charge, "dead", error=ValueError, attempts=3)
    assert found.due_at - found.enqueued_at == timedelta(seconds=20)


@pytest.mark.asyncio
async def test_a_step_runs_one_and_leaves_the_rest(taskq, shop):
    for cart in (1, 2, 3):
        await shop.add(receipt)(cart)
    assert await taskq.step() == [job(receipt, 1)]
    assert await taskq.step(5) == [job(receipt, 2), job(receipt, 3)]
    taskq.assert_executed([job(receipt, 1), job(receipt, 2), job(receipt, 3)])


@pytest.mark.asyncio
async def test_only_some_jobs_run(taskq, shop):
    await shop.add(receipt)(1)
    await shop.add(charge)(2)
    await shop.add(receipt)(3)
    assert await taskq.drain(only=job(receipt, lambda cart: cart > 1)) == [job(receipt, 3)]
    assert taskq.jobs(state="queued") == [job(receipt, 1), job(charge)]


@pytest.mark.asyncio
async def test_one_job_alone_sees_the_attempt_and_leaves_no_retry(taskq, shop):
    await shop.add(receipt)(1)
    done = await taskq.perform(job(charge, -1), attempt=2)
    assert isinstance(done.error, ValueError)
    assert (done.state, done.job.attempts) == ("retrying", 2)
    assert [each.task for each in taskq.jobs(state="queued")] == ["receipt"]


@pytest.mark.asyncio
async def test_what_one_job_enqueues_is_there_to_be_asserted_on(taskq, shop):
    async def checkout(cart_id):
        await shop.add(charge)(cart_id)
        await shop.add(receipt)(cart_id)

    shop.register(checkout)
    await shop.add(receipt)(1)
    done = await taskq.perform(job(checkout, 7))
    done.enqueued.assert_enqueued([job(charge, 7), job(receipt, 7)])
    done.enqueued.assert_not_enqueued(job(receipt, 1))


@pytest.mark.asyncio
async def test_a_block_sees_only_what_happened_inside(taskq, shop):
    await shop.add(receipt)(1)
    with taskq.capture() as new:
        await shop.add(receipt)(2)
        await taskq.drain()
    await shop.add(receipt)(3)
    new.assert_enqueued([job(receipt, 2)])
    new.assert_executed([job(receipt, 1), job(receipt, 2)])
    assert new.jobs(receipt, state="succeeded") == [job(receipt, 2)]


@pytest.mark.asyncio
async def test_live_workers_run_what_is_enqueued_and_end_with_the_block(taskq, shop):
    async with taskq.running(workers=2):
        await shop.add(receipt)(1)
        await taskq.clock.settle()
        taskq.assert_outcome(receipt, "succeeded")
    await shop.add(receipt)(2)
    await taskq.clock.settle()
    assert taskq.jobs(state="queued") == [job(receipt, 2)]


def test_plans_are_plain_lists(taskq, shop):
    assert taskq.retry_plan(charge) == [timedelta(seconds=10), timedelta(seconds=10)]
    assert taskq.retry_plan(receipt) == []


def test_a_task_that_is_not_there_is_told_with_the_nearest(taskq, shop):
    with pytest.raises(BadOption, match=r"There is no task 'charg'\. The nearest is 'charge'\."):
        taskq.enqueue(job("charg", 7))


def test_a_test_without_a_queue_is_told_how_to_get_one(taskq):
    with pytest.raises(BadOption, match="taskq has no queue to work on"):
        taskq.drain()


def test_a_job_is_found_on_each_of_two_queues(taskq, shop, soniq_app):
    @soniq_app.job(name="mail.welcome", priority=7)
    async def welcome(to: str): ...

    taskq.enqueue(job(receipt, 1))
    taskq.enqueue(job(welcome, to="ann@example.org"))
    taskq.assert_enqueued(job("mail.welcome"), priority=7)
    assert taskq.drain().counts == {"succeeded": 2}


def test_procrastinate_speaks_of_its_own_queues_and_locks(taskq, in_memory_app):
    @in_memory_app.task(queue="mail", queueing_lock="greeting", retry=2)
    async def greet(name): ...

    greet.defer(name="Ada")
    taskq.assert_enqueued(job(greet, name=str), queue="mail", key="greeting")
    assert taskq.drain() == [job(greet, name="Ada")]


def test_the_result_is_what_the_task_returned_whatever_its_library_keeps(
    taskq, docket, in_memory_app, soniq_app
):
    def answer(question):
        return {"answer": len(question)}

    async def answer_async(question: str):
        return answer(question)

    docket.register(answer_async)
    for task in (
        answer_async,
        in_memory_app.task(name="answer")(answer),
        soniq_app.job(name="answer.soniq")(answer_async),
    ):
        assert taskq.perform(job(task, question="why?")).result == {"answer": 4}


def test_a_job_works_on_what_the_test_has_open(taskq, in_memory_app):
    with sqlite3.connect(":memory:") as database:
        database.execute("create table sold (sku)")

        @in_memory_app.task(name="sell")
        async def sell(sku):
            database.execute("insert into sold values (?)", [sku])

        sell.defer(sku="lamp")
        taskq.drain()
        assert database.execute("select * from sold").fetchall() == [("lamp",)]
    database.close()


@pytest.mark.asyncio
async def test_a_worker_that_ran_before_is_seen_too(request, docket, worker):
    running = asyncio.create_task(worker.run_forever())
    await docket.add(receipt)(7)
    taskq = request.getfixturevalue("taskq")
    assert (await wait_until(job(receipt))).result == "receipt for 7"
    taskq.assert_enqueued(job(receipt, 7))
    taskq.assert_executed(receipt)
    running.cancel()


@pytest.mark.parametrize("workers", [0, -1, True, 1.5])
def test_a_number_of_workers_that_is_none_is_refused(taskq, docket, workers):
    with pytest.raises(BadOption, match="starts 1 or more workers"):
        taskq.running(workers=workers)


@pytest.mark.asyncio
async def test_an_error_in_a_block_of_live_workers_comes_out(taskq, docket):
    with pytest.raises(KeyError):
        async with taskq.running():
            raise KeyError


def test_an_exit_of_a_job_that_is_run_alone_is_its_error(taskq, docket):
    async def leave():
        raise SystemExit(3)

    docket.register(leave)
    assert isinstance(taskq.perform(job(leave)).error, SystemExit)


def test_a_job_that_cannot_begin_is_not_performed(taskq, in_memory_app):
    @in_memory_app.task(name="print", lock="printer")
    def print_it(): ...

    print_it.configure(schedule_in={"hours": 1}).defer()
    with pytest.raises(BadOption, match="another job holds a name that it needs"):
        taskq.perform(job(print_it))
    assert [each.at > taskq.clock.time() for each in taskq.jobs(state="queued")] == [True]


@pytest.mark.parametrize("attempt", [0, -1, True, "1"])
def test_attempts_are_counted_from_one(taskq, shop, attempt):
    with pytest.raises(BadOption, match="Attempts are counted from 1"):
        taskq.perform(job(receipt, 7), attempt=attempt)

"""A real Docket under watch: what its workers hold back, replace, cancel and strike."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from docket import ConcurrencyLimit, Docket, Perpetual, RateLimit, Worker
from docket.dependencies import FailureHandler

from pytest_taskq import job, wait_until
from pytest_taskq.adapters.docket import Adopted
from pytest_taskq.core.errors import BadOption, QueueClosed
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.under_test import AppUnderTest, Call

pytestmark = pytest.mark.asyncio

SOON = timedelta(milliseconds=5)


def memory_docket():
    name = f"watched-{uuid4()}"
    return Docket(name=name, url=f"memory://{name}")


@pytest_asyncio.fixture
async def taskq_app():
    async with memory_docket() as docket:
        yield docket


@pytest.fixture
def states(taskq):
    return lambda: [each.state.value for each in taskq.apps[0].jobs()]


def worker_of(docket, **options):
    return Worker(docket, minimum_check_interval=SOON, scheduling_resolution=SOON, **options)


async def test_a_task_that_waits_for_a_slot_begins_once(taskq, taskq_app, states):
    async def one_at_a_time(n, limit: ConcurrencyLimit = ConcurrencyLimit("n", max_concurrent=1)):
        await asyncio.sleep(0.02)

    for _ in range(3):
        await taskq_app.add(one_at_a_time)(1)
    async with worker_of(taskq_app) as worker:
        await worker.run_until_finished()
    assert states() == ["succeeded"] * 3
    taskq.assert_executed(job(one_at_a_time), times=3)


async def test_an_attempt_that_must_not_begin_yet_is_none(taskq, taskq_app, states):
    async def at_most(limit: RateLimit = RateLimit(1, per=timedelta(milliseconds=300))):
        """Not too often."""

    await taskq_app.add(at_most)()
    await taskq_app.add(at_most)()
    assert len(await taskq.drain()) == 1
    assert states() == ["succeeded", "queued"]
    assert [each.attempt for each in taskq.apps[0].jobs()] == [1, 0]
    async with worker_of(taskq_app) as worker:
        await worker.run_until_finished()
    taskq.assert_executed(job(at_most), times=2)


async def test_what_is_replaced_while_it_runs_ends_beside_its_successor(taskq, taskq_app, states):
    async def refresh(n):
        if n == 1:
            await taskq_app.replace(refresh, datetime.now(UTC), "refresh")(2)

    await taskq_app.add(refresh, key="refresh")(1)
    ran = await taskq.drain()
    assert ran == [job(refresh, n=1), job(refresh, n=2)]
    assert states() == ["succeeded", "succeeded"]


async def test_a_perpetual_task_gives_way_to_what_replaced_it(taskq, taskq_app, states):
    async def tick(n, perpetual: Perpetual = Perpetual()):
        if n == 1:
            await taskq_app.replace(tick, datetime.now(UTC), "tick")(2)
        else:
            perpetual.cancel()

    await taskq_app.add(tick, key="tick")(1)
    assert await taskq.drain() == [job(tick, n=1), job(tick, n=2)]
    assert states() == ["succeeded", "succeeded"]


async def test_a_job_cancelled_while_it_runs_is_cancelled(taskq, taskq_app):
    begun = asyncio.Event()

    async def forever():
        begun.set()
        await asyncio.Event().wait()

    await taskq_app.add(forever, key="f")()
    async with worker_of(taskq_app) as worker:
        running = asyncio.create_task(worker.run_until_finished())
        await begun.wait()
        assert [each.state for each in taskq.apps[0].jobs()] == ["running"]
        await taskq_app.cancel("f")
        await running
    taskq.assert_outcome(job(forever), "cancelled")
    taskq.assert_executed(job(forever), times=1)


async def test_a_job_cancelled_while_it_waits_for_a_slot_is_cancelled(taskq, taskq_app, states):
    begun, over = asyncio.Event(), asyncio.Event()

    async def alone(n, limit: ConcurrencyLimit = ConcurrencyLimit(max_concurrent=1)):
        begun.set()
        await over.wait()

    await taskq_app.add(alone, key="first")(1)
    await taskq_app.add(alone, key="second")(2)
    async with worker_of(taskq_app) as worker:
        running = asyncio.create_task(worker.run_until_finished())
        await begun.wait()
        await wait_until(lambda: states() == ["running", "running"])
        await wait_until(lambda: taskq_app.get_execution("__safeguard__:second"))
        await taskq_app.cancel("second")
        over.set()
        await running
    assert states() == ["succeeded", "cancelled"]
    taskq.assert_executed(job(alone), times=1)


async def test_a_drain_of_a_task_that_hangs_can_be_ended(taskq, taskq_app):
    async def hang():
        await asyncio.Event().wait()

    await taskq_app.add(hang)()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await taskq.drain()
    assert [each.state for each in taskq.apps[0].jobs()] == ["running"]


async def test_a_struck_task_is_cancelled_and_never_began(taskq, taskq_app, states):
    async def struck():
        """Never."""

    await taskq_app.add(struck)()
    await taskq_app.strike(struck)
    await wait_until(lambda: "struck" in taskq_app.strike_list.task_strikes)
    assert not await taskq.drain()
    assert states() == ["cancelled"]
    with pytest.raises(BadOption, match="could not be enqueued"):
        await taskq.perform(job(struck))


async def test_a_dependency_that_raises_fails_the_attempt(taskq, taskq_app):
    class Broken(Perpetual):
        async def __aenter__(self):
            raise OSError("no disk")

    async def task(perpetual: Perpetual = Broken()):
        """Never."""

    await taskq_app.add(task)()
    with pytest.raises(ExceptionGroup, match="dependencies"):
        await taskq.drain()


async def test_live_workers_run_until_they_are_ended(taskq, taskq_app, states):
    async def note():
        """Done."""

    async with taskq.live_workers(2):
        await taskq_app.add(note)()
        await wait_until(job(note))
        await taskq_app.add(note, when=datetime.now(UTC) + timedelta(milliseconds=50))()
        await wait_until(lambda: states() == ["succeeded", "succeeded"])
    taskq.assert_executed(job(note), times=2)


async def test_a_docket_is_given_back_as_it_was():
    docket = memory_docket()
    before = set(vars(docket))
    async with docket:
        adopted = Adopted(docket, Clock("real"))
        seen: AppUnderTest = adopted.under_test()
        await seen.enqueue(Call("trace", ("hello",)))
        adopted.close()
        assert "is_stricken" not in vars(docket.strike_list)
        await docket.add("trace")("unseen")
        assert len(seen.jobs()) == 1
        assert not {"add", "replace", "cancel", "clear"} & set(vars(docket))
    assert before <= set(vars(docket))


async def test_a_docket_is_watched_from_when_it_is_opened():
    docket = memory_docket()
    adopted = Adopted(docket, Clock("real"))
    seen = adopted.under_test()
    with pytest.raises(QueueClosed, match="not open"):
        await seen.run()
    async with docket:
        await docket.add("trace")("hello")
        assert [each.task for each in seen.jobs()] == ["trace"]
        assert await seen.run() == 1
    adopted.close()


async def test_a_docket_on_a_server_is_refused():
    with pytest.raises(BadOption, match="in memory only") as caught:
        Adopted(Docket(url="redis://me:secret@redis.invalid/0"), Clock("real"))
    assert "secret" not in str(caught.value)


async def test_a_clock_that_moves_is_refused():
    with pytest.raises(BadOption, match="lives on real time"):
        Adopted(memory_docket(), Clock("held"))


async def test_an_exception_that_a_handler_kept_leaves_a_dead_job(taskq, taskq_app):
    class Kept(FailureHandler):
        async def __aenter__(self):
            return self

        async def handle_failure(self, execution, outcome):
            return True

    async def task(handler: Kept = Kept()):
        raise LookupError("kept")

    await taskq_app.add(task)()
    ran = await taskq.drain()
    assert ran.counts == {"dead": 1}
    assert "a handler of failures took it" in ran.errors[0].message

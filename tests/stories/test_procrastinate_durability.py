"""Procrastinate: nothing is lost, nothing happens twice, and order is kept.

A photo lab takes films all day. Its machines break down and its workers come and go.
"""

import asyncio
from datetime import timedelta

import pytest

from pytest_taskq import wait_until
from pytest_taskq.procrastinate import RetryStrategy
from pytest_taskq.procrastinate.exceptions import AlreadyEnqueued


class Jam(Exception):
    """A film got stuck in the machine."""


@pytest.fixture
def developed():
    return []


@pytest.fixture
def develop(in_memory_app, developed):
    @in_memory_app.task(queue="films", name="develop")
    async def develop(film):
        developed.append(film)

    return develop


def statuses(app):
    return [job.status for job in app.connector.jobs.values()]


@pytest.mark.asyncio
class TestTasksAreDurable:
    async def test_a_film_waits_until_a_worker_comes(self, in_memory_app, develop, developed):
        await develop.defer_async(film="A")
        await asyncio.sleep(0)

        assert developed == []
        assert statuses(in_memory_app) == ["todo"]

    async def test_films_outlive_a_worker(self, in_memory_app, develop, developed):
        @in_memory_app.task(queue="films", pass_context=True, retry=1)
        async def dry(context, film):
            developed.append((context.worker_name, film))
            if context.worker_name == "early":
                # The machine stands still, and its worker is sent home. Without a retry the
                # film would be lost: the library aborts it.
                await asyncio.Event().wait()

        await dry.batch_defer_async({"film": "A"}, {"film": "B"})
        early = asyncio.create_task(
            in_memory_app.run_worker_async(name="early", shutdown_graceful_timeout=0)
        )
        await wait_until(lambda: developed == [("early", "A")])
        early.cancel()
        await asyncio.wait({early})
        assert statuses(in_memory_app) == ["todo", "todo"]

        await in_memory_app.run_worker_async(name="late", wait=False)

        assert developed == [("early", "A"), ("late", "A"), ("late", "B")]
        assert statuses(in_memory_app) == ["succeeded", "succeeded"]

    async def test_films_outlive_a_closed_app(self, in_memory_app, develop, developed):
        await develop.defer_async(film="A")
        await in_memory_app.close_async()

        async with in_memory_app.open_async():
            await in_memory_app.run_worker_async(wait=False)

        assert developed == ["A"]

    async def test_a_jammed_film_is_tried_again(self, in_memory_app, developed):
        @in_memory_app.task(retry=2)
        async def feed(film):
            developed.append(film)
            if len(developed) < 3:
                raise Jam

        await feed.defer_async(film="A")
        await in_memory_app.run_worker_async(wait=False)

        assert developed == ["A", "A", "A"]
        assert in_memory_app.connector.jobs[0].attempts == 3

    async def test_a_developed_film_is_not_developed_again(self, in_memory_app, develop, developed):
        await develop.defer_async(film="A")
        for _ in range(3):
            await in_memory_app.run_worker_async(wait=False)

        assert developed == ["A"]


@pytest.mark.asyncio
class TestQueuesAreDurable:
    async def test_first_in_first_out(self, in_memory_app, develop, developed):
        for film in "ABCDE":
            await develop.defer_async(film=film)
        await in_memory_app.run_worker_async(wait=False)

        assert developed == list("ABCDE")

    async def test_one_cleaning_in_the_queue_is_enough(self, in_memory_app):
        cleaned = []

        @in_memory_app.task(queueing_lock="cleaning")
        async def clean():
            cleaned.append(True)

        await clean.defer_async()
        with pytest.raises(AlreadyEnqueued):
            await clean.defer_async()
        assert len(in_memory_app.connector.jobs) == 1

        await in_memory_app.run_worker_async(wait=False)
        await clean.defer_async()  # nobody waits any more, so the next one may
        await in_memory_app.run_worker_async(wait=False)
        assert len(cleaned) == 2

    async def test_queues_do_not_depend_on_each_other(self, in_memory_app, develop, developed):
        await develop.configure(queue="colour").defer_async(film="C")
        await develop.configure(queue="black_and_white").defer_async(film="B")

        await in_memory_app.run_worker_async(wait=False, queues=["black_and_white"])
        assert developed == ["B"]
        await in_memory_app.run_worker_async(wait=False, queues=["colour"])
        assert developed == ["B", "C"]


@pytest.mark.asyncio
@pytest.mark.taskq_time("2031-05-04T08:00:00+00:00")
class TestJobsRecover:
    async def test_a_failed_film_recovers(self, in_memory_app, developed, taskq_clock):
        @in_memory_app.task(retry=RetryStrategy(max_attempts=1, wait=600))
        async def feed(film):
            developed.append(film)
            if developed == ["A"]:
                raise Jam

        await feed.defer_async(film="A")
        await in_memory_app.run_worker_async(wait=False)
        assert statuses(in_memory_app) == ["todo"]

        taskq_clock.advance(minutes=10)
        await in_memory_app.run_worker_async(wait=False)
        assert statuses(in_memory_app) == ["succeeded"]

    async def test_the_pauses_between_attempts_grow(self, in_memory_app, taskq_clock):
        start = taskq_clock.time()

        @in_memory_app.task(retry=RetryStrategy(max_attempts=4, exponential_wait=2))
        async def feed():
            raise Jam

        await feed.defer_async()
        job = in_memory_app.connector.jobs[0]
        while job.status == "todo":
            await in_memory_app.run_worker_async(wait=False)
            taskq_clock.move_to(max(job.scheduled_at, taskq_clock.time()))

        started = [
            event["at"] - start
            for event in in_memory_app.connector.events[1]
            if event["type"] == "started"
        ]
        assert started == [timedelta(seconds=s) for s in (0, 2, 6, 14, 30)]
        assert job.status == "failed"


@pytest.mark.asyncio
class TestDataStaysConsistent:
    async def test_a_batch_goes_in_whole_or_not_at_all(self, in_memory_app, develop):
        """There is no transaction in memory; what can be undone is one batch."""
        once = develop.configure(queueing_lock="film A")
        with pytest.raises(AlreadyEnqueued):
            await once.batch_defer_async({"film": "A"}, {"film": "A"})

        assert len(in_memory_app.connector.jobs) == 0

    async def test_an_error_after_deferring_takes_nothing_back(self, in_memory_app, develop):
        async def take_order():
            await develop.defer_async(film="A")
            raise Jam

        with pytest.raises(Jam):
            await take_order()

        assert statuses(in_memory_app) == ["todo"]

    async def test_many_at_once_and_each_once(self, in_memory_app, develop, developed):
        await asyncio.gather(*(develop.defer_async(film=number) for number in range(50)))
        await asyncio.gather(
            *(
                in_memory_app.run_worker_async(wait=False, name=name, concurrency=5)
                for name in ("ann", "bob")
            )
        )

        assert sorted(developed) == list(range(50))

    async def test_films_of_one_customer_never_meet(self, in_memory_app):
        in_machine = []

        @in_memory_app.task
        async def wash(customer):
            assert customer not in in_machine
            in_machine.append(customer)
            await asyncio.sleep(0)
            in_machine.remove(customer)

        for customer in ["ann", "bob"] * 10:
            await wash.configure(lock=customer).defer_async(customer=customer)
        await in_memory_app.run_worker_async(wait=False, concurrency=8, raise_errors=True)

        assert statuses(in_memory_app) == ["succeeded"] * 20

    async def test_an_order_is_what_it_was_when_it_was_given(self, in_memory_app):
        seen = []

        @in_memory_app.task(retry=1)
        async def enlarge(sizes):
            seen.append(list(sizes))
            sizes.append("spoilt")
            raise Jam

        sizes = ["10x15"]
        await enlarge.defer_async(sizes=sizes)
        sizes.append("20x30")
        await in_memory_app.run_worker_async(wait=False)

        assert seen == [["10x15"], ["10x15"]]
        assert in_memory_app.connector.jobs[0].args == {"sizes": ["10x15"]}


@pytest.mark.asyncio
class TestPriorities:
    async def test_express_goes_first(self, in_memory_app, develop, developed):
        await develop.configure(priority=-5).defer_async(film="whenever")
        await develop.defer_async(film="normal")
        await develop.configure(priority=10).defer_async(film="express")
        await in_memory_app.run_worker_async(wait=False)

        assert developed == ["express", "normal", "whenever"]

    async def test_a_film_for_tomorrow_waits_for_tomorrow(
        self, in_memory_app, develop, developed, taskq_clock
    ):
        tomorrow = taskq_clock.time() + timedelta(days=1)
        await develop.configure(schedule_at=tomorrow).defer_async(film="by date")
        await develop.configure(schedule_in={"hours": 25}).defer_async(film="by delay")

        await in_memory_app.run_worker_async(wait=False)
        assert developed == []
        taskq_clock.advance(days=1)
        await in_memory_app.run_worker_async(wait=False)
        assert developed == ["by date"]
        taskq_clock.advance(hours=1)
        await in_memory_app.run_worker_async(wait=False)
        assert developed == ["by date", "by delay"]


@pytest.mark.asyncio
class TestWorkersAreResilient:
    @pytest.mark.parametrize(
        ("fault", "status"), [(SystemExit, "failed"), (asyncio.CancelledError, "aborted")]
    )
    async def test_one_bad_film_stops_no_worker(
        self, in_memory_app, develop, developed, fault, status
    ):
        @in_memory_app.task
        async def feed():
            raise fault

        await feed.defer_async()
        await develop.defer_async(film="B")
        await in_memory_app.run_worker_async(wait=False)

        assert statuses(in_memory_app) == [status, "succeeded"]
        assert developed == ["B"]

    async def test_a_task_guards_itself_against_a_machine_that_hangs(
        self, in_memory_app, develop, developed
    ):
        @in_memory_app.task
        async def feed():
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

        await feed.defer_async()
        await develop.defer_async(film="B")
        await in_memory_app.run_worker_async(wait=False)

        assert statuses(in_memory_app) == ["failed", "succeeded"]

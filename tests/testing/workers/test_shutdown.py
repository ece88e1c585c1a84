"""What became of the jobs that were in flight when a worker was shut down."""

import asyncio

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.workers import ConcurrencyProbe, running, settle

pytestmark = pytest.mark.asyncio


class Ferry:
    """Carries up to three cars at once; ``manners`` says what it does with them at the end."""

    def __init__(self, manners, carry=None):
        self.manners = manners
        self.quay = asyncio.Queue()
        self.landed, self.refunded = [], []
        self.carry = carry or self.cross
        self.high_tide = asyncio.Event()
        self.closed = False

    async def run(self):
        async with asyncio.TaskGroup() as crossings:
            for _ in range(3):
                crossings.create_task(self.deck())

    async def deck(self):
        while not self.closed:
            car = await self.quay.get()
            try:
                await self.carry(car)
                self.landed.append(car)
            except asyncio.CancelledError:
                if self.manners == "puts back":
                    self.quay.put_nowait(car)
                elif self.manners == "refunds":
                    self.refunded.append(car)
                raise

    async def cross(self, car):
        await self.high_tide.wait()

    async def shutdown(self):
        self.closed = True
        if self.manners == "finishes":
            self.high_tide.set()
        else:
            tasks = [task for task in asyncio.all_tasks() if "deck" in repr(task)]
            for task in tasks:
                task.cancel()


async def on_board(ferry):
    for car in (6, 7, 8, 9):
        ferry.quay.put_nowait(car)
    await settle()


async def report_of(manners, **given):
    ferry = Ferry(manners)
    places = {
        "finished": ferry.landed,
        "put_back": ferry.quay,
        "cancelled": lambda: ferry.refunded,
    }
    async with running(ferry) as w:
        await on_board(ferry)
        return await w.shutdown(in_flight=[6, 7, 8], **places | given)


@pytest.mark.parametrize(
    ("manners", "kept_in"),
    [("finishes", "finished"), ("puts back", "put_back"), ("refunds", "cancelled")],
)
async def test_a_report_says_what_became_of_each(manners, kept_in):
    report = await report_of(manners)
    assert getattr(report, kept_in) == [6, 7, 8]
    told = [*report.finished, *report.put_back, *report.cancelled, *report.lost]
    assert len(told) == 3


async def test_a_job_that_is_lost_fails_the_test():
    with pytest.raises(AssertionError) as caught:
        await report_of("forgets")
    assert str(caught.value) == (
        "3 of 3 in-flight jobs lost: job 6, job 7, job 8 were neither finished nor put back"
    )


async def test_what_may_be_lost_is_in_the_report():
    report = await report_of("forgets", may_lose=True)
    assert report.lost == [6, 7, 8]


async def test_one_of_three_is_named():
    with pytest.raises(AssertionError) as caught:
        await report_of("forgets", finished=[6], put_back=lambda: (n for n in (8, 9)))
    assert str(caught.value) == (
        "1 of 3 in-flight jobs lost: job 7 was neither finished nor put back"
    )


@pytest.mark.parametrize("manners", ["finishes", "puts back", "forgets"])
async def test_a_probe_around_the_handler_knows_what_is_in_flight_and_what_ended(manners):
    probe = ConcurrencyProbe()
    ferry = Ferry(manners)
    ferry.carry = probe(ferry.cross)
    async with running(ferry) as w:
        await on_board(ferry)
        report = await w.shutdown(in_flight=probe, put_back=ferry.quay, may_lose=True)
    assert report.finished == ([6, 7, 8] if manners == "finishes" else [])
    assert report.put_back == ([6, 7, 8] if manners == "puts back" else [])
    assert report.lost == ([6, 7, 8] if manners == "forgets" else [])


async def test_a_key_says_which_jobs_are_the_same():
    ferry = Ferry("refunds")
    async with running(ferry) as w:
        await on_board(ferry)
        report = await w.shutdown(
            in_flight=[{"id": 1, "plate": "x"}],
            finished=[{"id": 1, "status": "landed"}],
            key=lambda job: job["id"],
        )
    assert report.finished == [{"id": 1, "plate": "x"}]


async def test_one_job_that_was_put_back_accounts_for_one_in_flight():
    async with running(Ferry("refunds")) as w:
        with pytest.raises(AssertionError, match=r"^1 of 2 in-flight jobs lost: job 'x' was"):
            await w.shutdown(in_flight=["x", "x"], finished=["x"])


@pytest.mark.parametrize("given", [{"in_flight": [1]}, {"finished": [1]}])
async def test_without_enough_to_tell_it_is_refused(given):
    async with running(Ferry("refunds")) as w:
        with pytest.raises(BadOption, match=r"^shutdown\(\) cannot tell"):
            await w.shutdown(**given)


async def test_shutdown_is_preferred_to_stop_and_without_jobs_reports_none():
    class Both(Ferry):
        async def stop(self):
            raise AssertionError("not this one")

    ferry = Both("finishes")
    async with running(ferry) as w:
        await on_board(ferry)
        report = await w.shutdown()
    assert report.lost == []

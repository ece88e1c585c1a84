"""Tasks of the future: look at them without running them, and then let the future come."""

from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.docket import Perpetual, Retry

pytestmark = pytest.mark.asyncio


@pytest.fixture
def reminders():
    """Who was reminded, and when."""
    return []


@pytest.fixture
def remind(reminders):
    """A task that reminds a reader of a book."""

    async def remind(reader_id, text="Please bring it back"):
        reminders.append((reader_id, datetime.now(UTC)))

    return remind


async def test_what_is_scheduled_can_be_looked_at_before_it_runs(docket, remind):
    docket.register(remind)
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    await docket.add(remind, when=in_an_hour, key="remind:17")(reader_id=17, text="Emma is due")

    snapshot = await docket.snapshot()
    assert len(snapshot.future) == 1
    assert len(snapshot.running) == 0
    assert snapshot.future[0].key == "remind:17"
    assert snapshot.future[0].function.__name__ == "remind"
    assert snapshot.future[0].when == in_an_hour
    assert snapshot.future[0].kwargs == {"reader_id": 17, "text": "Emma is due"}


async def test_a_key_that_says_what_the_task_is_for_finds_it_again(docket, remind):
    for reader_id in (17, 18):
        await docket.add(remind, key=f"remind:{reader_id}")(reader_id)
    execution = await docket.get_execution("remind:18")
    assert execution.args == (18,)
    assert await docket.get_execution("remind:19") is None


async def test_adding_again_under_one_key_makes_no_more_work(docket, worker, remind, reminders):
    docket.register(remind)
    key = "remind:17"
    await docket.add(remind, key=key)(reader_id=17)
    await docket.add(remind, key=key)(reader_id=17)
    await docket.add(remind, key=key)(reader_id=17)

    snapshot = await docket.snapshot()
    assert len(snapshot.future) == 1
    assert snapshot.future[0].key == key

    await worker.run_until_finished()
    assert len(reminders) == 1


async def test_a_task_of_the_future_waits_until_the_clock_is_moved(
    docket, worker, taskq_clock, remind, reminders
):
    docket.register(remind)
    now = datetime.now(UTC)
    due = now + timedelta(seconds=10)
    await docket.add(remind, when=due)(reader_id=17)

    await worker.run_until_finished()
    assert reminders == []

    taskq_clock.move_to(due + timedelta(seconds=1))
    await worker.run_until_finished()
    assert reminders == [(17, due + timedelta(seconds=1))]


async def test_unless_the_clock_is_held_the_run_does_not_wait_either(
    docket, worker, remind, reminders
):
    due = datetime.now(UTC) + timedelta(days=14)
    await docket.add(remind, when=due)(reader_id=17)
    await worker.run_until_finished()
    ((reader_id, at),) = reminders
    assert reader_id == 17
    assert due <= at < due + timedelta(minutes=1)


async def test_retries_and_intervals_follow_the_clock_as_well(docket, worker, taskq_clock):
    attempts, rounds = [], []

    async def fetch_catalogue(
        retry: Retry = Retry(attempts=3, delay=timedelta(minutes=5)),
    ):
        attempts.append(retry.attempt)
        raise ConnectionError

    async def look_around(
        perpetual: Perpetual = Perpetual(every=timedelta(hours=1)),
    ):
        rounds.append(datetime.now(UTC))

    await docket.add(fetch_catalogue)()
    await docket.add(look_around, key="look-around")()
    await worker.run_until_finished()
    assert (attempts, len(rounds)) == ([1], 1)

    for _ in range(12):
        taskq_clock.advance(minutes=5)
        await worker.run_until_finished()
    assert attempts == [1, 2, 3]
    assert rounds[1] - rounds[0] == timedelta(hours=1)

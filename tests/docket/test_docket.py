"""Docket: opening, registering, scheduling, looking; and which dockets share their tasks."""

from datetime import UTC, datetime, timedelta
from threading import Lock
from unittest.mock import AsyncMock

import pytest

from pytest_taskq.core.errors import BadOption, QueueClosed
from pytest_taskq.docket import (
    CurrentDocket,
    Disposition,
    Docket,
    ExecutionState,
    Retry,
    Worker,
)

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)


async def test_it_keeps_the_arguments_of_the_library_readable():
    docket = Docket()
    assert (docket.name, docket.url) == ("docket", "redis://localhost:6379/0")
    assert docket.heartbeat_interval == timedelta(seconds=2)
    assert docket.execution_ttl == timedelta(minutes=15)
    assert set(docket.tasks) == {"trace", "fail", "sleep"}


@pytest.mark.parametrize("url", ["redis://:secret@localhost/0", "unix://x", "memory"])
async def test_a_url_that_needs_a_server_is_refused_when_it_is_opened(url):
    with pytest.raises(BadOption, match="memory://tests") as refusal:
        await Docket(url=url).__aenter__()
    assert "secret" not in str(refusal.value)


async def test_it_is_open_inside_async_with_and_at_no_other_time(note):
    docket = Docket(name="tea", url="memory://tea")
    with pytest.raises(QueueClosed, match="'tea' is not open"):
        docket.add(note)
    async with docket:
        await docket.add(note)()
        with pytest.raises(RuntimeError, match="open already"):
            await docket.__aenter__()
    with pytest.raises(QueueClosed, match="not open"):
        await docket.snapshot()


async def test_it_can_be_opened_again_and_knows_its_tasks(note):
    docket = Docket(url="memory://again")
    docket.register(note)
    async with docket:
        pass
    async with docket:
        await docket.add("note")()
        assert (await docket.snapshot()).total_tasks == 1


async def test_one_on_a_queue_stays_open_after_async_with(docket, note):
    async with docket as same:
        assert same is docket
    await docket.add(note)()


async def test_dockets_of_one_url_and_name_share_their_tasks_even_one_after_the_other(note):
    async with Docket("tea", "memory://shared") as first, Docket("tea", "memory://shared") as other:
        await first.add(note, key="k")()
        other.register(note)
        assert (await other.snapshot()).future[0].key == "k"
    async with Docket("tea", "memory://shared") as later:
        assert await later.get_execution("k") is not None


@pytest.mark.parametrize(("name", "url"), [("coffee", "memory://one"), ("tea", "memory://one/2")])
async def test_another_name_or_url_is_another_world(note, name, url):
    async with Docket("tea", "memory://one") as first, Docket(name, url) as other:
        await first.add(note)()
        assert (await other.snapshot()).total_tasks == 0


async def test_add_registers_a_function_and_refuses_an_unknown_name(docket, note):
    await docket.add(note)()
    assert docket.tasks["note"] is note
    with pytest.raises(KeyError, match="The nearest is 'note'"):
        docket.add("notes")


async def test_a_task_may_have_other_names(docket, worker, note, seen):
    docket.register(note, names=["jot", "scribble"])
    await docket.add("jot")(1)
    await docket.add("scribble")(2)
    await worker.run_until_finished()
    assert seen == [((1,), {}), ((2,), {})]


async def test_a_mock_with_a_name_is_a_task(docket, worker):
    mock = AsyncMock(return_value=None)
    mock.__name__ = "mock"
    await docket.add(mock)(1, two=2)
    await worker.run_until_finished()
    mock.assert_awaited_once_with(1, two=2)


async def test_two_dependencies_of_a_kind_are_refused_at_registration(docket):
    async def torn(one: Retry = Retry(), two: Retry = Retry()):
        pass

    with pytest.raises(ValueError, match=r"Only one Retry .* belong to torn"):
        docket.register(torn)


async def test_a_scheduled_execution_tells_what_was_scheduled(docket, note):
    now = docket.queue.clock.time()
    execution = await docket.add(note, when=now + HOUR, key="k")(1, two=2)
    assert execution.disposition is Disposition.SCHEDULED
    assert (execution.key, execution.when, execution.attempt) == ("k", now + HOUR, 1)
    assert (execution.function, execution.args, execution.kwargs) == (note, (1,), {"two": 2})
    assert execution.state is ExecutionState.SCHEDULED
    assert (await docket.add(note)()).state is ExecutionState.QUEUED


async def test_a_time_without_a_zone_is_refused_and_nothing_is_stored(docket, note):
    naive = datetime(2030, 1, 1)
    for verb in (docket.add, docket.replace):
        with pytest.raises(TypeError, match="time zone"):
            verb(note, naive, "k")
    assert (await docket.snapshot()).total_tasks == 0


async def test_an_argument_that_cannot_be_pickled_is_refused(docket, note):
    with pytest.raises(TypeError, match="pickle"):
        await docket.add(note)(cup={"maker": Lock()})
    assert (await docket.snapshot()).total_tasks == 0


async def test_a_task_gets_copies_of_its_arguments(docket, worker, note, seen):
    cups = ["blue"]
    await docket.add(note)(cups)
    cups.append("broken")
    await worker.run_until_finished()
    assert seen == [((["blue"],), {})]


async def test_clear_cancels_all_that_waits_and_counts_it(docket, worker, note, seen, states):
    await docket.add(note, key="now")()
    await docket.add(note, when=docket.queue.clock.time() + HOUR)()
    assert await docket.clear() == 2
    assert await docket.clear() == 0
    await worker.run_until_finished()
    assert seen == []
    assert await states("now") == [ExecutionState.CANCELLED]


async def test_a_snapshot_has_what_is_due_and_then_what_is_parked(docket, note):
    now = docket.queue.clock.time()
    for hours, key in ((2, "c"), (1, "b"), (0, "a")):
        await docket.add(note, when=now + hours * HOUR, key=key)(hours)
    snapshot = await docket.snapshot()
    assert [task.key for task in snapshot.future] == ["a", "b", "c"]
    assert [task.state.value for task in snapshot.future] == ["queued", "scheduled", "scheduled"]
    assert (snapshot.total_tasks, snapshot.running, snapshot.workers) == (3, [], [])
    assert snapshot.taken >= now


async def test_a_snapshot_shows_who_runs_what(docket, note):
    snapshots = []

    async def brew(docket: Docket = CurrentDocket()):
        snapshots.append(await docket.snapshot())

    docket.register(note)
    await docket.add(brew, key="k")()
    await Worker(docket, name="kettle").run_until_finished()
    (snapshot,) = snapshots
    (running,) = snapshot.running
    assert (running.key, running.worker, running.state) == ("k", "kettle", ExecutionState.RUNNING)
    assert running.started <= snapshot.taken
    (kettle,) = snapshot.workers
    assert kettle.name == "kettle"
    assert {"note", "brew"} <= kettle.tasks
    assert (await docket.snapshot()).workers == []


async def test_a_snapshot_of_a_task_nobody_registered_is_refused(tea_shop, stranger, note):
    await tea_shop.add(note, key="k")(1)
    with pytest.raises(ValueError, match="'note', which is not registered"):
        await stranger.snapshot()
    execution = await stranger.get_execution("k")
    assert (execution.function_name, execution.args) == ("note", (1,))
    with pytest.raises(KeyError):
        await execution.function()


async def test_a_docket_without_a_clock_of_ours_lives_in_real_time(note):
    async with Docket("tea", "memory://real") as docket:
        before = datetime.now(UTC)
        assert before <= (await docket.snapshot()).taken <= datetime.now(UTC)

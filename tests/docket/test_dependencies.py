"""What else a task may ask for: its surroundings, a time limit, and values made for it."""

import asyncio
import logging
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.docket import (
    CurrentDocket,
    CurrentExecution,
    CurrentWorker,
    Depends,
    Docket,
    Execution,
    ExecutionState,
    Retry,
    Shared,
    TaskKey,
    TaskLogger,
    Timeout,
    Worker,
)

pytestmark = pytest.mark.asyncio

MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def run(docket, worker):
    """Run one task to its end, and give its result."""

    async def run(task, *args, **kwargs):
        execution = await docket.add(task, key="k")(*args, **kwargs)
        await worker.run_until_finished()
        return await execution.get_result()

    return run


async def test_a_task_knows_where_it_is(run, docket, worker):
    seen = {}

    async def look(
        one,
        docket: Docket = CurrentDocket(),
        worker: Worker = CurrentWorker(),
        execution: Execution = CurrentExecution(),
        key: str = TaskKey(),
    ):
        seen.update(docket=docket, worker=worker, execution=execution, key=key)

    await run(look, 1)
    execution = seen.pop("execution")
    assert seen == {"docket": docket, "worker": worker, "key": "k"}
    assert (execution.key, execution.function, execution.args) == ("k", look, (1,))
    assert (execution.state, execution.worker) == (ExecutionState.RUNNING, worker.name)


async def test_its_logger_has_its_name_and_tells_where_it_is(run, docket, caplog):
    caplog.set_level(logging.INFO, "docket.task")

    async def look(log: logging.LoggerAdapter = TaskLogger()):
        log.info("nothing to see")

    await run(look)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("docket.task.look", "nothing to see")
    assert vars(record)["docket.key"] == "k"
    assert vars(record)["docket.attempt"] == 1


@pytest.mark.parametrize(("args", "kwargs"), [((1, "given"), {}), ((1,), {"value": "given"})])
async def test_an_argument_of_the_caller_takes_the_place_of_a_dependency(run, args, kwargs):
    def never():
        raise AssertionError

    async def look(one, value=Depends(never)):
        return value

    assert await run(look, *args, **kwargs) == "given"


async def test_values_are_made_by_functions_of_all_kinds_and_closed_in_reverse(run):
    seen = []

    async def kettle():
        seen.append("kettle")
        return "kettle"

    @asynccontextmanager
    async def water(kettle=Depends(kettle)):
        seen.append("water")
        yield f"water in {kettle}"
        seen.append("no water")

    @contextmanager
    def fire(key: str = TaskKey()):
        seen.append("fire")
        yield f"fire {key}"
        seen.append("no fire")

    async def brew(
        a=Depends(kettle),
        b=Depends(water),
        c=Depends(fire),
        d=Depends(lambda: "cup"),
    ):
        seen.append("brew")
        return [a, b, c, d]

    assert await run(brew) == ["kettle", "water in kettle", "fire k", "cup"]
    assert seen == ["kettle", "water", "fire", "brew", "no fire", "no water"]


async def test_each_attempt_gets_values_of_its_own(run):
    made = []

    def cup():
        made.append("cup")
        return len(made)

    async def brew(
        cup: int = Depends(cup),
        retry: Retry = Retry(attempts=2),
    ):
        assert cup == retry.attempt
        if retry.attempt == 1:
            raise ValueError

    await run(brew)
    assert made == ["cup", "cup"]


async def test_a_value_that_cannot_be_made_fails_the_task_and_its_body_never_runs(run):
    bodies, attempts = [], []

    def broken():
        attempts.append(1)
        raise LookupError("no kettle")

    async def brew(
        kettle=Depends(broken),
        retry: Retry = Retry(attempts=2),
    ):
        bodies.append(1)

    with pytest.raises(
        ExceptionGroup, match=r"Failed to resolve dependencies for parameter\(s\): kettle"
    ) as raised:
        await run(brew)
    assert [str(error) for error in raised.value.exceptions] == ["no kettle"]
    assert (len(attempts), bodies) == (2, [])


async def test_an_error_while_closing_fails_the_task(run):
    @contextmanager
    def kettle():
        yield
        raise OSError("the kettle boils over")

    async def brew(kettle=Depends(kettle)):
        return "tea"

    with pytest.raises(OSError, match="boils over"):
        await run(brew)


async def test_a_context_manager_sees_the_error_of_the_task(run):
    seen = []

    @asynccontextmanager
    async def kettle():
        try:
            yield
        except ValueError as error:
            seen.append(str(error))
            raise

    async def brew(kettle=Depends(kettle)):
        raise ValueError("spilled")

    with pytest.raises(ValueError, match="spilled"):
        await run(brew)
    assert seen == ["spilled"]


async def test_an_attempt_that_takes_too_long_is_stopped_and_tried_again(run):
    attempts = []

    async def brew(
        retry: Retry = Retry(attempts=2),
        limit: Timeout = Timeout(MOMENT),
    ):
        attempts.append(retry.attempt)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match="brew took longer than"):
        await run(brew)
    assert attempts == [1, 2]


async def test_an_attempt_may_ask_for_more_time(run):
    left = []

    async def brew(limit: Timeout = Timeout(timedelta(minutes=1))):
        left.append(limit.remaining())
        limit.extend()
        left.append(limit.remaining())
        limit.extend(timedelta(hours=1))
        left.append(limit.remaining())
        assert not limit.expired()

    await run(brew)
    assert [round(one.total_seconds() / 60) for one in left] == [1, 2, 62]


async def test_a_time_out_of_the_tasks_own_is_left_as_it_is(run):
    async def brew(limit: Timeout = Timeout(timedelta(minutes=1))):
        raise TimeoutError("the water is cold")

    with pytest.raises(TimeoutError, match="the water is cold"):
        await run(brew)


async def test_called_directly_a_time_limit_limits_nothing():
    limit = Timeout(MOMENT)
    limit.extend(MOMENT)
    assert (limit.remaining(), limit.expired()) == (2 * MOMENT, False)


@pytest.mark.parametrize("entered", [False, True])
async def test_shared_values_are_told_how_the_run_of_their_worker_ended(docket, entered):
    ended = []

    @asynccontextmanager
    async def books():
        try:
            yield "books"
        except NotFinished:
            ended.append("rolled back")
            raise
        ended.append("committed")

    async def again(_books: str = Shared(books)):
        await docket.add(again)()

    await docket.add(again)()
    worker = Worker(docket)
    with pytest.raises(NotFinished):
        async with worker if entered else nullcontext():
            await worker.run_until_finished()
    assert ended == ["rolled back"]

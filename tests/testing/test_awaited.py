"""One name in sync and async tests: done at once in the one, awaited in the other."""

import asyncio
import contextvars
import re

import pytest

from pytest_taskq import job
from pytest_taskq.testing.awaited import Awaited, NotAwaited, Unawaited

TENANT = contextvars.ContextVar("tenant", default="nobody")


class Value(Awaited):
    """Hands out what it got."""

    @property
    def value(self):
        return self._get()


@pytest.fixture
def unawaited():
    calls = Unawaited()
    yield calls
    calls.close()


@pytest.fixture
def call(unawaited):
    """Make a call that gives, or raises, what it is given."""

    def call(result=7):
        runs = []

        async def finish():
            await asyncio.sleep(0)
            runs.append(1)
            if isinstance(result, BaseException):
                raise result
            return result

        made = Value("taskq.call()", finish, unawaited)
        made.runs = runs
        return made

    return call


def test_a_sync_test_has_it_at_once(call, unawaited):
    assert call().value == 7
    assert unawaited.calls == []


def test_what_it_raises_is_raised_by_the_call(call):
    with pytest.raises(KeyError):
        call(KeyError("x"))


@pytest.mark.asyncio
async def test_an_async_test_awaits_it(call, unawaited):
    made = call()
    assert made.runs == []
    assert (await made).value == 7
    assert unawaited.calls == []


@pytest.mark.asyncio
async def test_what_was_not_awaited_is_known_and_tells_where_it_stands(call, unawaited):
    first, second = call(), call()
    await second
    assert unawaited.calls == [first]
    with pytest.raises(NotAwaited) as caught:
        first.value  # noqa: B018 - it is a property
    assert re.fullmatch(
        r"taskq\.call\(\) was not awaited \(test_awaited\.py:\d+\)\. In an async test it does "
        r"nothing before that\. Write `await taskq\.call\(\)`\.",
        str(caught.value),
    )


@pytest.mark.asyncio
async def test_awaiting_twice_does_it_once(call):
    made = call()
    await made
    await made
    assert (made.value, made.runs) == (7, [1])


@pytest.mark.asyncio
async def test_two_tasks_may_await_the_same(call):
    made = call()
    first, second = await asyncio.gather(made, made)
    assert (first.value, second.value, made.runs) == (7, 7, [1])


@pytest.mark.asyncio
async def test_an_error_is_raised_again_and_not_taken_for_forgetfulness(call):
    made = call(KeyError("x"))
    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            await made
        assert len(caught.traceback) < 6
    with pytest.raises(KeyError):
        made.value  # noqa: B018 - it is a property


def test_all_calls_of_a_sync_test_share_a_loop(taskq, docket):
    async def which():
        loops.append(asyncio.get_running_loop())

    loops = []
    docket.register(which)
    for _ in range(2):
        taskq.enqueue(job(which))
        taskq.drain()
    assert loops[0] is loops[1]


def test_a_task_sees_the_context_of_the_call_that_runs_it(taskq, docket):
    async def who():
        return TENANT.get()

    docket.register(who)
    taskq.enqueue(job(who))
    taskq.enqueue(job(who))
    assert taskq.step()[0].result == "nobody"
    token = TENANT.set("ann")
    assert taskq.step()[0].result == "ann"
    TENANT.reset(token)

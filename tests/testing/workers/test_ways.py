"""How a worker is started and stopped: by the usual names, by those it is told, or cancelled."""

import asyncio

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.workers import running

pytestmark = pytest.mark.asyncio


class Names:
    """Keeps its tasks; which of its methods were called is in ``called``."""

    def __init__(self):
        self.called = []
        self.over = asyncio.Event()


@pytest.mark.parametrize("start", ["run", "start", "serve", "main", "begin"])
@pytest.mark.parametrize("stop", ["stop", "shutdown", "close", "aclose", "end"])
async def test_the_usual_names_are_found_and_others_can_be_named(start, stop):
    async def begin(self):
        self.called.append(start)
        if start == "start":
            self.task = asyncio.create_task(self.over.wait())
        else:
            await self.over.wait()

    def end(self):
        self.called.append(stop)
        self.over.set()

    worker = type("Worker", (Names,), {start: begin, stop: end})()
    named = {"start": "begin"} if start == "begin" else {}
    named |= {"stop": "end"} if stop == "end" else {}
    async with running(worker, **named):
        assert worker.called == [start]
    assert worker.called == [start, stop]


async def test_functions_may_start_and_stop_it():
    worker = Names()
    async with running(worker, start=worker.over.wait, stop=worker.over.set) as w:
        assert not w.task.done()
    assert w.task.result() is True


async def test_a_coroutine_and_a_function_are_workers_too():
    queue, seen = asyncio.Queue(), []

    async def consume():
        while True:
            seen.append(await queue.get())

    for consumer in (consume(), consume):
        async with running(consumer) as w:
            queue.put_nowait(1)
            await asyncio.sleep(0.001)
        assert w.task.cancelled()
    assert seen == [1, 1]


async def test_a_consumer_that_is_told_to_end_may_do_so():
    queue = asyncio.Queue()

    async def consume():
        while await queue.get() is not None:
            pass
        return "empty"

    async with running(consume()) as w:
        queue.put_nowait(None)
        assert await w.ended() == "empty"


@pytest.mark.parametrize(
    ("worker", "given", "message"),
    [
        (Names, {}, r"It was given the class Names\. Make one: running\(Names"),
        (object(), {}, "no way to start .* none of the methods run, start, serve"),
        (None, {"stop": "end", "start": print}, r"was to use end\(\) .* no such method"),
    ],
)
async def test_what_cannot_be_run_is_refused(worker, given, message):
    with pytest.raises(BadOption, match=message):
        running(worker, **given)


@pytest.mark.parametrize("ready", [True, False, "ready"])
async def test_what_says_when_it_is_ready_can_be_asked(ready):
    with pytest.raises(BadOption) as caught:
        running(asyncio.sleep, until=ready)
    assert str(caught.value) == (
        f"running() asks again and again whether the worker is ready. until= is {ready!r}, which "
        "never changes. Give it a function or an asyncio.Event: until=lambda: pool.ready."
    )

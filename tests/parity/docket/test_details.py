"""What is easily overlooked, and said alike by both libraries."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated

import pytest

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)
TINY = timedelta(milliseconds=10)


async def test_calls_show_what_may_be_seen_of_their_arguments(agree):
    async def story(on):
        async def brew(tea, cups: Annotated[int, on.lib.Logged], milk=None): ...

        execution = await on.docket.add(brew, key="k")("assam", 2, milk="oat")
        return execution.call_repr(), execution.get_argument("cups")

    assert await agree(story) == ("brew(..., 2, milk=...){k}", 2)


async def test_an_ended_execution_tells_who_ran_it(agree):
    async def story(on):
        async def brew():
            return 5

        await on.docket.add(brew, key="k")()
        await on.run()
        found = await on.docket.get_execution("k")
        return found.worker, found.result_key is not None, found.disposition.value

    assert await agree(story) == ("w", True, "loaded")


async def test_a_task_that_waits_for_its_retry_says_which_attempt_comes(agree):
    async def story(on):
        async def fail(retry=on.lib.Retry(attempts=2, delay=HOUR)):
            raise ValueError("spilled")

        execution = await on.docket.add(fail)()
        running = asyncio.ensure_future(on.run())
        await asyncio.sleep(0.2)
        await execution.sync()
        told = execution.state.value, execution.worker, execution.error
        attempts = [one.attempt for one in (await on.docket.snapshot()).future]
        running.cancel()
        await asyncio.wait({running})
        return told, attempts

    assert await agree(story) == (("scheduled", None, None), [2])


async def test_a_task_that_raises_a_cancellation_is_cancelled(agree):
    async def story(on):
        async def stop():
            raise asyncio.CancelledError

        execution = await on.docket.add(stop)()
        await on.run()
        await execution.sync()
        return execution.state.value

    assert await agree(story) == "cancelled"


async def test_a_task_that_cancels_itself_is_cancelled(agree):
    async def story(on):
        async def stop():
            asyncio.current_task().cancel()
            await asyncio.sleep(0.01)

        execution = await on.docket.add(stop)()
        await on.run()
        await execution.sync()
        return execution.state.value

    assert await agree(story) == "cancelled"


async def test_a_runtime_of_the_users_own_calls_the_task(agree):
    async def story(on):
        class Twice(on.lib.dependencies.Runtime):
            async def __aenter__(self):
                return self

            async def run(self, execution, function, args, kwargs):
                on.seen.append((execution.key, function.__name__, args, sorted(kwargs)))
                await function(*args, **kwargs)
                return await function(*args, **kwargs)

        async def count(n, twice=Twice()):
            on.seen.append(n)
            return n

        execution = await on.docket.add(count, key="k")(1)
        await on.run()
        return on.seen, await execution.get_result()

    assert await agree(story) == ([("k", "count", (1,), ["twice"]), 1, 1], 1)


async def test_handlers_of_the_users_own_hear_of_the_end(agree):
    async def story(on):
        class Ends(on.lib.dependencies.CompletionHandler):
            async def __aenter__(self):
                return self

            async def on_complete(self, execution, outcome):
                on.seen.append((outcome.result, type(outcome.exception).__name__))
                return False

        async def work(n, ends=Ends()):
            if n == 2:
                raise ValueError("two")
            return n

        for n in (1, 2):
            await on.docket.add(work)(n)
            await on.run()
        return on.seen

    assert await agree(story) == [(1, "NoneType"), (None, "ValueError")]


async def test_what_is_shared_is_closed_with_the_worker(agree):
    async def story(on):
        @asynccontextmanager
        async def kettle():
            on.seen.append("on")
            yield "kettle"
            on.seen.append("off")

        async def brew(kettle=on.lib.Shared(kettle)):
            on.seen.append(kettle)

        async with on.lib.Worker(on.docket, minimum_check_interval=TINY) as worker:
            await on.docket.add(brew)()
            await worker.run_until_finished()
            on.seen.append("still entered")
        return on.seen

    assert await agree(story) == ["on", "kettle", "still entered", "off"]


async def test_dependencies_of_a_worker_surround_its_tasks(agree):
    async def story(on):
        @asynccontextmanager
        async def around():
            on.seen.append("in")
            yield
            on.seen.append("out")

        async def work():
            on.seen.append("task")

        async with on.lib.Worker(
            on.docket,
            dependencies={"around": on.lib.Depends(around)},
            minimum_check_interval=TINY,
        ) as worker:
            await on.docket.add(work)()
            await worker.run_until_finished()
        return on.seen

    assert await agree(story) == ["in", "task", "out"]


async def test_a_worker_that_is_cancelled_leaves_the_future_alone(agree):
    async def story(on):
        await on.docket.add(on.note, when=on.far(), key="k")()
        await asyncio.wait_for(on.run(), 0.2)
        return await on.waiting()

    assert await agree(story) == ["k"]


async def test_what_a_limited_run_has_spent_is_not_scheduled_again(agree):
    async def story(on):
        async def again(docket=on.lib.CurrentDocket()):
            await asyncio.sleep(0.05)
            on.seen.append((await docket.add(on.note, key="k")()).disposition.value)

        await on.docket.add(on.note, key="k")()
        await on.docket.add(again)()
        await on.worker.run_at_most({"k": 1})
        return on.seen[1:]

    assert await agree(story) == ["struck"]


async def test_progress_that_cannot_be_is_refused(agree):
    async def story(on):
        progress = (await on.docket.add(on.note)()).progress
        for change in (progress.set_total(0), progress.increment(0)):
            try:
                await change
            except ValueError:
                on.seen.append("refused")
        return on.seen

    assert await agree(story) == ["refused"] * 2

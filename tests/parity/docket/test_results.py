"""Results, failures and progress: what both libraries say of them."""

import asyncio
from datetime import timedelta

import pytest

pytestmark = pytest.mark.asyncio

TINY = timedelta(milliseconds=10)


async def test_a_result_can_be_waited_for(agree):
    async def story(on):
        async def double(n):
            return {"twice": n * 2}

        execution = await on.docket.add(double)(21)
        await on.run()
        return await execution.get_result()

    assert await agree(story) == {"twice": 42}


async def test_a_failure_is_raised_again(agree):
    async def story(on):
        async def fail():
            raise LookupError("no tea")

        execution = await on.docket.add(fail)()
        await on.run()
        try:
            await execution.get_result()
        except LookupError as error:
            return str(error)

    assert await agree(story) == "no tea"


async def test_a_cancelled_task_has_no_result(agree):
    async def story(on):
        execution = await on.docket.add(on.note, when=on.far(), key="k")()
        await on.docket.cancel("k")
        await execution.sync()
        try:
            await execution.get_result()
        except on.lib.ExecutionCancelled:
            return "cancelled"

    assert await agree(story) == "cancelled"


async def test_waiting_for_a_result_has_a_limit(agree):
    async def story(on):
        execution = await on.docket.add(on.note, when=on.far())()
        try:
            await execution.get_result(timeout=TINY)
        except TimeoutError:
            return "late"

    assert await agree(story) == "late"


async def test_two_limits_are_refused(agree):
    async def story(on):
        execution = await on.docket.add(on.note)()
        try:
            await execution.get_result(timeout=TINY, deadline=on.far())
        except ValueError:
            return "refused"

    assert await agree(story) == "refused"


async def test_a_record_may_be_kept_for_no_time(agree):
    async def story(on):
        execution = await on.docket.add(on.note, key="k")()
        await on.run()
        await execution.sync()
        return await on.docket.get_execution("k"), execution.state.value

    assert await agree(story, execution_ttl=timedelta(0)) == (None, "scheduled")


async def test_a_task_that_is_not_async_fails(agree):
    async def story(on):
        def sync():
            on.seen.append("ran")

        execution = await on.docket.add(sync)()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, execution.error.partition(":")[0]

    assert await agree(story) == (["ran"], "failed", "TypeError")


async def test_arguments_that_do_not_fit_fail_the_task(agree):
    async def story(on):
        async def one(cup):
            on.seen.append(cup)

        execution = await on.docket.add(one)(1, 2)
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, execution.error.partition(":")[0]

    assert await agree(story) == ([], "failed", "TypeError")


async def test_a_time_out_fails_the_task_and_retries_it(agree):
    async def story(on):
        async def wait(limit=on.lib.Timeout(TINY), retry=on.lib.Retry(attempts=2)):
            on.seen.append(limit.remaining() <= TINY)
            await asyncio.sleep(60)

        execution = await on.docket.add(wait)()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, execution.error.partition(":")[0]

    assert await agree(story) == ([True, True], "failed", "TimeoutError")


async def test_what_a_task_tells_of_its_progress_goes_with_it(agree):
    async def story(on):
        async def copy(progress=on.lib.Progress(), execution=on.lib.CurrentExecution()):
            on.seen.append((progress.current, progress.total))
            await progress.set_total(5)
            await progress.increment(2)
            await progress.set_message("copying")
            await execution.progress.sync()
            told = execution.progress
            on.seen.append((told.current, told.total, told.message))

        execution = await on.docket.add(copy)()
        await on.run()
        await execution.sync()
        told = execution.progress
        return on.seen[1:], (told.current, told.total, told.message)

    assert await agree(story) == ([(2, 5, "copying")], (None, 100, None))


async def test_subscribers_hear_of_each_state(agree):
    async def story(on):
        execution = await on.docket.add(on.note)()
        events = execution.subscribe()
        first = [await anext(events) for _ in range(2)]
        await on.run()
        last = await anext(events)
        await events.aclose()
        return [event["type"] for event in first], first[0]["state"].value, last["state"].value

    assert await agree(story) == (["state", "progress"], "queued", "completed")


async def test_an_error_is_told_by_the_own_name_of_its_class(agree):
    class Till:
        class Empty(Exception): ...

    async def story(on):
        async def pay():
            raise Till.Empty("no coins")

        execution = await on.docket.add(pay)()
        await on.run()
        await execution.sync()
        return execution.error

    assert await agree(story) == "Empty: no coins"

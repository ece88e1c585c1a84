"""Retries and perpetual tasks: what both libraries say of them."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

pytestmark = pytest.mark.asyncio

TINY = timedelta(milliseconds=10)


async def test_a_failing_task_is_tried_so_many_times_in_all(agree):
    async def story(on):
        async def fail(retry=on.lib.Retry(attempts=3)):
            on.seen.append(retry.attempt)
            raise ValueError("spilled")

        execution = await on.docket.add(fail)()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, execution.error

    assert await agree(story) == ([1, 2, 3], "failed", "ValueError: spilled")


async def test_an_attempt_that_succeeds_is_the_last(agree):
    async def story(on):
        async def fail(retry=on.lib.Retry(attempts=5)):
            on.seen.append(retry.attempt)
            if retry.attempt < 2:
                raise ValueError("spilled")

        execution = await on.docket.add(fail)()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, execution.error

    assert await agree(story) == ([1, 2], "completed", None)


async def test_a_task_gets_copies_of_its_arguments(agree):
    async def story(on):
        class Cup:
            full = True

        async def drink(cup, names, retry=on.lib.Retry(attempts=2, delay=TINY)):
            on.seen.append((cup.full, names))
            raise ValueError("spilled")

        cup, names = Cup(), ["yours"]
        await on.docket.add(drink)(cup, names)
        cup.full = False
        names.append("mine")
        await on.run()
        return on.seen

    assert await agree(story) == [(True, ["yours"])] * 2


async def test_an_exponential_delay_doubles_up_to_its_maximum(agree):
    async def story(on):
        retry = on.lib.ExponentialRetry(attempts=4, minimum_delay=TINY, maximum_delay=3 * TINY)

        async def fail(retry=retry):
            on.seen.append(round(retry.delay / TINY))
            raise ValueError("spilled")

        await on.docket.add(fail)()
        await on.run()
        return on.seen

    assert await agree(story) == [1, 2, 3, 3]


async def test_a_task_may_say_itself_when_it_is_tried_again(agree):
    async def story(on):
        async def fail(retry=on.lib.Retry(attempts=3)):
            on.seen.append(retry.attempt)
            if retry.attempt == 1:
                retry.after(TINY)
            if retry.attempt == 2:
                retry.at(on.soon(-1000))

        await on.docket.add(fail)()
        await on.run()
        return on.seen

    assert await agree(story) == [1, 2, 3]


async def test_a_perpetual_task_follows_itself(agree):
    async def story(on):
        async def look(room, perpetual=on.lib.Perpetual(every=TINY)):
            on.seen.append(room)

        await on.docket.add(look, key="k")("cellar")
        await on.worker.run_at_most({"k": 3})
        return on.seen, await on.state("k"), await on.waiting()

    assert await agree(story) == (["cellar"] * 3, "completed", [])


async def test_a_perpetual_task_goes_on_after_a_failure(agree):
    async def story(on):
        async def look(perpetual=on.lib.Perpetual(every=TINY)):
            on.seen.append(1)
            raise ValueError("dark")

        await on.docket.add(look, key="k")()
        await on.worker.run_at_most({"k": 3})
        return on.seen, await on.state("k")

    assert await agree(story) == ([1, 1, 1], "failed")


async def test_a_perpetual_task_changes_its_arguments_and_stops(agree):
    async def story(on):
        async def count(n, perpetual=on.lib.Perpetual()):
            on.seen.append(n)
            perpetual.perpetuate(n + 1)
            if n == 3:
                perpetual.cancel()

        await on.docket.add(count, key="k")(1)
        await on.run()
        return on.seen, await on.waiting()

    assert await agree(story) == ([1, 2, 3], [])


async def test_retries_come_before_the_next_cycle(agree):
    async def story(on):
        async def look(retry=on.lib.Retry(attempts=2), perpetual=on.lib.Perpetual(every=TINY)):
            on.seen.append(retry.attempt)
            raise ValueError("dark")

        await on.docket.add(look, key="k")()
        await on.worker.run_at_most({"k": 4})
        return on.seen

    assert await agree(story) == [1, 2, 1, 2]


async def test_an_automatic_task_starts_with_the_worker_under_its_name(agree):
    async def story(on):
        async def look(perpetual=on.lib.Perpetual(every=TINY, automatic=True)):
            on.seen.append(1)

        on.docket.register(look)
        await on.worker.run_at_most({"look": 2})
        return on.seen

    assert await agree(story) == [1, 1]


async def test_a_chain_that_adds_its_own_key_runs_once(agree):
    async def story(on):
        async def chain(n, docket=on.lib.CurrentDocket(), key=on.lib.TaskKey()):
            on.seen.append(n)
            await docket.add(chain, key=key)(n + 1)

        await on.docket.add(chain, key="k")(1)
        await on.worker.run_at_most({"k": 3})
        return on.seen

    assert await agree(story) == [1]


async def test_a_replace_from_inside_wins_over_the_next_cycle(agree):
    async def story(on):
        async def look(n, docket=on.lib.CurrentDocket(), perpetual=on.lib.Perpetual(every=TINY)):
            on.seen.append(n)
            if n == 1:
                await docket.replace(look, on.soon(0), "k")(7)
            else:
                perpetual.cancel()

        await on.docket.add(look, key="k")(1)
        await on.run()
        return on.seen, await on.waiting()

    assert await agree(story) == ([1, 7], [])


async def test_a_task_that_is_struck_while_it_runs_does_not_follow_itself(agree):
    async def story(on):
        async def beat(docket=on.lib.CurrentDocket(), again=on.lib.Perpetual(every=TINY)):
            on.seen.append("beat")
            await docket.strike(beat)

        execution = await on.docket.add(beat, key="beat")()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, len((await on.docket.snapshot()).future)

    assert await agree(story) == (["beat"], "completed", 0)


async def test_a_task_that_is_stopped_by_its_timeout_has_failed(agree):
    async def story(on):
        async def stubborn(limit=on.lib.Timeout(TINY)):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                on.seen.append("told")
            return "done"

        async def angry(limit=on.lib.Timeout(TINY)):
            try:
                await asyncio.Event().wait()
            finally:
                raise ValueError("angry")

        async def asking(limit=on.lib.Timeout(TINY)):
            try:
                await asyncio.Event().wait()
            finally:
                limit.extend()
                raise TimeoutError("no answer")

        ended = []
        for task in (stubborn, angry, asking):
            execution = await on.docket.add(task)()
            await on.run()
            await execution.sync()
            ended.append((execution.state.value, execution.error.partition(":")[0]))
        return on.seen, ended, execution.error

    assert await agree(story) == (
        ["told"],
        [("failed", "TimeoutError"), ("failed", "ValueError"), ("failed", "TimeoutError")],
        "TimeoutError: no answer",
    )


async def test_a_dependency_that_keeps_an_exception_to_itself_ends_the_retries(agree):
    async def story(on):
        @asynccontextmanager
        async def calm():
            with suppress(ValueError):
                yield

        async def fail(calm=on.lib.Depends(calm), retry=on.lib.Retry(attempts=3)):
            on.seen.append(retry.attempt)
            raise ValueError("spilled")

        execution = await on.docket.add(fail)()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value

    assert await agree(story) == ([1], "failed")

"""An async test fails for what it leaves running, loses or blocks, if the project asks for it."""

import pytest

LEAVES = """
    import asyncio
    import pytest

    pytestmark = pytest.mark.asyncio
    kept = []

    async def consume():
        await asyncio.Event().wait()

    async def dies():
        raise KeyError("id")

    async def test_leaves_a_task():
        kept.append(asyncio.create_task(consume()))
        await asyncio.sleep(0)

    async def test_loses_an_exception(docket):
        kept.append(asyncio.create_task(dies()))
        await asyncio.sleep(0)

    async def test_fails_already():
        kept.append(asyncio.create_task(dies()))
        await asyncio.sleep(0)
        assert False

    @pytest.mark.taskq_strict(False)
    async def test_may_do_so():
        kept.append(asyncio.create_task(consume()))
        await asyncio.sleep(0)

    async def test_leaves_a_worker_of_a_queue(docket, worker):
        kept.append(asyncio.create_task(worker.run_forever()))
        await asyncio.sleep(0)

    async def test_leaves_nothing():
        await asyncio.create_task(asyncio.sleep(0))
"""


@pytest.mark.slow
def test_a_strict_project_hears_of_tasks_and_exceptions(run):
    result = run(LEAVES, ini="taskq_strict = errors, tasks, exceptions\n")
    result.assert_outcomes(passed=3, failed=3)
    result.stdout.fnmatch_lines(
        [
            "test left 1 task running: Task-* consume() waiting at test_*.py:8, created at *.py:14",
            "background task dies() died: KeyError('id')",
            "Traceback (most recent call last):",
            "KeyError: 'id'",
            "E       assert False",
            "E       background task dies() died: KeyError('id')",
        ]
    )


@pytest.mark.slow
def test_others_hear_nothing(run):
    result = run(LEAVES)
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.no_fnmatch_line("*left 1 task*")


BLOCKS = """
    import asyncio
    import time
    import pytest

    @pytest.mark.asyncio
    @pytest.mark.taskq_noblock(0.1)
    async def test_blocks():
        handler()

    def handler():
        time.sleep(0.3)

    @pytest.mark.asyncio
    @pytest.mark.taskq_noblock(seconds=0.2)
    @pytest.mark.taskq_time(mode="auto")
    async def test_waits():
        await asyncio.sleep(3600)

    @pytest.mark.asyncio
    @pytest.mark.taskq_noblock("soon")
    async def test_is_wrong():
        pass

    @pytest.mark.taskq_noblock
    def test_is_sync():
        pass
"""


@pytest.mark.slow
def test_a_marked_test_hears_of_the_line_that_blocks(run):
    result = run(BLOCKS)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "the loop was blocked for 3* ms by time.sleep in handler() (test_*.py:11)",
            "*::test_is_wrong: the marker taskq_noblock takes a number of seconds above 0. *",
            "*::test_is_sync: the marker taskq_noblock is for async tests. This one is not. *",
        ]
    )


def test_a_time_for_one_case_is_not_that_of_the_others(run):
    text = """
        import pytest

        @pytest.mark.parametrize("mode", [
            pytest.param("held", marks=pytest.mark.taskq_time), "untouched",
        ])
        def test_clock(mode, request):
            assert ("taskq_clock" in request.fixturenames) == (mode == "held")
    """
    run(text).assert_outcomes(passed=2)


def test_a_task_that_takes_no_cancellation_hangs_nothing(run):
    text = """
    import asyncio
    import pytest

    async def deaf():
        while True:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                pass

    @pytest.mark.asyncio
    async def test_leaves_it():
        asyncio.create_task(deaf())
        await asyncio.sleep(0)
"""
    result = run(text, ini="taskq_strict = tasks\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "test left 1 task running: Task-* deaf() waiting at *",
            "It takes no cancellation either, and was left behind: deaf waits on sleep (*)",
        ]
    )

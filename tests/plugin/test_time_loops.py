"""The clock moves the loop of a test whoever runs it, and Python's clocks by the chosen library."""

import pytest

HOUR = """
    import asyncio
    import pytest
    from datetime import UTC, datetime, timedelta

    async def sleep_for_an_hour():
        before = datetime.now(UTC)
        await asyncio.sleep(3600)
        assert datetime.now(UTC) - before == timedelta(hours=1)
"""
START = '"2030-01-01", mode="auto"'


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio_in_each_mode_and_loop_scope(run, mode, scope):
    mark = f"@pytest.mark.asyncio(loop_scope='{scope}')" if mode == "strict" else ""
    scoped = "" if mode == "strict" else f"asyncio_default_test_loop_scope = {scope}\n"
    text = f"""{HOUR}
    {mark}
    @pytest.mark.taskq_time({START})
    async def test_auto():
        await sleep_for_an_hour()

    {mark}
    async def test_held(taskq_clock):
        task = asyncio.create_task(sleep_for_an_hour())
        await taskq_clock.elapse("1h")
        await task

    {mark}
    async def test_real():
        assert "time" not in vars(asyncio.get_running_loop())

    {mark}
    @pytest.mark.taskq_time({START})
    async def test_auto_again():
        await sleep_for_an_hour()
    """
    run(text, ini=f"asyncio_mode = {mode}\n{scoped}").assert_outcomes(passed=4)


@pytest.mark.slow
def test_the_plugin_of_anyio_on_asyncio(run):
    text = f"""{HOUR}
    import anyio

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.taskq_time({START})
    async def test_auto():
        await sleep_for_an_hour()

    async def test_held(taskq_clock):
        over = []

        async def wait():
            with anyio.move_on_after(60):
                await anyio.sleep(3600)
            over.append(taskq_clock.time())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            start = taskq_clock.time()
            await taskq_clock.elapse(minutes=2)
        assert over == [start + timedelta(minutes=1)]

    async def test_real():
        assert "time" not in vars(asyncio.get_running_loop())
    """
    run(text).assert_outcomes(passed=3)


@pytest.mark.slow
@pytest.mark.slow
def test_an_async_case_of_unittest(run):
    text = f"""{HOUR}
    import unittest

    class Shop(unittest.IsolatedAsyncioTestCase):
        @pytest.mark.taskq_time({START})
        async def test_hour(self):
            await sleep_for_an_hour()

        test_hour_by_another_name = test_hour

        async def test_real(self):
            assert "time" not in vars(asyncio.get_running_loop())

        @pytest.mark.taskq_strict("tasks")
        async def test_leaves_a_task(self):
            self.task = asyncio.create_task(asyncio.sleep(60))

        def test_sync(self):
            pass
    """
    result = run(text)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*test left 1 task running*"])


def test_sync_tests_move_the_clock_and_may_run_a_loop(run):
    text = f"""{HOUR}
    def test_held(taskq_clock):
        before = datetime.now(UTC)
        taskq_clock.advance("1h30m")
        assert datetime.now(UTC) - before == timedelta(minutes=90)

    @pytest.mark.taskq_time({START})
    def test_a_loop_of_its_own(taskq_clock):
        async def main():
            with taskq_clock.in_loop():
                await sleep_for_an_hour()

        asyncio.run(main())
    """
    run(text).assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.parametrize("freezer", ["auto", "freezegun", "time-machine", "none"])
def test_the_freezer_is_chosen_by_the_ini_file(run, freezer):
    if freezer == "time-machine":
        pytest.importorskip("time_machine")
    text = """
        import asyncio
        import time
        import pytest
        from datetime import UTC, datetime

        @pytest.mark.asyncio
        async def test_it(taskq_clock, request):
            taskq_clock.advance(days=10_000)
            moved = request.config.getini("taskq_freezer") != "none"
            for year in (datetime.now(UTC).year, time.gmtime().tm_year):
                assert (year == taskq_clock.time().year) == moved
            task = asyncio.create_task(asyncio.sleep(60))
            await taskq_clock.elapse(60)
            assert task.done()
    """
    run(text, ini=f"taskq_freezer = {freezer}\n").assert_outcomes(passed=1)


def test_a_wrong_freezer_stops_pytest(run):
    result = run("", "--taskq-freezer=icebox")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = "ERROR: taskq: there is no freezer 'icebox'. It was chosen by --taskq-freezer, *"
    result.stderr.fnmatch_lines([f"{text}auto, freezegun, time-machine, none. Correct the name*"])

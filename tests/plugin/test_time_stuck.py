"""A test in which nothing can move ends, and says who waits for what."""

import pytest

STUCK = """
    import asyncio
    import pytest

    pytestmark = pytest.mark.asyncio

    @pytest.mark.taskq_time(mode="auto")
    async def test_notified_too_early():
        condition = asyncio.Condition()

        async def producer():
            async with condition:
                condition.notify()

        async def consumer():
            async with condition:
                await condition.wait()

        await asyncio.gather(producer(), consumer())

    async def test_sleeps(taskq_clock):
        await asyncio.sleep(60)

    @pytest.mark.taskq_time(mode="auto")
    async def test_catches_its_own_end():
        with pytest.raises(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def test_a_job_sleeps(docket, worker, taskq_clock):
        async def job():
            await asyncio.sleep(60)

        await docket.add(job)()
        await worker.run_until_finished()

    async def test_a_job_waits_for_ever(docket, worker):
        async def job():
            await asyncio.Event().wait()

        await docket.add(job)()
        await worker.run_until_finished()

    async def test_a_worker_waits_for_jobs(in_memory_app):
        await in_memory_app.run_worker_async()

    async def test_next():
        await asyncio.sleep(0)
"""


@pytest.mark.slow
def test_a_stuck_test_fails_in_one_line_that_names_every_task_that_waits(run):
    result = run(STUCK, "-v", ini="taskq_stuck_after = 1\n")
    result.assert_outcomes(passed=1, failed=6)
    result.stdout.fnmatch_lines(
        [
            "deadlock: *test_notified_too_early (in gather, *) or consumer (in Condition.*, *).",
            "For 1 real seconds no task was ready, *. The clock is auto and stands at * UTC.",
            "deadlock: nothing can wake test_sleeps (in sleep, test_*.py:*).",
            "The next timer is at * UTC: let time pass with `await taskq_clock.elapse(...)`, *",
            "deadlock: nothing can wake test_catches_its_own_end (in Event.wait, test_*.py:*).",
            "deadlock: nothing can wake test_a_job_sleeps (in Worker.run_*) or job (in sleep, *).",
            '*with `await taskq_clock.elapse(...)` or `await taskq.drain(until="1m")`, or *',
            "*taskq: the queue*",
            "*  worker  start   #1 job",
            "Waiting: 1 running.",
            "deadlock: *test_a_worker_waits_for_jobs (in App.run_worker_async, test_*.py:*).",
            "A worker that waits for jobs *: did you mean run_worker_async(wait=False)[?]",
        ]
    )
    result.stdout.no_fnmatch_line("*another exception*")


SYNC = """
    import asyncio
    import pytest

    async def sleeper():
        await asyncio.sleep(3600)

    def test_drains(in_memory_app, taskq, taskq_clock):
        in_memory_app.task(name="sleeper")(sleeper).defer()
        taskq.drain()

    def test_drains_time(in_memory_app, taskq, taskq_clock):
        in_memory_app.task(name="sleeper")(sleeper).defer()
        taskq.drain(until="1h")

    def test_goes_on(in_memory_app, taskq, taskq_clock):
        in_memory_app.task(name="sleeper")(sleeper).defer()
        with pytest.raises(Exception, match="deadlock"):
            taskq.drain()
        taskq.drain(until="1h")
        assert not "done"

    def test_runs_a_worker_that_sleeps(in_memory_app, taskq_clock):
        in_memory_app.task(name="sleeper")(sleeper).defer()
        in_memory_app.run_worker(wait=False)

    def test_runs_a_worker(in_memory_app):
        in_memory_app.run_worker()
"""


def test_a_sync_test_that_is_stuck_shows_its_own_line_and_what_works_there(run):
    result = run(SYNC, "-v", ini="taskq_stuck_after = 1\n")
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines(
        [
            ">       taskq.drain()",
            "E *can wake taskq.drain() (in sync code, *.py:9) or sleeper (in sleep, *.py:5).",
            'E *let time pass with `taskq.drain(until="1h")`, or leave the clock auto.',
            "1 job: 1 running.",
            "Waiting: 1 running.",
            '>       assert not "done"',
            "1 job: 1 succeeded.",
            ">       in_memory_app.run_worker(wait=False)",
            "E *In hand is sleeper, and the clock is held. Let time pass, *",
            "1 job: 1 running.",
            ">       in_memory_app.run_worker()",
            "E *No job is in hand, *: did you mean run_worker(wait=False)[?]",
        ]
    )
    for left_out in ("base_events.py", "_guarded", "taskq_clock.elapse"):
        result.stdout.no_fnmatch_line(f"*{left_out}*")


@pytest.mark.slow
def test_zero_is_never(run):
    text = """
        import asyncio
        import threading
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.taskq_time
        async def test_something_that_nobody_can_know_of_comes_late():
            event, loop = asyncio.Event(), asyncio.get_running_loop()
            timer = threading.Timer(2, loop.call_soon_threadsafe, [event.set])
            timer.start()
            await event.wait()
    """
    run(text, "--taskq-stuck-after=0").assert_outcomes(passed=1)
    result = run(text, ini="taskq_stuck_after = 1\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["deadlock: nothing can wake *"])


@pytest.mark.parametrize("value", ["-1", "soon", "0.5"])
def test_a_number_of_seconds_that_can_mean_nothing_stops_pytest(run, value):
    result = run("", ini=f"taskq_stuck_after = {value}\n")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: taskq: the stuck after must be a whole number of at least 0. It is '{value}'*"]
    )


def test_a_test_in_which_nothing_but_time_passes_fails_and_names_what_lets_it_pass(run_files):
    files = {
        "conftest": """
            from pytest_taskq.engine import stuck
            from pytest_taskq.testing import endless

            stuck.JUMPS, endless.ENOUGH = 50, 200
        """,
        "test_it": """
            import asyncio
            import pytest

            @pytest.mark.asyncio
            async def test_polls(taskq):
                async def poll():
                    while True:
                        await asyncio.sleep(1)

                polling = asyncio.create_task(poll())
                await asyncio.Event().wait()
        """,
    }
    result = run_files(**files)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "endless: *has jumped 200 times, *test_polls (in Event.wait, test_it.py:11) has not *",
            "What lets time pass is poll (in sleep, test_it.py:8). End it, *",
        ]
    )

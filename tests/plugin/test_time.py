"""The clock of a test: its marker, its modes, and that nothing of it is left afterwards."""

import pytest

TIME_TESTS = """
    import datetime
    import time
    import pytest

    @pytest.mark.taskq_time("2030-01-01T12:00:00+00:00")
    def test_marked(taskq_clock):
        assert taskq_clock.mode == "held"
        assert datetime.datetime.now(datetime.timezone.utc) == taskq_clock.time()
        assert taskq_clock.time().year == 2030

    @pytest.mark.taskq_time(start="2030-01-01")
    def test_marked_and_no_fixture():
        assert time.gmtime().tm_year == 2030

    @pytest.mark.taskq_time(mode="auto")
    def test_auto(taskq_clock):
        assert taskq_clock.mode == "auto"

    @pytest.mark.taskq_time(mode="real")
    def test_real(taskq_clock):
        with pytest.raises(ValueError, match="cannot be moved"):
            taskq_clock.advance(1)

    def test_asked_for(taskq_clock):
        before = datetime.datetime.now(datetime.timezone.utc)
        taskq_clock.advance(hours=1)
        after = datetime.datetime.now(datetime.timezone.utc)
        assert after - before == datetime.timedelta(hours=1)

    def test_unmarked(docket):
        assert docket.queue.clock.mode == "auto"
        assert time.gmtime().tm_year != 2030
"""


def test_the_marker_and_the_clock(run):
    run(TIME_TESTS, "--strict-markers").assert_outcomes(passed=6)


@pytest.mark.parametrize("end", ["assert 0", "raise SystemExit(1)", "raise KeyError"])
def test_nothing_is_frozen_after_a_test_whatever_happened_in_it(run, end):
    text = f"""
        import time

        def test_it(taskq_clock):
            taskq_clock.advance(days=10_000)
            {end}

        def test_after():
            assert time.gmtime().tm_year < 2050
    """
    run(text).assert_outcomes(passed=1, failed=1)


def test_the_duration_of_a_test_with_a_held_clock_is_real(run):
    text = """
        def test_it(taskq_clock):
            taskq_clock.advance(days=10_000)
    """
    result = run(text, "--durations=1", "-vv")
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"[01]\.\d\ds (call|setup|teardown) .*test_it"])


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("at=1", "It was given at"),
        ('mode="frozen"', "mode='frozen', which is none of auto, held, real"),
        ('"yesterday"', "start='yesterday'"),
        ('"2030-01-01", mode="real"', "a real clock cannot start elsewhere"),
        ('"2030-01-01", start="2031-01-01"', "1 positional"),
        ("5", "not int"),
    ],
)
def test_a_wrong_marker_fails_its_test_in_one_line(run, arguments, found):
    text = f"""
        import pytest

        @pytest.mark.taskq_time({arguments})
        def test_it(taskq_clock):
            pass

        def test_another():
            pass
    """
    result = run(text)
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        [f"*test_it: the marker taskq_time takes start and mode. *{found}*. Write for instance *"]
    )
    result.stdout.no_fnmatch_line("*options.py*")


def test_what_a_test_makes_for_itself_is_on_its_controlled_clock(run):
    text = """
        import pytest
        from datetime import UTC, datetime, timedelta
        from pytest_taskq.docket import Docket, Worker
        from pytest_taskq.soniq import make_app

        pytestmark = pytest.mark.asyncio
        seen = []

        async def remind(customer):
            seen.append(customer)

        async def test_a_docket(taskq_clock):
            async with Docket("mine", "memory://mine") as docket, Worker(docket) as worker:
                later = datetime.now(UTC) + timedelta(seconds=10)
                await docket.add(remind, when=later)(7)
                await worker.run_until_finished()
                assert seen == []
                taskq_clock.advance(10)
                await worker.run_until_finished()
                assert seen == [7]

        async def test_a_docket_of_another_test_is_on_real_time():
            async with Docket("mine", "memory://mine") as docket:
                assert docket.queue.clock.mode == "real"
                assert (await docket.snapshot()).total_tasks == 0

        async def test_an_app(taskq_clock):
            app = make_app()
            job = app.job(name="shop.remind")(remind)
            await app.enqueue(job, customer=8, scheduled_at=timedelta(hours=1))
            taskq_clock.advance(hours=1)
            await app.run_worker(run_once=True)
            assert seen[-1] == 8
    """
    run(text).assert_outcomes(passed=3)

"""The name of a library can mean our facade, for a run of tests."""

import pytest

ON = "--taskq-substitute=docket"

APP = """
from datetime import timedelta
from docket import Docket, Retry
from docket.dependencies import Depends

url = "redis://nobody-listens-here:6379/0"
poured = []

async def pour(cup, retry: Retry = Retry(attempts=2, delay=timedelta(hours=1))):
    if retry.attempt == 1:
        raise ValueError("spilled")
    poured.append(cup)
"""

TEST = """
import asyncio, time
import pytest
from datetime import datetime, timedelta, timezone
from docket import Docket, Worker
from shop import pour, poured, url

@pytest.mark.asyncio
async def test_an_hour_passes_at_once():
    poured.clear()
    began = time.perf_counter()
    async with Docket(name="tea", url=url) as docket, Worker(docket) as worker:
        await docket.add(pour)(1)
        await docket.add(pour, when=datetime.now(timezone.utc) + timedelta(days=1))(2)
        await worker.run_until_finished()
    assert poured == [1, 2]

@pytest.mark.asyncio
async def test_another_test_begins_with_nothing():
    async with Docket(name="tea", url=url) as docket:
        assert (await docket.snapshot()).total_tasks == 0
        await docket.add(pour)(1)
    async with Docket(name="tea", url=url) as docket:
        docket.register(pour)
        assert (await docket.snapshot()).total_tasks == 1
"""


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_an_app_runs_on_our_stores_and_our_clock(run_files, backend):
    done = run_files(ON, f"--taskq-backend={backend}", shop=APP, test_shop=TEST)
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines([f"taskq: backend={backend}*substitute=docket"])


def test_with_two_backends_each_test_runs_on_both(run_files):
    run_files(ON, "--taskq-backend=memory,sqlite", shop=APP, test_shop=TEST).assert_outcomes(
        passed=4
    )


def test_an_ini_file_may_ask_for_it(pytester):
    pytester.makeini(
        "[pytest]\ntaskq_substitute = docket\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makepyfile(shop=APP, test_shop=TEST)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_names_and_modules_are_those_of_the_facade(run_files):
    run_files(
        ON,
        conftest="from docket import Docket",
        test_names="""
            import sys
            import docket, docket.dependencies
            from docket.execution import ExecutionState
            import pytest_taskq.docket.execution
            from conftest import Docket

            def test_names():
                assert docket is sys.modules["pytest_taskq.docket"]
                assert docket.Docket is Docket is pytest_taskq.docket.Docket
                assert ExecutionState is pytest_taskq.docket.execution.ExecutionState
                assert docket.__spec__.name == "pytest_taskq.docket"
        """,
    ).assert_outcomes(passed=1)


def test_what_the_facade_has_not_says_so(run_files):
    done = run_files(
        ON,
        test_cli="""
            import pytest

            def test_cli():
                with pytest.raises(ImportError, match="docket is substituted.* has no cli"):
                    import docket.cli
        """,
    )
    done.assert_outcomes(passed=1)


def test_it_is_refused_when_the_library_is_there_already(run_files):
    done = run_files(ON, "-p", "early", early="import docket", test_it="def test_it(): pass")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*docket cannot be substituted. It is imported already, from *"])


def test_another_library_is_refused(run_files):
    done = run_files("--taskq-substitute=celery", test_it="def test_it(): pass")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*substitute cannot be 'celery'*docket*"])


def test_without_it_the_name_means_the_library(run_files):
    done = run_files(
        test_it="""
            import docket

            def test_it():
                assert docket.__name__ == "docket"
        """,
    )
    done.assert_outcomes(passed=1)
    assert "substitute" not in done.stdout.str()


def test_the_clock_can_be_held(run_files):
    run_files(
        ON,
        shop=APP,
        test_clock="""
            import pytest
            from docket import Docket, Worker
            from shop import pour, poured, url

            @pytest.mark.asyncio
            async def test_a_retry_waits_for_its_hour(taskq_clock):
                async with Docket(name="tea", url=url) as docket, Worker(docket) as worker:
                    await docket.add(pour)(1)
                    await worker.run_until_finished()
                    assert poured == []
                    taskq_clock.advance(hours=1)
                    await worker.run_until_finished()
                    assert poured == [1]
        """,
    ).assert_outcomes(passed=1)


def test_the_harness_sees_the_dockets_of_the_app(run_files):
    text = """
import pytest
from docket import Docket
from pytest_taskq import job

async def charge(order): ...

@pytest.mark.asyncio
async def test_it(taskq):
    async with Docket(name="shop", url="redis://shop.example") as docket:
        await docket.add(charge)(7)
        taskq.assert_enqueued(job(charge, order=7))
        assert (await taskq.drain()).counts == {"succeeded": 1}
"""
    run_files("--taskq-substitute=docket", test_it=text).assert_outcomes(passed=1)

"""What a run leaves behind: the page of its jobs and the coverage of its tasks."""

import json
import re

import pytest

TEST = """
import pytest

async def charge(cart, token):
    if cart == 13:
        raise ValueError("unlucky")

async def never(): ...

@pytest.mark.asyncio
@pytest.mark.parametrize("cart", [7, 13])
@pytest.mark.taskq_time("2030-01-01T12:00:00+00:00")
async def test_payment(docket, worker, cart):
    docket.register(charge)
    docket.register(never)
    await docket.add("charge")(cart, token="tok_123")
    await worker.run_until_finished()
    assert cart == 7, "<unlucky>"

def test_plain(): pass

@pytest.fixture
def broken():
    raise OSError("no disk")

def test_without_disk(broken): pass
"""
RUNS = pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])


def data_of(path):
    found = re.search(r'id="taskq-data">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    return {test["test"]: test for test in json.loads(found[1])}


@RUNS
def test_the_page_has_every_test_and_its_jobs(run_files, pytester, workers):
    result = run_files("--taskq-html=out/jobs.html", *workers, test_it=TEST)
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["taskq: wrote out/jobs.html: 2 tests with jobs"])
    run_files("--taskq-html=out/jobs.html", *workers, test_it=TEST)  # over one of its own
    tests = data_of(pytester.path / "out" / "jobs.html")
    assert {name.partition("::")[2]: test["outcome"] for name, test in tests.items()} == {
        "test_payment[7]": "passed",
        "test_payment[13]": "failed",
        "test_plain": "passed",
        "test_without_disk": "error",
    }
    failed = tests["test_it.py::test_payment[13]"]
    assert failed["message"].startswith("AssertionError: <unlucky>")
    assert [event["event"] for event in failed["events"]] == ["enqueue", "start", "fail"]
    assert failed["jobs"]["#1"]["arguments"]["token"] == "***"
    assert failed["start"] == "2030-01-01T12:00:00+00:00"
    assert "jobs" not in tests["test_it.py::test_plain"]


def test_a_page_that_cannot_be_written_fails_no_test(run_files, pytester):
    (pytester.path / "out").write_text("a file, where a folder should be")
    result = run_files("--taskq-html=out/jobs.html", "-k", "plain", test_it=TEST)
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.fnmatch_lines(["taskq: out/jobs.html cannot be written (*)."])


@RUNS
def test_coverage_lists_what_was_never_seen(run_files, workers):
    result = run_files("--taskq-report=coverage", *workers, test_it=TEST)
    result.stdout.fnmatch_lines(
        [
            "*- taskq: coverage of tasks -*",
            "1 of 2 registered tasks never performed:",
            "  docket  never",
            "Outcomes never seen:",
            "  docket  charge  cancelled",
        ],
        consecutive=True,
    )


def test_an_unknown_report_is_refused_before_anything_runs(run_files):
    result = run_files("--taskq-report=speed", test_it=TEST)
    result.stderr.fnmatch_lines(
        ["ERROR: taskq: report cannot be 'speed'. It was chosen by --taskq-report, and there *"]
    )


def test_nothing_is_collected_that_nobody_asked_for(run_files):
    spoilt = TEST + (
        "\nfrom pytest_taskq.testing import coverage, html\n"
        "coverage.tasks_of = html.collect = None\n"
    )
    result = run_files(test_it=spoilt)
    result.assert_outcomes(passed=2, failed=1, errors=1)

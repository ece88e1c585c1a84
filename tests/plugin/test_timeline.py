"""The timeline in the report of a test: when, of what, and without secrets."""

import pytest

TEST = """
import pytest
from pytest_taskq.docket import Docket

class GatewayDown(Exception): ...

async def charge(cart, token):
    raise GatewayDown(f"no bank for {token}")

@pytest.mark.asyncio
@pytest.mark.taskq_time("2030-01-01T12:00:00+00:00")
async def test_payment(docket, worker):
    docket.register(charge)
    await docket.add("charge", key="order-7")(cart=7, token="tok_123")
    await worker.run_until_finished()
    assert OUTCOME
"""
FAILS = TEST.replace("OUTCOME", "False")
PASSES = TEST.replace("OUTCOME", "True")
LINES = [
    "The clock is held and stands at 2030-01-01 12:00:00 UTC.",
    "1 job: 1 dead.",
    "",
    "12:00:00  test    enqueue #1 charge(cart=7, token=[*][*][*]) key=order-7",
    "12:00:00  worker  start   #1 charge",
    "12:00:00  worker  fail    #1 charge try 1  GatewayDown: no bank for [*][*][*] -> dead",
    "",
    "Job #1 (charge) failed in attempt 1:",
]


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "xdist"])
def test_a_failed_test_has_its_timeline(run_files, workers):
    result = run_files(*workers, test_it=FAILS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- taskq: the queue -*", *LINES], consecutive=True)
    result.stdout.fnmatch_lines(["  *GatewayDown: no bank for [*][*][*]"])


def test_a_passing_test_has_none_and_renders_none(run_files):
    spoilt = PASSES + (
        "\nfrom pytest_taskq.testing import evidence, timeline\n"
        "timeline.Timeline.__init__ = evidence.describe_apps = None\n"
    )
    result = run_files("-rA", test_it=spoilt)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*taskq: the queue*")


@pytest.mark.parametrize("options", [(), ("-n1",), ("-rA",)], ids=["alone", "xdist", "rA"])
def test_all_shows_those_of_passing_tests_too_once(run_files, options):
    result = run_files("--taskq-timeline=all", *options, test_it=PASSES)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_payment*", *LINES[:6]])
    assert result.stdout.str().count("enqueue #1") == 1


def test_none_shows_the_jobs_one_by_one(run_files):
    result = run_files("--taskq-timeline=none", test_it=FAILS)
    result.stdout.fnmatch_lines(
        [
            *LINES[:2],
            (
                "  #1  charge(cart=7, token=[*][*][*])  dead  attempt 1  key order-7  "
                "GatewayDown: no bank for [*][*][*]"
            ),
            "",
            "Job #1 (charge) failed in attempt 1:",
        ],
        consecutive=True,
    )


def test_another_word_is_refused_before_anything_runs(run_files):
    result = run_files("--taskq-timeline=always", test_it=FAILS)
    result.stderr.fnmatch_lines(
        ["ERROR: taskq: there is no timeline 'always'. It was chosen by --taskq-timeline, and *"]
    )


def test_a_skipped_test_shows_nothing(run_files):
    text = PASSES.replace("assert True", "pytest.skip('later')")
    result = run_files("-rA", "--taskq-timeline=all", test_it=text)
    result.assert_outcomes(skipped=1)
    result.stdout.no_fnmatch_line("*taskq: the queue*")


class TestRedact:
    OWN = "def hide(name, value):\n    return '<cart>' if name == 'cart' else value\n"

    def test_the_user_hides_more(self, run_files):
        result = run_files("-o", "taskq_redact=hiding:hide", test_it=FAILS, hiding=self.OWN)
        result.stdout.fnmatch_lines(
            ["*enqueue #1 charge(cart='<cart>', token=[*][*][*]) key=order-7"]
        )

    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("hiding:gone", "*'hiding:gone' of taskq_redact cannot be used (AttributeError: *"),
            ("absent:hide", "*cannot be used (ModuleNotFoundError: No module named 'absent')*"),
            ("hiding:__name__", "*(it is 'hiding', which cannot be called)*"),
            ("broken:hide", "*(ZeroDivisionError: division by zero)*"),
        ],
    )
    def test_a_function_that_is_not_there_ends_the_run(self, run_files, path, problem):
        files = {"test_it": PASSES, "hiding": self.OWN, "broken": "1 / 0"}
        result = run_files(f"--taskq-redact={path}", **files)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: taskq: {problem}"])
        result.stdout.fnmatch_lines(["*no tests ran*"])

    def test_in_several_processes_each_test_tells_it(self, run_files):
        result = run_files("-n1", "--taskq-redact=absent:hide", test_it=PASSES)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["taskq: the function 'absent:hide' of taskq_redact *"])

    def test_half_a_name_is_refused(self, run_files):
        result = run_files("-o", "taskq_redact=hiding", test_it=PASSES)
        result.stderr.fnmatch_lines(
            ["ERROR: taskq: redact names a function as module:function. It is 'hiding', by *"]
        )

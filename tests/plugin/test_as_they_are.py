"""How our own modules are imported while pytest runs."""

from __future__ import annotations

import sys

import pytest

KINDS = """
    from importlib.machinery import SourceFileLoader

    import pytest_taskq.testing._conformance.put as suite
    from pytest_taskq.docket import docket as module

    def test_it(docket):
        assert type(module.__loader__) is SourceFileLoader
        assert type(suite.__loader__) is not SourceFileLoader
"""


def test_only_what_asserts_is_rewritten(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(KINDS)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_tests_of_the_users_in_a_folder_of_our_name_are_rewritten(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(**{"pytest_taskq/test_mine": "def test(): assert [1, 2] == [1, 3]"})
    result = pytester.runpytest_subprocess("--import-mode=importlib", "pytest_taskq")
    result.stdout.fnmatch_lines(["E * assert [[]1, 2[]] == [[]1, 3[]]"])


RUN = """
import sys
import pytest

ended = pytest.main(["-p", "no:asyncio", "--taskq-substitute=docket", *sys.argv[1:]])
print("LEFT", [finder for finder in sys.meta_path if "pytest_taskq" in type(finder).__module__])
print("LEFT", [name for name in sys.modules if name.partition(".")[0] == "docket"])
sys.exit(ended)
"""


@pytest.mark.parametrize("option", ["-q", "--nope", "--taskq-backend=nope"])
def test_a_run_leaves_imports_as_they_were(pytester: pytest.Pytester, option: str) -> None:
    pytester.makepyfile("def test_it(taskq_backend): import docket")
    script = pytester.makepyfile(run=RUN)
    result = pytester.run(sys.executable, script, option)
    assert result.ret == (pytest.ExitCode.USAGE_ERROR if "nope" in option else 0)
    assert [line for line in result.outlines if "LEFT" in line] == ["LEFT []", "LEFT []"]

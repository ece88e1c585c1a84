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


def test_a_run_leaves_imports_as_they_were(pytester: pytest.Pytester) -> None:
    before = list(sys.meta_path)
    pytester.makepyfile("def test_it(taskq_backend): pass")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    assert sys.meta_path == before

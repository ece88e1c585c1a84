"""Fails a test that passed, for what it has not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_taskq.plugin.marks import marked_strict
from pytest_taskq.plugin.options import read_options

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_taskq.testing.environment import Environment

__all__ = ["check_strictness", "check_teardown", "strictness"]


def strictness(item: pytest.Item) -> frozenset[str]:
    """What fails the test: the kinds of its marker, or else those of the run."""
    kinds = marked_strict(item)
    return read_options(item.config).strict if kinds is None else kinds


def check_strictness(item: pytest.Item, environment: Environment) -> None:
    """Fail for what the test leaves unseen, in the measure of its marker or of the run."""
    __tracebackhide__ = True
    from pytest_taskq.testing.strict import check_end

    complaint = check_end(environment, strictness(item), _own(item))
    if complaint:
        pytest.fail(complaint, pytrace=False)


def check_teardown(item: pytest.Item, environment: Environment) -> None:
    """Fail for the exceptions that jobs have raised since, while the fixtures were torn down."""
    from pytest_taskq.testing.strict import told_afterwards

    complaint = told_afterwards(environment, _own(item))
    if complaint and "errors" in strictness(item):
        pytest.fail(complaint, pytrace=False)


def _own(item: pytest.Item) -> Path | None:
    """The file of a test without the harness."""
    return None if "taskq" in getattr(item, "fixturenames", ()) else item.path

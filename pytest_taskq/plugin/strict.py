"""Fails a test that passed, for what it has not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_taskq.plugin.marks import marked_strict
from pytest_taskq.plugin.options import read_options

if TYPE_CHECKING:
    import pytest

    from pytest_taskq.testing.environment import Environment

__all__ = ["check_strictness"]


def check_strictness(item: pytest.Item, environment: Environment) -> None:
    """Raise what the test leaves unseen, in the measure of its marker or of the run."""
    __tracebackhide__ = True
    from pytest_taskq.testing.strict import check_end

    kinds = marked_strict(item)
    if kinds is None:
        kinds = read_options(item.config).strict
    with_harness = "taskq" in getattr(item, "fixturenames", ())
    check_end(environment, kinds, None if with_harness else item.path)

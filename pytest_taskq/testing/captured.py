"""What a block has enqueued and executed: two lists, and so none itself."""

from __future__ import annotations

from typing import Any, NoReturn

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.assertions import JobAssertions

__all__ = ["Captured"]


class Captured(JobAssertions):
    """See ``Harness.capture`` and ``perform``. Raises BadOption where it is used as a list."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list | tuple):
            self._refuse()
        return self is other

    __hash__ = object.__hash__

    def _refuse(self, *_: Any) -> NoReturn:
        __tracebackhide__ = True
        raise BadOption(
            f"{self._name} is no list. It has what was enqueued, and what was executed. Write "
            f"{self._name}.assert_enqueued([...]) or {self._name}.assert_executed([...]), "
            f"or look at the list {self._name}.jobs()."
        )

    __iter__ = __len__ = __getitem__ = __contains__ = _refuse

"""A user's own app of the real Soniq, adopted for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_taskq.testing.environment import Environment

__all__ = ["own_soniq"]


def own_soniq(request: pytest.FixtureRequest, environment: Environment, app: Any) -> Any:
    """The app, on a queue of this test until it ends; None for what is no app of Soniq."""
    if not any(kind.__module__.partition(".")[0] == "soniq" for kind in type(app).__mro__):
        return None
    from pytest_taskq.adapters.soniq import Adopted

    def adopt() -> Adopted:
        adopted = Adopted(app, environment.new_queue())
        request.node.addfinalizer(adopted.close)
        environment.adopt(adopted.under_test())
        return adopted

    return environment.once(Adopted, adopt).app
